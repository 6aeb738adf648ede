// SPDX-License-Identifier: MIT
#include "board/dwt.hpp"

#include "drone/cortex_m/registers.hpp"

namespace drone::board {

using namespace cortex_m;  // NOLINT(google-build-using-namespace): register names

namespace {
// No comparators, no profiling counters; the cycle counter is there.
constexpr std::uint32_t kAbsent = 1U << 27 | 1U << 26 | 1U << 24;  // NOTRCPKT NOEXTTRIG NOPRFCNT
constexpr std::uint32_t kWritable = kDwtCtrlCycCntEna | 3U << kDwtCtrlSyncTapShift;
}  // namespace

std::uint32_t Dwt::count(std::uint64_t now) const {
  return counting() ? static_cast<std::uint32_t>(now - zero_cycle_) : frozen_;
}

std::uint32_t Dwt::read(std::uint32_t address, std::uint64_t now) const {
  if (address == kDwtCtrl) return control_ | kAbsent;
  if (address == kDwtCycCnt) return count(now);
  return 0;
}

void Dwt::write(std::uint32_t address, std::uint32_t value, std::uint64_t now) {
  if (address == kDwtCtrl) {
    frozen_ = count(now);
    control_ = value & kWritable;
    zero_cycle_ = now - frozen_;
  } else if (address == kDwtCycCnt) {
    frozen_ = value;
    zero_cycle_ = now - value;
  }
}

void Dwt::set_powered(bool on, std::uint64_t now) {
  frozen_ = count(now);
  powered_ = on;
  zero_cycle_ = now - frozen_;
}

std::uint64_t Dwt::next_sync(std::uint64_t now) const {
  const unsigned tap = control_ >> kDwtCtrlSyncTapShift & 3;
  if (!counting() || tap == 0) return kNever;
  const std::uint64_t period = std::uint64_t{1} << (22 + 2 * tap);  // bit 24, 26 or 28
  const std::uint64_t counted = now - zero_cycle_;
  return now + (period - counted % period);
}

}  // namespace drone::board
