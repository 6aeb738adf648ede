// SPDX-License-Identifier: MIT
#pragma once

// Usage statistics of a heap: what `drone heap` prints, by the words of docs/numbers.md.

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "heaptrace/event.hpp"

namespace drone::heaptrace {

/// One requested size. `max_count`: most blocks of that size alive at one time (maximum of the
/// runs). `allocations`: how many were made in all; a resize that changes the size makes one of the
/// new size.
struct SizeUsage {
  std::uint32_t size = 0;
  std::uint64_t max_count = 0;
  std::uint64_t allocations = 0;

  friend bool operator==(const SizeUsage&, const SizeUsage&) = default;
};

struct FailedUsage {
  std::uint32_t size = 0;
  std::uint32_t alignment = 0;
  std::uint64_t count = 0;

  friend bool operator==(const FailedUsage&, const FailedUsage&) = default;
};

struct Usage {
  std::vector<SizeUsage> sizes;     ///< ascending size
  std::vector<FailedUsage> failed;  ///< ascending size, then alignment
  std::uint64_t maximum_bytes = 0;  ///< sum over sizes of size x max count
  std::uint64_t peak_bytes = 0;     ///< most requested bytes alive at one instant

  friend bool operator==(const Usage&, const Usage&) = default;
};

/// `into` becomes the usage of both, as if the one ran after the other: the largest max counts and
/// peak, the sums of allocations and failed requests. In any order, and any grouping, the same.
void merge(Usage& into, const Usage& other);

/// When a figure last grew: the number of the event that did it, from 1 on; 0: it never did.
struct LastGrowth {
  std::uint64_t peak = 0;       ///< of the bytes in use
  std::uint64_t max_count = 0;  ///< of any size
  std::uint64_t new_size = 0;   ///< a size that there was not before
};

/// Collects Usage from events. O(1) an event (amortised), memory by distinct sizes.
class UsageCollector {
 public:
  void add(std::span<const Event> events);
  Usage usage() const;

  std::uint64_t events() const { return events_; }          ///< so far
  std::uint64_t live_bytes() const { return live_bytes_; }  ///< requested, in use now
  std::uint64_t peak_bytes() const { return peak_bytes_; }
  const LastGrowth& last_growth() const { return last_growth_; }

 private:
  /// Of one size.
  struct Counts {
    std::uint64_t& begun() { return lives[0]; }
    std::uint64_t begun() const { return lives[0]; }
    std::uint64_t& ended() { return lives[1]; }
    std::uint64_t live() const { return lives[0] - lives[1]; }  ///< in run `run`; 0 in later ones
    void begin_run(std::uint64_t number) {
      run = number;
      ended() = begun();
    }

    std::array<std::uint64_t, 2> lives{};  ///< by kAlloc, kDealloc
    std::uint64_t max_count = 0;
    std::uint64_t run = 0;
  };
  static constexpr std::uint32_t kDenseSizes = 0x4000;

  template <bool with_resizes>
  std::size_t add_lives(std::span<const Event> events);
  void add_one(const Event& event);
  Counts& counts(std::uint32_t size);
  void make_room(std::uint32_t size);
  void begin_life(std::uint32_t size);

  std::vector<Counts> dense_;  ///< by size, up to kDenseSizes
  std::unordered_map<std::uint32_t, Counts> sparse_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint64_t> failed_;  ///< size, alignment
  std::uint64_t run_ = 0;
  std::uint64_t events_ = 0;
  LastGrowth last_growth_;
  std::uint64_t live_bytes_ = 0;
  std::uint64_t peak_bytes_ = 0;
};

}  // namespace drone::heaptrace
