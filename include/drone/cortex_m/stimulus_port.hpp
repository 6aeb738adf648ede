// SPDX-License-Identifier: MIT
#pragma once

// One stimulus port of the ITM, as software on the core sees it (ARMv7-M ARM, C1.7). ARMv7-M and
// ARMv8-M Mainline; ARMv6-M has no ITM.

#include <cstdint>

#include "drone/cortex_m/registers.hpp"

namespace drone::cortex_m {

/// Stimulus port `kPort`. Nothing waits and nothing is kept. A write while `is_ready()` is false is
/// lost or becomes an overflow packet; test and write belong into one section with interrupts
/// masked if interrupts write as well.
template <unsigned kPort>
struct StimulusPort {
  static_assert(kPort < kItmPortCount, "the ITM has stimulus ports 0 to 31");
  static constexpr unsigned kNumber = kPort;

  /// Whether the port's bit in ITM_TER is set: the cheapest sign that a capture has asked for this
  /// port. One load.
  [[gnu::always_inline]] static bool is_listening() noexcept {
    return (read(kItmTer) >> kPort & 1) != 0;
  }

  /// Whether a write leaves the core: trace on (DEMCR.TRCENA), ITM on (ITM_TCR.ITMENA), port on.
  /// Three loads.
  [[gnu::always_inline]] static bool is_enabled() noexcept {
    return (read(kDemcr) & kDemcrTrcEna) != 0 && (read(kItmTcr) & kItmTcrItmEna) != 0 &&
           is_listening();
  }

  /// Whether the FIFO takes a write now. Means something only while `is_enabled()`.
  [[gnu::always_inline]] static bool is_ready() noexcept {
    return (read(itm_stim(kPort)) & kItmStimFifoReady) != 0;
  }

  /// Become a packet of one, two or four bytes.
  [[gnu::always_inline]] static void write8(std::uint8_t value) noexcept { write(value); }
  [[gnu::always_inline]] static void write16(std::uint16_t value) noexcept { write(value); }
  [[gnu::always_inline]] static void write32(std::uint32_t value) noexcept { write(value); }

 private:
  [[gnu::always_inline]] static std::uint32_t read(std::uint32_t address) noexcept {
    return *reinterpret_cast<const volatile std::uint32_t*>(std::uintptr_t{address});
  }

  template <class Value>
  [[gnu::always_inline]] static void write(Value value) noexcept {
    *reinterpret_cast<volatile Value*>(std::uintptr_t{itm_stim(kPort)}) = value;
  }
};

}  // namespace drone::cortex_m
