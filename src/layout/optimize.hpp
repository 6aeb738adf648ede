// SPDX-License-Identifier: MIT
#pragma once

// Chooses the pools of a heap for what a trace asked of it (docs/layout-search.md).

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "drone/heap/pool_spec.hpp"
#include "layout/demand.hpp"
#include "layout/joint_peaks.hpp"

namespace drone::layout {

/// Pools in ascending block size.
using PoolLayout = std::vector<heap::PoolSpec>;

/// Bytes of all the pools' blocks.
std::uint64_t layout_bytes(std::span<const heap::PoolSpec> pools);

/// The layout of at most `max_pools` (at least 1) pools that takes the fewest bytes among those
/// whose interval capacities are the sums of their demands' max counts. Exact; ties go to fewer
/// pools, then to smaller blocks first. `demands` in any order. Empty if there are none. At worst
/// O(max_pools x n^2), n the number of effective sizes. Throws Error (kNoLayout) if no heap of 32
/// bits holds the demands, or a demand names an alignment above heap::kMaxAlignment.
PoolLayout optimize(std::span<const Demand> demands, std::size_t max_pools);

/// The same with the joint peaks of intervals as capacities: `--tight` without spill. Safe for the
/// traces that the peaks are of, whatever the order of their requests at one instant. Cost as
/// above; throws nothing.
PoolLayout optimize(const JointPeaks& peaks, std::size_t max_pools);

/// What no layout can do with less.
struct LowerBound {
  std::uint64_t bytes = 0;
  /// The layout that would take just so much. It may not run the trace, and its blocks may not be
  /// aligned for it.
  PoolLayout pools;
};

/// The fewest bytes that any layout of at most `max_pools` pools takes that runs the traces the
/// peaks are of, whatever rule placed the requests (docs/layout-search.md, "The lower bound").
LowerBound lower_bound(const JointPeaks& peaks, std::size_t max_pools);

/// Stands for a number of bytes where there is no layout.
inline constexpr std::uint64_t kNoLayout = UINT64_MAX;

/// The fewest pools, at most `max_pools`, with which an optimal layout has at most
/// `max_fragmentation` bytes of fragmentation; none if even `max_pools` have more. Cost and errors
/// as optimize.
std::optional<std::size_t> fewest_pools(std::span<const Demand> demands,
                                        std::uint64_t max_fragmentation, std::size_t max_pools);

/// `pools` with the spare bytes up to `heap_size` given out as headroom (docs/numbers.md, "spare
/// bytes"). Needs layout_bytes(pools) <= heap_size < 2^32, and at most 256 pools. In integers, so
/// that every machine gives the same.
PoolLayout with_headroom(PoolLayout pools, std::uint64_t heap_size);

/// Sum over demands of effective size x max count: what they take without fragmentation.
std::uint64_t demand_bytes(std::span<const Demand> demands);

/// Sum over demands of (block - effective size) x max count, block that of the first pool that can
/// serve it. Demands that no pool can serve count nothing.
std::uint64_t fragmentation(std::span<const heap::PoolSpec> pools, std::span<const Demand> demands);

}  // namespace drone::layout
