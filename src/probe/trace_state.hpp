// SPDX-License-Identifier: MIT
#pragma once

// What the target itself says about its trace, when nothing comes.

#include <cstdint>

namespace drone::probe {

class MemoryAccess;

struct TraceState {
  bool trace_enabled = false;    ///< DEMCR.TRCENA; without it, the units below read as they reset
  bool itm_enabled = false;      ///< ITM_TCR.ITMENA
  std::uint32_t ports = 0;       ///< ITM_TER
  std::uint32_t privileged = 0;  ///< ITM_TPR: bit n, ports 8n+7:8n are for privileged code only
  bool uart = false;             ///< TPIU_SPPR: not Manchester, not the parallel port
  std::uint32_t divisor = 1;     ///< of the trace clock, TPIU_ACPR + 1

  bool halted = false;     ///< by a debugger
  bool asleep = false;     ///< WFI or WFE
  bool locked_up = false;  ///< a fault inside a fault handler
  unsigned exception = 0;  ///< the one being handled: 3 HardFault, 0 none

  friend bool operator==(const TraceState&, const TraceState&) = default;
};

/// Reads it while the program runs, and changes nothing. Throws Error (kProbe).
TraceState read_trace_state(MemoryAccess& target);

}  // namespace drone::probe
