// SPDX-License-Identifier: MIT
#pragma once

// `--tight` with spill: fewer bytes than any layout whose pools hold their own requests alone,
// because a larger pool's idle blocks serve smaller requests (docs/layout-search.md). Search, and
// where that can be done, proof that there is nothing better.

#include <cstddef>
#include <cstdint>
#include <functional>

#include "layout/joint_peaks.hpp"
#include "layout/optimize.hpp"
#include "layout/workload.hpp"

namespace drone::layout {

/// How long a search takes in QuickReplay::steps() unless something else is said: a second or two,
/// and longer for a trace of millions of events, where the first replays alone take that.
inline constexpr std::uint64_t kSpillSearchSteps = 200'000'000;

enum class SearchPhase : std::uint8_t {
  kImprove,  ///< better and better layouts are looked for
  kProve,    ///< all that take fewer bytes than the best found are tried
};

struct SpillSearchOptions {
  std::size_t max_pools = 5;
  std::uint64_t seed = 1;
  std::uint64_t steps = kSpillSearchSteps;
  /// Tries all layouts that take fewer bytes than the best found, however long that takes. Else
  /// only if they are few.
  bool prove = false;
  /// A layout that serves every request, to do better than; may be empty.
  PoolLayout start = {};
  /// Is told now and then how much of a phase is done, from 0 to 1, by the thread that called.
  /// False ends the search with what it has.
  std::function<bool(SearchPhase, double)> keep_on = {};
};

struct SpillSearchResult {
  PoolLayout pools = {};
  /// Bytes: no layout of so many pools that serves every request takes fewer. The bound of
  /// lower_bound(), or more, where all that would take fewer were tried.
  std::uint64_t lower_bound = 0;
  /// No layout of so many pools takes fewer bytes: the bound is reached, or all that do were tried.
  bool is_best = false;
  /// If not: layouts that take fewer bytes and that nothing rules out but a try, kManyLayouts if
  /// there are so many or more; 0 if it is not known which layouts there are, because the requests'
  /// alignments differ or there are more than a thousand sizes.
  std::uint64_t untried = 0;
  bool was_ended = false;  ///< by `keep_on`
};

/// As many layouts as are counted.
inline constexpr std::uint64_t kManyLayouts = 1'000'000'000;

/// The best layout found of at most `max_pools` pools on which every request of the workload is
/// served: never more bytes than optimize(peaks, max_pools), nor fewer than lower_bound().
/// `peaks` is of the same traces as `workload`. Uses four threads; the result depends on nothing
/// but the arguments, unless `keep_on` ended the search.
SpillSearchResult search_with_spill(const Workload& workload, const JointPeaks& peaks,
                                    const SpillSearchOptions& options);

/// Adds blocks to the pools until every request of the workload is served: with spill, a layout
/// that runs can fail with more blocks. `pools` have a block for each of the workload's sizes.
PoolLayout grow_until_it_runs(const Workload& workload, PoolLayout pools);

}  // namespace drone::layout
