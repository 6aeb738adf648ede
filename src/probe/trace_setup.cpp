// SPDX-License-Identifier: MIT
#include "probe/trace_setup.hpp"

#include <algorithm>
#include <string>

#include "drone/cortex_m/registers.hpp"
#include "support/error.hpp"

namespace drone::probe {
namespace {

constexpr std::uint64_t kMaxDivisor = 1U << 13;  ///< TPIU_ACPR has 13 bits on Cortex-M3 and M4
constexpr std::uint64_t kTolerancePercent = 3;
constexpr std::uint32_t kTraceBusId = 1;
constexpr std::uint32_t kSyncTap = 1;  ///< a synchronization each 2^24 cycles, the most frequent

bool close_enough(std::uint64_t clock, std::uint64_t baud, std::uint64_t divisor) {
  const std::uint64_t wanted = baud * divisor;
  const std::uint64_t difference = clock > wanted ? clock - wanted : wanted - clock;
  return difference * 100 <= wanted * kTolerancePercent;
}

}  // namespace

std::uint32_t swo_divisor(std::uint32_t trace_clock_hz, std::uint32_t swo_baud) {
  if (trace_clock_hz == 0 || swo_baud == 0) {
    throw Error(ExitStatus::kProbe, "the trace clock and the baud rate must not be 0",
                "set clock and baud in the [itm] section of Drone.toml");
  }
  const std::uint64_t clock = trace_clock_hz;
  const std::uint64_t baud = swo_baud;
  const auto limit = [](std::uint64_t divisor) {
    return std::clamp<std::uint64_t>(divisor, 1, kMaxDivisor);
  };
  // The faster and the slower neighbour; which is closer is a matter of rates, not of divisors.
  const std::uint64_t low = limit(clock / baud);
  const std::uint64_t high = limit(low + 1);
  const auto distance = [&](std::uint64_t divisor) {
    const std::uint64_t rate = clock / divisor;
    return rate > baud ? rate - baud : baud - rate;
  };
  const std::uint64_t best = distance(high) < distance(low) ? high : low;
  if (close_enough(clock, baud, best)) return static_cast<std::uint32_t>(best);

  const auto rate = [&](std::uint64_t divisor) { return std::to_string(clock / divisor); };
  std::string hint = "rates that would work: " + rate(low);
  if (high != low) hint += " or " + rate(high);
  throw Error(ExitStatus::kProbe,
              "a trace clock of " + std::to_string(clock) + " Hz makes no " + std::to_string(baud) +
                  " baud, not within " + std::to_string(kTolerancePercent) + " %",
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
