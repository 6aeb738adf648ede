// SPDX-License-Identifier: MIT
#pragma once

// Which rates a trace clock can drive the SWO pin at: the clock divided by a whole number
// (TPIU_ACPR + 1; ARMv7-M ARM, C1.10.3). Used by what checks Drone.toml and by what sets up a
// target.

#include <cstdint>

namespace drone::cortex_m {

/// The prescaler has 13 bits on Cortex-M3 and M4 (their Technical Reference Manuals, "Asynchronous
/// Clock Prescaler Register"); the architecture allows 16.
inline constexpr std::uint32_t kMaxSwoDivisor = 1U << 13;

/// How far a UART at the other end may be off, in percent: what an ST-LINK accepts.
inline constexpr std::uint32_t kSwoTolerancePercent = 3;

/// Whether clock / divisor is within the tolerance of `baud`.
constexpr bool makes_swo_baud(std::uint32_t clock_hz, std::uint32_t baud, std::uint32_t divisor) {
  const std::uint64_t wanted = std::uint64_t{baud} * divisor;
  const std::uint64_t off = wanted > clock_hz ? wanted - clock_hz : clock_hz - wanted;
  return off * 100 <= wanted * kSwoTolerancePercent;
}

/// The divisor, 1 to kMaxSwoDivisor, whose rate is nearest to `baud`, which is not 0; of two as
/// near, the smaller.
constexpr std::uint32_t nearest_swo_divisor(std::uint32_t clock_hz, std::uint32_t baud) {
  const auto limit = [](std::uint32_t divisor) {
    return divisor < 1 ? 1 : divisor > kMaxSwoDivisor ? kMaxSwoDivisor : divisor;
  };
  // The faster and the slower neighbour: which is nearer is a matter of rates, not of divisors.
  const std::uint32_t low = limit(clock_hz / baud);
  const std::uint32_t high = limit(low + 1);
  const auto distance = [&](std::uint32_t divisor) {
    const std::uint32_t rate = clock_hz / divisor;
    return rate > baud ? rate - baud : baud - rate;
  };
  return distance(high) < distance(low) ? high : low;
}

}  // namespace drone::cortex_m
