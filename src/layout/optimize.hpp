// SPDX-License-Identifier: MIT
#pragma once

// Chooses the pools of a heap for what a trace asked of it (docs/layout-search.md).

#include <cstdint>
#include <span>
#include <vector>

#include "drone/heap/pool_spec.hpp"
#include "heaptrace/event.hpp"

namespace drone::layout {

/// Pools in ascending block size.
using PoolLayout = std::vector<heap::PoolSpec>;

/// One class of requests that any layout treats alike.
struct Demand {
  std::uint32_t effective_size = 0;  ///< bytes, by the heap's base alignment and the request's own
  std::uint32_t alignment = 0;       ///< the largest that a request of the class names
  std::uint64_t max_count = 0;       ///< blocks that must be there for it, whatever the timing
};

/// Bytes of all the pools' blocks.
std::uint64_t layout_bytes(std::span<const heap::PoolSpec> pools);

/// The layout of at most `max_pools` pools that takes the fewest bytes among those whose interval
/// capacities are the sums of their demands' max counts. Exact; ties go to fewer pools, then to
/// smaller blocks first. `demands` in any order. Empty if there are none. O(max_pools x n^2), n the
/// number of candidate block sizes.
PoolLayout optimize(std::span<const Demand> demands, std::size_t max_pools);

/// `pools` with the spare bytes up to `heap_size` given out as headroom (docs/numbers.md, "spare
/// bytes"). Needs layout_bytes(pools) <= heap_size.
PoolLayout with_headroom(PoolLayout pools, std::uint64_t heap_size);

/// Sum over demands of (block - effective size) x max count.
std::uint64_t fragmentation(std::span<const heap::PoolSpec> pools, std::span<const Demand> demands);

}  // namespace drone::layout
