// SPDX-License-Identifier: MIT
#pragma once

// From what traces asked to the layout to suggest: optimised, fitted into the heap, headroom given
// out. Whoever prints it must have replayed the traces on it first.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "layout/exceedance.hpp"
#include "layout/optimize.hpp"
#include "layout/spill_search.hpp"
#include "layout/survey.hpp"

namespace drone::layout {

/// Most pools that a layout is searched for.
inline constexpr std::size_t kMaxPools = 64;

struct SuggestOptions {
  std::size_t max_pools = 5;  ///< 1 to kMaxPools
  /// Safe for the timing observed, not for every mix of the peaks: `--tight`.
  bool tight = false;
  /// Of a tight layout: larger pools may serve what overflows from smaller ones, if the survey
  /// keeps a workload to try that on.
  bool spill = true;
  /// Bytes; without it, the heap becomes as large as the layout.
  std::optional<std::uint32_t> heap_size;
  /// At least so many blocks more in every pool, of 1000 that it needs, rounded up.
  std::uint32_t headroom_permille = 0;
  /// Contexts (threads, interrupts) that may be preempted inside a heap operation, beside the one
  /// that runs: as many blocks more in every pool.
  std::uint32_t contexts = 0;
  // Of the search with spill, as SpillSearchOptions has them.
  std::uint64_t seed = 1;
  std::uint64_t steps = kSpillSearchSteps;
  bool prove = false;
  std::function<bool(SearchPhase, double)> keep_on = {};
};

/// A choice that the user did not ask for and may prefer.
struct Alternative {
  std::size_t pool_count = 0;
  std::uint64_t fragmentation = 0;  ///< bytes

  friend bool operator==(const Alternative&, const Alternative&) = default;
};

/// How a tight layout was found, and how good it is.
struct TightSearch {
  std::size_t most_pools = 0;         ///< that it was allowed
  std::uint64_t bytes = 0;            ///< of the best layout found, before anything was added to it
  std::uint64_t without_spill = 0;    ///< bytes of the best one without spill, which is exact
  std::uint64_t lower_bound = 0;      ///< bytes: no layout of so many pools has less, by any rule
  std::uint64_t tried_below = 0;      ///< bytes: all layouts that take fewer were tried, and fail
  bool spills = false;                ///< larger pools serve what overflows
  bool was_workload_missing = false;  ///< nothing to try spill on
  bool is_best = false;               ///< no layout of so many pools takes fewer bytes
  std::uint64_t untried = 0;          ///< as SpillSearchResult has it
  bool was_ended = false;             ///< before the search was done: Ctrl-C

  friend bool operator==(const TightSearch&, const TightSearch&) = default;
};

struct Suggestion {
  PoolLayout pools;                   ///< headroom included
  std::vector<std::uint32_t> needed;  ///< by pool: its blocks before anything was added
  std::uint32_t heap_size = 0;        ///< bytes; the pools fill as much or less
  std::uint64_t fragmentation = 0;    ///< bytes
  /// The fewest pools that have at most half the fragmentation, if there are any. Not if tight.
  std::optional<Alternative> more_pools;
  std::optional<TightSearch> tight;
  /// Bytes that a tight layout without spill takes, if that is at least 5 % less. Not if tight.
  std::optional<std::uint64_t> tight_bytes;
  bool headroom_asked = false;  ///< every pool has at least as much as asked for
  /// The spare bytes could not all be given out: with more blocks, a request would have failed.
  bool has_idle_bytes = false;
};

/// The best layout for what `survey` has seen. Throws Error: kNoLayout if it does not fit, with the
/// bytes it takes and what would help; kInput if the traces asked for nothing that a heap could
/// serve.
Suggestion suggest(const Survey& survey, const SuggestOptions& options);

/// The same pools with as many blocks as it takes to hold a run `kLongerRun` times as long with
/// that confidence, what `options` add to it, and the headroom given out anew. Needs a layout that
/// does not spill. Throws Error (kNoLayout) if it does not fit, with the bytes it
/// takes.
Suggestion with_confidence(Suggestion suggestion, const Exceedance& exceedance, double confidence,
                           const SuggestOptions& options);

/// What a number of pools costs.
struct TradeOff {
  std::size_t max_pools = 0;
  std::uint64_t bytes = 0;          ///< of the default layout
  std::uint64_t fragmentation = 0;  ///< of that, in bytes
  /// Of the best tight layout found; none if there are too many sizes.
  std::optional<std::uint64_t> tight_bytes;
  std::uint64_t tight_fragmentation = 0;
  double spilled = 0;  ///< share of the requests that a larger pool serves there
};

/// For 1 to `most_pools` pools. `options` as for suggest(), but for the number of pools and the
/// heap. Throws Error (kInput) if the traces asked for nothing that a heap could serve.
std::vector<TradeOff> trade_off(const Survey& survey, std::size_t most_pools,
                                const SuggestOptions& options);

/// The fewest pools that take at most 5 % more bytes than the most of them do.
std::size_t recommended_pools(const std::vector<TradeOff>& rows, bool tight);

}  // namespace drone::layout
