// SPDX-License-Identifier: MIT
#pragma once

// The sensor node: keeps what each watched topic measured, obeys commands, and makes messages of
// both, which wait in a queue until they are published. Knows no hardware, so it is tested on the
// host.

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "command.hpp"
#include "readings.hpp"

namespace app {

struct Message {
  std::string topic;
  std::string text;
};

/// The latest values of a topic, in hundredths; at most kLimit. Its memory grows with what it
/// holds.
class History {
 public:
  static constexpr std::size_t kLimit = 24;

  void add(std::int32_t value);
  std::size_t size() const { return size_; }
  /// `i` counts from the oldest.
  std::int32_t at(std::size_t i) const { return values_[i]; }

 private:
  std::unique_ptr<std::int32_t[], FreeMemory> values_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

struct Topic {
  Sensor sensor = Sensor::kTemperature;
  std::int64_t sum = 0;  ///< of this second
  std::uint32_t count = 0;
  std::int32_t lowest = 0;
  std::int32_t highest = 0;
  std::int32_t limit = INT32_MAX;
  bool is_above_limit = false;
  History history;  ///< one mean a second
};

class Node {
 public:
  using Publish = void (*)(std::string_view topic, std::string_view text);

  /// Adds a reading to the topics of its sensor.
  void take(const Reading& reading);

  /// Executes a line from the console, and queues the answer if there is one.
  void execute(std::string_view line);

  /// Queues a message about each topic that has readings, and begins the next second. To be called
  /// once a second.
  void summarise();

  /// Hands the queued messages over, oldest first, and forgets them.
  void publish(Publish hand_over);

  /// A reading that the handler had no memory for.
  void count_lost() { ++lost_; }

  const std::map<std::string, Topic, std::less<>>& topics() const { return topics_; }
  std::size_t queued() const { return queue_.size(); }

 private:
  void watch(const std::string& name);
  void set_limit(const Command& command);
  void report_history(const std::string& name);
  void report_status();
  void queue(std::string_view topic, std::string text);

  std::map<std::string, Topic, std::less<>> topics_;
  std::list<Message> queue_;
  std::uint32_t readings_ = 0;
  std::uint32_t messages_ = 0;
  std::uint32_t lost_ = 0;
};

/// Hundredths as people write them: "21.05", "-0.50".
std::string format_hundredths(std::int32_t value);

}  // namespace app
