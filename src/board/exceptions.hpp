// SPDX-License-Identifier: MIT
#pragma once

// Which exception runs next: pending, enabled and active state and the priorities of all
// exceptions (ARMv7-M ARM, B1.5). Knows nothing of registers' addresses nor of stack frames.

#include <array>
#include <bitset>
#include <cstdint>
#include <optional>
#include <string>

namespace drone::board {

/// Exception numbers: what IPSR shows. Interrupt n is kFirstInterrupt + n.
enum Exception : unsigned {
  kThreadMode = 0,
  kReset = 1,
  kNmi = 2,
  kHardFault = 3,
  kMemManage = 4,
  kBusFault = 5,
  kUsageFault = 6,
  kSvCall = 11,
  kDebugMonitor = 12,
  kPendSv = 14,
  kSysTickException = 15,
  kFirstInterrupt = 16,
};
inline constexpr unsigned kInterruptCount = 240;
inline constexpr unsigned kExceptionCount = kFirstInterrupt + kInterruptCount;

/// For messages: "SysTick", "interrupt 5", "thread mode".
std::string exception_name(unsigned number);

/// PRIMASK, BASEPRI and FAULTMASK.
struct PriorityMasks {
  std::uint32_t primask = 0;
  std::uint32_t basepri = 0;
  std::uint32_t faultmask = 0;
};

class Exceptions {
 public:
  /// Four bits of priority: the upper ones of a byte, as most Cortex-M3 and M4 have.
  static constexpr std::uint8_t kPriorityBits = 0xF0;
  /// Lower than any exception's: nothing is active or masked.
  static constexpr int kLowest = 256;

  Exceptions() { reset(); }
  void reset();

  bool pending(unsigned number) const { return pending_[number]; }
  void set_pending(unsigned number, bool on);
  bool enabled(unsigned number) const { return enabled_[number]; }
  void set_enabled(unsigned number, bool on);
  bool active(unsigned number) const { return active_[number]; }
  void set_active(unsigned number, bool on);
  bool any_pending() const { return pending_.any(); }
  std::size_t active_count() const { return active_.count(); }

  std::uint8_t priority_byte(unsigned number) const { return priority_[number]; }
  void set_priority_byte(unsigned number, std::uint8_t value);
  unsigned priority_group() const { return group_; }
  void set_priority_group(unsigned group);

  /// -2 (NMI), -1 (HardFault), else what counts for preemption: the group priority.
  int group_priority(unsigned number) const;
  /// The priority the processor executes at: that of what is active, raised by the masks.
  int execution_priority(const PriorityMasks& masks) const;

  /// The exception to be entered next, if there are no masks: pending, enabled, the highest of
  /// them. Ties go to the lower number.
  std::optional<unsigned> highest_pending() const;
  /// The same, if it is high enough to preempt what executes now.
  std::optional<unsigned> takeable(const PriorityMasks& masks) const;

 private:
  void find_highest() const;

  std::bitset<kExceptionCount> pending_;
  std::bitset<kExceptionCount> enabled_;
  std::bitset<kExceptionCount> active_;
  std::array<std::uint8_t, kExceptionCount> priority_{};
  unsigned group_ = 0;
  mutable bool highest_known_ = false;
  mutable std::optional<unsigned> highest_;
};

}  // namespace drone::board
