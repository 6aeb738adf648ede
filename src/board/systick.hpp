// SPDX-License-Identifier: MIT
#pragma once

// The system timer (ARMv7-M ARM, B3.3), computed from the cycle it is looked at: nothing happens
// in between but the counter's passages through 0.

#include <cstdint>

namespace drone::board {

class SysTick {
 public:
  static constexpr std::uint64_t kNever = UINT64_MAX;

  /// `clock_hz` is the processor's; CLKSOURCE = 0 counts an eighth of it.
  explicit SysTick(std::uint32_t clock_hz) : clock_hz_(clock_hz) {}
  void reset();

  std::uint32_t read(std::uint32_t address, std::uint64_t now);
  void write(std::uint32_t address, std::uint32_t value, std::uint64_t now);

  /// Lets time pass up to and including `now`; true if the exception is to be pended.
  bool advance(std::uint64_t now);
  /// The next cycle at which advance() will return true.
  std::uint64_t next_exception() const { return ticks_interrupt_ ? next_zero_ : kNever; }

 private:
  std::uint64_t divider() const { return core_clock_ ? 1 : 8; }
  std::uint32_t counter(std::uint64_t now) const;
  void start(std::uint64_t now, std::uint32_t from);
  void step(std::uint64_t now);

  std::uint32_t clock_hz_;
  std::uint32_t reload_ = 0;
  std::uint32_t frozen_ = 0;  // the counter while it is not enabled
  bool enabled_ = false;
  bool ticks_interrupt_ = false;
  bool core_clock_ = false;
  bool count_flag_ = false;
  bool exception_due_ = false;
  std::uint64_t next_zero_ = kNever;  // the cycle at which the counter becomes 0
};

}  // namespace drone::board
