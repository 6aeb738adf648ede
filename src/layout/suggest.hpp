// SPDX-License-Identifier: MIT
#pragma once

// From what a trace asked to the layout to suggest: optimised, fitted into the heap, headroom given
// out. Whoever prints it must have replayed the trace on it first.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "layout/demand.hpp"
#include "layout/exceedance.hpp"
#include "layout/optimize.hpp"

namespace drone::layout {

/// Most pools that a layout is searched for.
inline constexpr std::size_t kMaxPools = 64;

/// A choice that the user did not ask for and may prefer.
struct Alternative {
  std::size_t pool_count = 0;
  std::uint64_t fragmentation = 0;  ///< bytes

  friend bool operator==(const Alternative&, const Alternative&) = default;
};

struct Suggestion {
  PoolLayout pools;                   ///< headroom included
  std::vector<std::uint32_t> needed;  ///< by pool: its blocks before headroom
  std::uint32_t heap_size = 0;        ///< bytes; the pools fill as much or less
  std::uint64_t fragmentation = 0;    ///< bytes
  /// The fewest pools that have at most half the fragmentation, if there are any.
  std::optional<Alternative> more_pools;
};

/// The best layout of at most `max_pools` pools (1 to kMaxPools) for what `asked` has collected,
/// in a heap of `heap_size` bytes; without one, in a heap as large as the layout. Throws Error:
/// kNoLayout if it does not fit, with the bytes it takes and what would help; kInput if the trace
/// asked for nothing that a heap could serve.
Suggestion suggest(const DemandCollector& asked, std::size_t max_pools,
                   std::optional<std::uint32_t> heap_size);

/// The same pools with as many blocks as it takes to hold a run `kLongerRun` times as long with
/// that confidence, and the headroom given out anew. `heap_size` as for suggest(). Throws Error
/// (kNoLayout) if it does not fit, with the bytes it takes.
Suggestion with_confidence(Suggestion suggestion, const Exceedance& exceedance, double confidence,
                           std::optional<std::uint32_t> heap_size);

}  // namespace drone::layout
