// SPDX-License-Identifier: MIT
#include "board/exceptions.hpp"

#include <algorithm>

namespace drone::board {

std::string exception_name(unsigned number) {
  switch (number) {
    case kThreadMode:
      return "thread mode";
    case kNmi:
      return "NMI";
    case kHardFault:
      return "HardFault";
    case kMemManage:
      return "MemManage";
    case kBusFault:
      return "BusFault";
    case kUsageFault:
      return "UsageFault";
    case kSvCall:
      return "SVCall";
    case kDebugMonitor:
      return "DebugMonitor";
    case kPendSv:
      return "PendSV";
    case kSysTickException:
      return "SysTick";
    default:
      return number >= kFirstInterrupt ? "interrupt " + std::to_string(number - kFirstInterrupt)
                                       : "exception " + std::to_string(number);
  }
}

void Exceptions::reset() {
  pending_.reset();
  active_.reset();
  enabled_.reset();
  for (unsigned number = 0; number != kFirstInterrupt; ++number) enabled_.set(number);
  for (const unsigned number : {kMemManage, kBusFault, kUsageFault}) enabled_.reset(number);
  priority_.fill(0);
  group_ = 0;
  highest_known_ = false;
}

void Exceptions::set_pending(unsigned number, bool on) {
  pending_[number] = on;
  highest_known_ = false;
}

void Exceptions::set_enabled(unsigned number, bool on) {
  enabled_[number] = on;
  highest_known_ = false;
}

void Exceptions::set_active(unsigned number, bool on) { active_[number] = on; }

void Exceptions::set_priority_byte(unsigned number, std::uint8_t value) {
  priority_[number] = value & kPriorityBits;
  highest_known_ = false;
}

void Exceptions::set_priority_group(unsigned group) { group_ = group & 7; }

int Exceptions::group_priority(unsigned number) const {
  if (number == kNmi) return -2;
  if (number == kHardFault) return -1;
  // AIRCR.PRIGROUP n: bits n:0 are the subpriority.
  return priority_[number] & (0xFF << (group_ + 1) & 0xFF);
}

int Exceptions::execution_priority(const PriorityMasks& masks) const {
  int priority = kLowest;
  if (active_.any()) {
    for (unsigned number = 2; number != kExceptionCount; ++number) {
      if (active_[number]) priority = std::min(priority, group_priority(number));
    }
  }
  const int basepri =
      static_cast<int>(masks.basepri & kPriorityBits) & (0xFF << (group_ + 1) & 0xFF);
  if ((masks.basepri & kPriorityBits) != 0) priority = std::min(priority, basepri);
  if ((masks.primask & 1) != 0) priority = std::min(priority, 0);
  if ((masks.faultmask & 1) != 0) priority = std::min(priority, -1);
  return priority;
}

void Exceptions::find_highest() const {
  const auto rank = [this](unsigned number) {
    if (number == kNmi) return -2;
    if (number == kHardFault) return -1;
    return int{priority_[number]};
  };
  highest_.reset();
  highest_known_ = true;
  const auto candidates = pending_ & enabled_;
  if (candidates.none()) return;
  for (unsigned number = 2; number != kExceptionCount; ++number) {
    // The whole byte decides between two that are pending; only the group decides preemption.
    if (candidates[number] && (!highest_ || rank(number) < rank(*highest_))) highest_ = number;
  }
}

std::optional<unsigned> Exceptions::highest_pending() const {
  if (!highest_known_) find_highest();
  return highest_;
}

std::optional<unsigned> Exceptions::takeable(const PriorityMasks& masks) const {
  const std::optional<unsigned> highest = highest_pending();
  if (!highest || group_priority(*highest) >= execution_priority(masks)) return std::nullopt;
  return highest;
}

}  // namespace drone::board
