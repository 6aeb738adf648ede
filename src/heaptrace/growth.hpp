// SPDX-License-Identifier: MIT
#pragma once

// Whether a recording has seen enough: since when a heap's figures have not grown.

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>

#include "heaptrace/event.hpp"
#include "heaptrace/usage.hpp"

namespace drone::heaptrace {

/// Takes a heap's events as they come, with the time at which they did. Nobody can know that a
/// figure will not grow any more; what can be known is for how long it has not.
class Growth {
 public:
  using Clock = std::chrono::steady_clock;

  /// The least that is_enough() asks for, whatever came before.
  static constexpr std::chrono::seconds kLeastTime{10};
  static constexpr std::uint64_t kLeastEvents = 100;

  void add(std::span<const Event> events, Clock::time_point now);

  const UsageCollector& usage() const { return usage_; }

  /// Of the latest event.
  std::optional<Clock::time_point> last_event() const { return last_event_; }

  /// When the peak, or the max count of any size, last grew.
  std::optional<Clock::time_point> last_growth() const { return last_growth_; }

  /// When a size last turned up that there was not before.
  std::optional<Clock::time_point> last_new_size() const { return last_new_size_; }

  /// Nothing has grown for as long, and for as many events, as it took until then; that is, nothing
  /// in the second half of the recording. And for kLeastTime and kLeastEvents.
  bool is_enough(Clock::time_point now) const;

 private:
  UsageCollector usage_;
  std::optional<Clock::time_point> first_event_;
  std::optional<Clock::time_point> last_event_;
  std::optional<Clock::time_point> last_growth_;
  std::optional<Clock::time_point> last_new_size_;
};

}  // namespace drone::heaptrace
