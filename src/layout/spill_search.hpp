// SPDX-License-Identifier: MIT
#pragma once

// `--tight` with spill: fewer bytes than any layout whose pools hold their own requests alone,
// because a larger pool's idle blocks serve smaller requests (docs/layout-search.md).

#include <cstddef>
#include <cstdint>
#include <functional>

#include "layout/joint_peaks.hpp"
#include "layout/optimize.hpp"
#include "layout/workload.hpp"

namespace drone::layout {

/// How long a search takes in QuickReplay::steps() unless something else is said: about a second,
/// and longer for a trace of millions of events, where the first replays alone take that.
inline constexpr std::uint64_t kSpillSearchSteps = 200'000'000;

struct SpillSearchOptions {
  std::size_t max_pools = 5;
  std::uint64_t seed = 1;
  std::uint64_t steps = kSpillSearchSteps;
  /// A layout that serves every request, to do better than; may be empty.
  PoolLayout start = {};
  /// Is told now and then how many of the steps are done.
  std::function<void(std::uint64_t)> progress = {};
};

/// The best layout found of at most `max_pools` pools on which every request of the workload is
/// served: never more bytes than optimize(peaks, max_pools), nor fewer than lower_bound().
/// `peaks` is of the same traces as `workload`. The result depends on nothing but the arguments.
PoolLayout search_with_spill(const Workload& workload, const JointPeaks& peaks,
                             const SpillSearchOptions& options);

/// Adds blocks to the pools until every request of the workload is served: with spill, a layout
/// that runs can fail with more blocks. `pools` have a block for each of the workload's sizes.
PoolLayout grow_until_it_runs(const Workload& workload, PoolLayout pools);

}  // namespace drone::layout
