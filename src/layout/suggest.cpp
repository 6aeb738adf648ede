// SPDX-License-Identifier: MIT
#include "layout/suggest.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "support/error.hpp"

namespace drone::layout {
namespace {

std::string counted(std::uint64_t count, const char* noun) {
  return std::to_string(count) + ' ' + noun + (count == 1 ? "" : "s");
}

[[noreturn]] void throw_does_not_fit(const DemandCollector& asked,
                                     const std::vector<Demand>& demands, const PoolLayout& pools,
                                     std::uint32_t heap_size) {
  const std::uint64_t bytes = layout_bytes(pools);
  std::string message = "what the trace asks for takes " + counted(bytes, "byte") + " in " +
                        counted(pools.size(), "pool") + ", " + std::to_string(bytes - heap_size) +
                        " more than the heap's " + std::to_string(heap_size);

  std::string hint;
  const std::uint64_t without_fragmentation = demand_bytes(demands);
  std::optional<std::size_t> more;
  if (without_fragmentation <= heap_size) {
    more = fewest_pools(demands, heap_size - without_fragmentation, kMaxPools);
  }
  if (more) {
    hint = "it fits with --pools " + std::to_string(*more);
  } else {
    const std::uint64_t least = layout_bytes(optimize(demands, kMaxPools));
    hint = "no number of pools makes it fit";
    if (least < bytes) hint += " (it takes at least " + counted(least, "byte") + ')';
    hint += "; give the heap more bytes (--fit shows a layout without headroom), or ask less of it";
  }
  if (const FailedRequests& failed = asked.failed(); failed.count != 0) {
    hint += "; this counts " + counted(failed.count, "request") +
            " that failed in the trace, the largest of " + counted(failed.largest, "byte");
  }
  throw Error(ExitStatus::kNoLayout, std::move(message), std::move(hint));
}

}  // namespace

Suggestion suggest(const DemandCollector& asked, std::size_t max_pools,
                   std::optional<std::uint32_t> heap_size) {
  const std::vector<Demand> demands = asked.demands();
  Suggestion suggestion;
  suggestion.pools = optimize(demands, max_pools);
  if (suggestion.pools.empty()) {
    throw Error(ExitStatus::kInput, "the trace holds no request that a heap could serve",
                "record it while the program allocates");
  }
  const std::uint64_t bytes = layout_bytes(suggestion.pools);
  // All the demands together take less than 4 GB, but their blocks may not.
  if (bytes > heap_size.value_or(UINT32_MAX)) {
    throw_does_not_fit(asked, demands, suggestion.pools, heap_size.value_or(UINT32_MAX));
  }
  suggestion.heap_size = heap_size.value_or(static_cast<std::uint32_t>(bytes));
  suggestion.fragmentation = fragmentation(suggestion.pools, demands);
  for (const heap::PoolSpec& pool : suggestion.pools) suggestion.needed.push_back(pool.capacity);
  suggestion.pools = with_headroom(std::move(suggestion.pools), suggestion.heap_size);

  if (suggestion.fragmentation != 0) {
    const auto more = fewest_pools(demands, suggestion.fragmentation / 2, kMaxPools);
    if (more) {
      suggestion.more_pools = Alternative{*more, fragmentation(optimize(demands, *more), demands)};
    }
  }
  return suggestion;
}

Suggestion with_confidence(Suggestion suggestion, const Exceedance& exceedance, double confidence,
                           std::optional<std::uint32_t> heap_size) {
  const std::vector<std::uint64_t> capacities = exceedance.capacities(confidence);
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i != suggestion.pools.size(); ++i) {
    const std::uint64_t capacity = std::min<std::uint64_t>(
        std::max<std::uint64_t>(suggestion.needed[i], capacities[i]), UINT32_MAX);
    suggestion.pools[i].capacity = static_cast<std::uint32_t>(capacity);
    bytes += capacity * suggestion.pools[i].block_size;
  }
  const std::uint32_t most = heap_size.value_or(UINT32_MAX);
  if (bytes > most) {
    throw Error(ExitStatus::kNoLayout,
                "that confidence takes " + counted(bytes, "byte") + " in " +
                    counted(suggestion.pools.size(), "pool") + ", " + std::to_string(bytes - most) +
                    " more than the heap's " + std::to_string(most),
                "a lower --confidence, a larger heap (-s), or more --pools");
  }
  suggestion.heap_size = heap_size.value_or(static_cast<std::uint32_t>(bytes));
  suggestion.pools = with_headroom(std::move(suggestion.pools), suggestion.heap_size);
  return suggestion;
}

}  // namespace drone::layout
