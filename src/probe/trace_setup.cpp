// SPDX-License-Identifier: MIT
#include "probe/trace_setup.hpp"

#include <algorithm>
#include <string>

#include "drone/cortex_m/registers.hpp"
#include "drone/cortex_m/swo_rate.hpp"
#include "support/error.hpp"

namespace drone::probe {
namespace {

constexpr std::uint32_t kTraceBusId = 1;
constexpr std::uint32_t kSyncTap = 1;  ///< a synchronization each 2^24 cycles, the most frequent

}  // namespace

std::uint32_t swo_divisor(std::uint32_t trace_clock_hz, std::uint32_t swo_baud) {
  if (trace_clock_hz == 0 || swo_baud == 0) {
    throw Error(ExitStatus::kProbe, "the trace clock and the baud rate must not be 0",
                "set clock and baud in the [itm] section of Drone.toml");
  }
  using cortex_m::kMaxSwoDivisor;
  const std::uint32_t best = cortex_m::nearest_swo_divisor(trace_clock_hz, swo_baud);
  if (cortex_m::makes_swo_baud(trace_clock_hz, swo_baud, best)) return best;

  const auto rate = [&](std::uint32_t divisor) { return std::to_string(trace_clock_hz / divisor); };
  const std::uint32_t low = std::clamp(trace_clock_hz / swo_baud, 1U, kMaxSwoDivisor);
  std::string hint = "rates that would work: " + rate(low);
  if (low != kMaxSwoDivisor) hint += " or " + rate(low + 1);
  throw Error(ExitStatus::kProbe,
              "a trace clock of " + std::to_string(trace_clock_hz) + " Hz makes no " +
                  std::to_string(swo_baud) + " baud, not within " +
                  std::to_string(cortex_m::kSwoTolerancePercent) + " %",
              hint + "; set baud, or clock if it is wrong, in the [itm] section of Drone.toml");
}

void set_up_trace(MemoryAccess& target, const TraceSetup& setup) {
  using namespace cortex_m;  // NOLINT(google-build-using-namespace): register names
  const std::uint32_t divisor = swo_divisor(setup.trace_clock_hz, setup.swo_baud);

  target.write32(kDemcr, kDemcrTrcEna);
  target.write32(kItmLar, kLarUnlock);
  target.write32(kItmTcr, 0);  // its stream ID must not change while it is on

  target.write32(kTpiuCspsr, 1);
  target.write32(kTpiuAcpr, divisor - 1);
  target.write32(kTpiuSppr, kTpiuSpprNrz);
  target.write32(kTpiuFfcr, kTpiuFfcrTrigIn);

  target.write32(kDwtCtrl, kSyncTap << kDwtCtrlSyncTapShift | kDwtCtrlCycCntEna);

  std::uint32_t control = kItmTcrItmEna | kItmTcrSyncEna | kItmTcrTxEna;
  if (setup.local_timestamps) control |= kItmTcrTsEna;
  target.write32(kItmTcr, control | kTraceBusId << kItmTcrTraceBusIdShift);
  target.write32(kItmTpr, 0);  // unprivileged code may write to all ports
  target.write32(kItmTer, setup.port_mask);
}

}  // namespace drone::probe
