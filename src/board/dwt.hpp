// SPDX-License-Identifier: MIT
#pragma once

// Of the Data Watchpoint and Trace unit (ARMv7-M ARM, C1.8): the cycle counter, and the tap on it
// that asks the ITM for synchronization packets.

#include <cstdint>

namespace drone::board {

class Dwt {
 public:
  static constexpr std::uint64_t kNever = UINT64_MAX;

  std::uint32_t read(std::uint32_t address, std::uint64_t now) const;
  void write(std::uint32_t address, std::uint32_t value, std::uint64_t now);
  /// DEMCR.TRCENA: without it the counter stands.
  void set_powered(bool on, std::uint64_t now);

  /// The first cycle after `now` at which the tap's counter bit changes.
  std::uint64_t next_sync(std::uint64_t now) const;

 private:
  bool counting() const { return powered_ && (control_ & 1) != 0; }
  std::uint32_t count(std::uint64_t now) const;

  bool powered_ = false;
  std::uint32_t control_ = 0;
  std::uint32_t frozen_ = 0;      // the count while it stands
  std::uint64_t zero_cycle_ = 0;  // while it counts: cycle at which it was 0, modulo 2^32
};

}  // namespace drone::board
