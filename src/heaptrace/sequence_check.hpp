// SPDX-License-Identifier: MIT
#pragma once

// Compares the target's count of its events, which SEQUENCE carries, with what arrived.

#include <cstdint>

namespace drone::heaptrace {

/// Counts modulo 2^24, as SEQUENCE does.
class SequenceCheck {
 public:
  /// A run begins, and its VERSION was seen: that is its first event.
  void begin_run() {
    known_ = true;
    count_ = 1;
    lost_ = 0;
  }

  /// `events` that count were seen, or are accounted for by a DROPPED.
  void count(std::uint32_t events) { count_ += events; }

  /// A SEQUENCE, itself counted already, says `sequence`. Returns how many events were lost since
  /// the last one: negative if that many which were taken for lost turn out to be accounted for (by
  /// a DROPPED that came after the SEQUENCE). In a stream whose beginning was not seen the first
  /// SEQUENCE sets the count. One that is behind the count by more than that belongs to a run whose
  /// VERSION was lost, with at least that one event.
  std::int64_t check(std::uint32_t sequence) {
    const std::uint32_t ahead = (sequence - count_) & kMask;
    const bool known = known_;
    known_ = true;
    count_ = sequence;
    if (!known) return 0;
    if (ahead < kMask / 2) {
      lost_ += ahead;
      return ahead;
    }
    const std::uint32_t behind = (kMask + 1) - ahead;
    if (behind <= lost_) {
      lost_ -= behind;
      return -static_cast<std::int64_t>(behind);
    }
    lost_ = 1;
    return 1;
  }

  /// Whether the beginning of the run was seen, or a SEQUENCE: and what the next event would say if
  /// it were one and nothing were lost.
  bool is_known() const { return known_; }
  std::uint32_t next() const { return (count_ + 1) & kMask; }

 private:
  static constexpr std::uint32_t kMask = 0xFFFFFF;
  bool known_ = false;
  std::uint32_t count_ = 0;
  std::uint64_t lost_ = 0;  ///< of this run
};

}  // namespace drone::heaptrace
