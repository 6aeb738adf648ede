// SPDX-License-Identifier: MIT
#pragma once

// Would this trace have run on that layout? Runs the events through the selection rule that
// firmware uses, on counters instead of free lists.

#include <cstdint>
#include <span>
#include <vector>

#include "drone/heap/pool_spec.hpp"
#include "heaptrace/event.hpp"

namespace drone::layout {

struct PoolReplay {
  heap::PoolSpec pool;
  std::uint64_t high_water_mark = 0;  ///< most of its blocks in use at one time
  std::uint64_t spills = 0;           ///< requests it served because a smaller pool was empty
};

struct ReplayResult {
  std::uint64_t requests = 0;     ///< allocations, failed ones included, and resizes that moved
  std::uint64_t failed = 0;       ///< requests that no pool could serve
  std::uint64_t moves = 0;        ///< resizes in place that the layout's blocks could not hold
  std::vector<PoolReplay> pools;  ///< ascending block size
};

class Replay {
 public:
  /// `pools` in ascending block size; `base_alignment` 4 or 8.
  Replay(std::span<const heap::PoolSpec> pools, std::uint32_t base_alignment);
  void add(std::span<const heaptrace::Event> events);
  ReplayResult result() const;
  // private members by the implementer
};

}  // namespace drone::layout
