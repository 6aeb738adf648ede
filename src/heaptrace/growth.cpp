// SPDX-License-Identifier: MIT
#include "heaptrace/growth.hpp"

#include <algorithm>

namespace drone::heaptrace {

void Growth::add(std::span<const Event> events, Clock::time_point now) {
  if (events.empty()) return;
  if (!first_event_) first_event_ = now;
  last_event_ = now;
  const LastGrowth before = usage_.last_growth();
  usage_.add(events);
  const LastGrowth& after = usage_.last_growth();
  if (after.peak != before.peak || after.max_count != before.max_count) last_growth_ = now;
  if (after.new_size != before.new_size) last_new_size_ = now;
}

bool Growth::is_enough(Clock::time_point now) const {
  if (!last_growth_) return false;
  const LastGrowth& growth = usage_.last_growth();
  const std::uint64_t grown_at = std::max(growth.peak, growth.max_count);
  const std::uint64_t events_since = usage_.events() - grown_at;
  const Clock::duration time_until = *last_growth_ - *first_event_;
  return now - *last_growth_ >= std::max<Clock::duration>(time_until, kLeastTime) &&
         events_since >= std::max(grown_at, kLeastEvents);
}

}  // namespace drone::heaptrace
