// SPDX-License-Identifier: MIT
#include "board/systick.hpp"

#include "drone/cortex_m/registers.hpp"

namespace drone::board {

using namespace cortex_m;  // NOLINT(google-build-using-namespace): register names

void SysTick::reset() { *this = SysTick(clock_hz_); }

std::uint32_t SysTick::counter(std::uint64_t now) const {
  if (!enabled_) return frozen_;
  if (next_zero_ == kNever) return 0;  // a reload value of 0 stops it there
  const std::uint64_t ticks = (next_zero_ - now + divider() - 1) / divider();
  // One tick before the reload value it is still 0, from the last time round.
  return ticks > reload_ ? 0 : static_cast<std::uint32_t>(ticks);
}

// From 0, the next tick loads the reload value; from n, it is 0 after n ticks.
void SysTick::start(std::uint64_t now, std::uint32_t from) {
  if (from != 0) {
    next_zero_ = now + from * divider();
  } else if (reload_ != 0) {
    next_zero_ = now + (std::uint64_t{reload_} + 1) * divider();
  } else {
    next_zero_ = kNever;
  }
}

void SysTick::step(std::uint64_t now) {
  if (!enabled_ || now < next_zero_) return;
  count_flag_ = true;
  exception_due_ = exception_due_ || ticks_interrupt_;
  if (reload_ == 0) {
    next_zero_ = kNever;
    return;
  }
  const std::uint64_t period = (std::uint64_t{reload_} + 1) * divider();
  next_zero_ += ((now - next_zero_) / period + 1) * period;
}

bool SysTick::advance(std::uint64_t now) {
  step(now);
  const bool due = exception_due_;
  exception_due_ = false;
  return due;
}

std::uint32_t SysTick::read(std::uint32_t address, std::uint64_t now) {
  step(now);
  switch (address) {
    case kSysTickCsr: {
      std::uint32_t value = 0;
      if (enabled_) value |= kSysTickCsrEnable;
      if (ticks_interrupt_) value |= kSysTickCsrTickInt;
      if (core_clock_) value |= kSysTickCsrClkSource;
      if (count_flag_) value |= kSysTickCsrCountFlag;
      count_flag_ = false;
      return value;
    }
    case kSysTickRvr:
      return reload_;
    case kSysTickCvr:
      return counter(now);
    case kSysTickCalib:
      return (clock_hz_ / 8 / 100 - 1) & 0xFFFFFF;  // ten milliseconds of the slow clock
    default:
      return 0;
  }
}

void SysTick::write(std::uint32_t address, std::uint32_t value, std::uint64_t now) {
  step(now);
  switch (address) {
    case kSysTickCsr: {
      const std::uint32_t current = counter(now);
      const bool was_enabled = enabled_;
      const bool same_clock = core_clock_ == ((value & kSysTickCsrClkSource) != 0);
      enabled_ = (value & kSysTickCsrEnable) != 0;
      ticks_interrupt_ = (value & kSysTickCsrTickInt) != 0;
      core_clock_ = (value & kSysTickCsrClkSource) != 0;
      if (!enabled_) {
        frozen_ = current;
        next_zero_ = kNever;
      } else if (!was_enabled || !same_clock) {
        start(now, current);
      }
      break;
    }
    case kSysTickRvr: {
      // Takes effect at the next reload; a counter that stands at 0 has that before it.
      const std::uint32_t current = counter(now);
      reload_ = value & 0xFFFFFF;
      if (enabled_ && current == 0) start(now, 0);
      break;
    }
    case kSysTickCvr:
      frozen_ = 0;
      count_flag_ = false;
      if (enabled_) start(now, 0);
      break;
    default:
      break;
  }
}

}  // namespace drone::board
