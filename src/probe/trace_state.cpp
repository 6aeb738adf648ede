// SPDX-License-Identifier: MIT
#include "probe/trace_state.hpp"

#include "drone/cortex_m/registers.hpp"
#include "probe/trace_setup.hpp"

namespace drone::probe {

TraceState read_trace_state(MemoryAccess& target) {
  using namespace cortex_m;  // NOLINT(google-build-using-namespace): register names
  TraceState state;
  const std::uint32_t status = target.read32(kDhcsr);
  state.halted = (status & kDhcsrHalted) != 0;
  state.asleep = (status & kDhcsrSleeping) != 0;
  state.locked_up = (status & kDhcsrLockedUp) != 0;
  state.exception = target.read32(kScbIcsr) & kScbIcsrVectActive;
  state.trace_enabled = (target.read32(kDemcr) & kDemcrTrcEna) != 0;
  if (!state.trace_enabled) return state;
  state.itm_enabled = (target.read32(kItmTcr) & kItmTcrItmEna) != 0;
  state.ports = target.read32(kItmTer);
  state.privileged = target.read32(kItmTpr);
  state.uart = target.read32(kTpiuSppr) == kTpiuSpprNrz;
  state.divisor = target.read32(kTpiuAcpr) + 1;
  return state;
}

}  // namespace drone::probe
