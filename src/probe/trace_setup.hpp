// SPDX-License-Identifier: MIT
#pragma once

// Setting up a Cortex-M's trace units, whatever the probe: the same few register writes.

#include <cstdint>

#include "probe/probe.hpp"

namespace drone::probe {

/// How a probe reads and writes the target's registers.
class MemoryAccess {
 public:
  virtual ~MemoryAccess() = default;
  /// Throws Error (kProbe) when the target does not take it.
  virtual void write32(std::uint32_t address, std::uint32_t value) = 0;
  /// While the program runs. Throws Error (kProbe) when the target does not say.
  virtual std::uint32_t read32(std::uint32_t address) = 0;
};

/// The divisor of the trace clock that comes closest to the baud rate (TPIU_ACPR + 1). Throws Error
/// (kProbe) that names the rates which the clock can make if none comes within 3 %, as much as a
/// UART receiver tolerates.
std::uint32_t swo_divisor(std::uint32_t trace_clock_hz, std::uint32_t swo_baud);

/// Makes the target send the ports of `setup` over SWO as a UART, without the TPIU's formatter,
/// with synchronization packets. The ports are switched on last: the program sends nothing before
/// everything else is set. `setup.reset` is the caller's business.
void set_up_trace(MemoryAccess& target, const TraceSetup& setup);

}  // namespace drone::probe
