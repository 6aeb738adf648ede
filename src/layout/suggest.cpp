// SPDX-License-Identifier: MIT
#include "layout/suggest.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "layout/quick_replay.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"

namespace drone::layout {
namespace {

/// There are some: without any, there is no layout.
std::vector<Demand> demands_of(const Survey& survey) {
  std::vector<Demand> demands = survey.demands().demands();
  if (demands.empty()) {
    if (const std::uint64_t asked = survey.demands().unservable(); asked != 0) {
      throw Error(ExitStatus::kInput,
                  asked == 1 ? "no heap can serve the only request of the trace"
                             : "no heap can serve any of the " + counted(asked, "request") +
                                   " of the trace",
                  "a heap aligns to at most " + std::to_string(heap::kMaxAlignment) +
                      " bytes, and has less than 4 GB: let the program ask for less");
    }
    throw Error(ExitStatus::kInput, "the trace holds no request that a heap could serve",
                "record it while the program allocates");
  }
  return demands;
}

/// What of the layout's bytes the user asked for on top.
std::string additions(const SuggestOptions& options) {
  std::string text;
  if (options.headroom_permille != 0) text += " --headroom";
  if (options.contexts != 0) text += std::string(text.empty() ? "" : " and") + " --contexts";
  return text.empty() ? text : " (with" + text + ')';
}

/// With the blocks that the user asked for on top.
PoolLayout with_additions(PoolLayout pools, const SuggestOptions& options) {
  for (heap::PoolSpec& pool : pools) {
    const std::uint64_t more =
        (std::uint64_t{pool.capacity} * options.headroom_permille + 999) / 1000 + options.contexts;
    pool.capacity =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(pool.capacity + more, UINT32_MAX));
  }
  return pools;
}

/// The default layout. Each pool gets blocks on top, so that fewer pools may take fewer bytes with
/// them.
PoolLayout safe_layout(const std::vector<Demand>& demands, const SuggestOptions& options) {
  PoolLayout best = optimize(demands, options.max_pools);
  if (options.contexts == 0 && options.headroom_permille == 0) return best;
  std::uint64_t least = layout_bytes(with_additions(best, options));
  for (std::size_t count = best.size(); --count != 0;) {
    PoolLayout fewer = optimize(demands, count);
    const std::uint64_t bytes = layout_bytes(with_additions(fewer, options));
    if (bytes > least) continue;
    least = bytes;
    best = std::move(fewer);
  }
  return best;
}

/// How many pools of a tight layout would fit into the heap, or might, if they are fewer than
/// `enough`; empty if none.
std::string tight_that_fits(const Survey& survey, const SuggestOptions& options,
                            std::uint32_t heap_size, std::size_t enough) {
  const JointPeaks& peaks = *survey.joint_peaks();
  // Each takes time that grows with the square of the sizes.
  constexpr std::size_t kManySizes = 512;
  const std::size_t most = peaks.sizes().size() > kManySizes ? options.max_pools + 1 : enough;
  for (std::size_t pools = options.max_pools; pools < most; ++pools) {
    if (layout_bytes(with_additions(optimize(peaks, pools), options)) <= heap_size) {
      return "with --pools " + std::to_string(pools) +
             " --tight it fits: safe for the timing observed only";
    }
  }
  // A bound of what is to be added to would say nothing.
  if (!additions(options).empty() || !options.spill) return "";
  for (std::size_t pools = options.max_pools + (options.tight ? 1 : 0); pools < most; ++pools) {
    if (lower_bound(peaks, pools).bytes <= heap_size) {
      return "with --pools " + std::to_string(pools) +
             " --tight it might fit: safe for the timing observed only";
    }
  }
  return "";
}

[[noreturn]] void throw_does_not_fit(const Survey& survey, const SuggestOptions& options,
                                     const PoolLayout& pools) {
  const std::uint32_t heap_size = options.heap_size.value_or(UINT32_MAX);
  const std::uint64_t bytes = layout_bytes(pools);
  std::string message = "what the trace asks for takes " + counted(bytes, "byte") + " in " +
                        counted(pools.size(), "pool") + additions(options) + ", " +
                        std::to_string(bytes - heap_size) + " more than the heap's " +
                        std::to_string(heap_size);

  const std::vector<Demand> demands = survey.demands().demands();
  std::string hint;
  std::optional<std::size_t> more;
  if (!options.tight && additions(options).empty()) {
    const std::uint64_t without_fragmentation = demand_bytes(demands);
    if (without_fragmentation <= heap_size) {
      more = fewest_pools(demands, heap_size - without_fragmentation, kMaxPools);
    }
    if (more) {
      hint = "it fits with --pools " + std::to_string(*more);
    } else {
      const std::uint64_t least = layout_bytes(optimize(demands, kMaxPools));
      hint = "no number of pools makes it fit";
      if (least < bytes) hint += " (it takes at least " + counted(least, "byte") + ')';
    }
  }
  const auto add = [&hint](const std::string& next) { hint += (hint.empty() ? "" : "; ") + next; };
  if (survey.joint_peaks() != nullptr) {
    const std::string tight =
        tight_that_fits(survey, options, heap_size, more.value_or(kMaxPools + 1));
    if (!tight.empty()) add(tight);
  }
  if (hint.find("it fits") == std::string::npos) {
    add("give the heap more bytes (--fit shows a layout without headroom), or ask less of it");
  }
  if (const FailedRequests& failed = survey.demands().failed(); failed.count != 0) {
    add("this counts " + counted(failed.count, "request") +
        " that failed in the trace, the largest of " + counted(failed.largest, "byte"));
  }
  throw Error(ExitStatus::kNoLayout, std::move(message), std::move(hint));
}

/// The best tight layout; what it was chosen by goes to `search`.
PoolLayout tight_layout(const Survey& survey, const SuggestOptions& options, TightSearch& search) {
  if (survey.joint_peaks() == nullptr) {
    throw Error(ExitStatus::kNoLayout,
                "the traces have requests of more than " + std::to_string(kMostJointSizes) +
                    " different sizes, too many for --tight",
                "leave out --tight, or record a part of the program that asks for fewer");
  }
  const JointPeaks& peaks = *survey.joint_peaks();
  PoolLayout pools = optimize(peaks, options.max_pools);
  search.most_pools = options.max_pools;
  search.without_spill = layout_bytes(pools);
  search.lower_bound = lower_bound(peaks, options.max_pools).bytes;
  search.was_workload_missing = options.spill && survey.workload() == nullptr;
  if (options.spill && survey.workload() != nullptr && search.without_spill > search.lower_bound) {
    SpillSearchOptions spill;
    spill.max_pools = options.max_pools;
    spill.seed = options.seed;
    spill.steps = options.steps;
    spill.prove = options.prove;
    spill.keep_on = options.keep_on;
    SpillSearchResult found = search_with_spill(*survey.workload(), peaks, spill);
    search.tried_below = found.lower_bound;
    search.is_best = found.is_best;
    search.untried = found.untried;
    search.was_ended = found.was_ended;
    if (layout_bytes(found.pools) < search.without_spill) {
      pools = std::move(found.pools);
      search.spills = true;
    }
  }
  search.bytes = layout_bytes(pools);
  if (search.bytes == search.lower_bound) search.is_best = true;
  return pools;
}

/// Gives out the spare bytes. Where the layout spills, a block more can change which pool serves
/// whom, and so make a request fail: then fewer are given out, in sixteenths.
void give_headroom(Suggestion& suggestion, const Survey& survey) {
  const bool spills = suggestion.tight && suggestion.tight->spills;
  const std::uint64_t bytes = layout_bytes(suggestion.pools);
  const std::uint64_t spare = suggestion.heap_size - bytes;
  for (std::uint64_t part = 16; part != 0; --part) {
    PoolLayout pools = with_headroom(suggestion.pools, bytes + spare * part / 16);
    if (spills && !replay(*survey.workload(), pools).runs) continue;
    suggestion.pools = std::move(pools);
    suggestion.has_idle_bytes = part != 16;
    return;
  }
  suggestion.has_idle_bytes = spare != 0;
}

}  // namespace

Suggestion suggest(const Survey& survey, const SuggestOptions& options) {
  const std::vector<Demand> demands = demands_of(survey);
  Suggestion suggestion;
  if (options.tight) {
    suggestion.tight.emplace();
    suggestion.pools = tight_layout(survey, options, *suggestion.tight);
  } else {
    suggestion.pools = safe_layout(demands, options);
  }
  for (const heap::PoolSpec& pool : suggestion.pools) suggestion.needed.push_back(pool.capacity);
  suggestion.fragmentation = fragmentation(suggestion.pools, demands);

  const bool has_additions = options.headroom_permille != 0 || options.contexts != 0;
  suggestion.headroom_asked = options.headroom_permille != 0;
  if (has_additions) {
    suggestion.pools = with_additions(std::move(suggestion.pools), options);
    if (suggestion.tight && suggestion.tight->spills) {
      suggestion.pools = grow_until_it_runs(*survey.workload(), std::move(suggestion.pools));
    }
  }
  // All the demands together take less than 4 GB, but their blocks may not.
  const std::uint64_t bytes = layout_bytes(suggestion.pools);
  if (bytes > options.heap_size.value_or(UINT32_MAX)) {
    throw_does_not_fit(survey, options, suggestion.pools);
  }
  suggestion.heap_size = options.heap_size.value_or(static_cast<std::uint32_t>(bytes));
  give_headroom(suggestion, survey);

  if (options.tight) return suggestion;
  if (suggestion.fragmentation != 0) {
    const auto more = fewest_pools(demands, suggestion.fragmentation / 2, kMaxPools);
    if (more && *more > options.max_pools) {
      suggestion.more_pools = Alternative{*more, fragmentation(optimize(demands, *more), demands)};
    }
  }
  if (survey.joint_peaks() != nullptr) {
    const std::uint64_t tight = layout_bytes(optimize(*survey.joint_peaks(), options.max_pools));
    const std::uint64_t safe = layout_bytes(optimize(demands, options.max_pools));
    if (tight * 100 <= safe * 95) suggestion.tight_bytes = tight;
  }
  return suggestion;
}

Suggestion with_confidence(Suggestion suggestion, const Exceedance& exceedance, double confidence,
                           const SuggestOptions& options) {
  const std::vector<std::uint64_t> capacities = exceedance.capacities(confidence);
  for (std::size_t i = 0; i != suggestion.pools.size(); ++i) {
    suggestion.pools[i].capacity = static_cast<std::uint32_t>(std::min<std::uint64_t>(
        std::max<std::uint64_t>(suggestion.needed[i], capacities[i]), UINT32_MAX));
  }
  suggestion.pools = with_additions(std::move(suggestion.pools), options);
  const std::uint64_t bytes = layout_bytes(suggestion.pools);
  const std::uint32_t most = options.heap_size.value_or(UINT32_MAX);
  if (bytes > most) {
    throw Error(ExitStatus::kNoLayout,
                "that confidence takes " + counted(bytes, "byte") + " in " +
                    counted(suggestion.pools.size(), "pool") + additions(options) + ", " +
                    std::to_string(bytes - most) + " more than the heap's " + std::to_string(most),
                "a lower --confidence, a larger heap (-s), or more --pools");
  }
  suggestion.heap_size = options.heap_size.value_or(static_cast<std::uint32_t>(bytes));
  suggestion.pools = with_headroom(std::move(suggestion.pools), suggestion.heap_size);
  return suggestion;
}

std::vector<TradeOff> trade_off(const Survey& survey, std::size_t most_pools,
                                const SuggestOptions& options) {
  // Less than a single search has: there are sixteen, and each goes on from the one before.
  const std::uint64_t steps = options.steps / 8;
  const std::vector<Demand> demands = demands_of(survey);
  const auto tell = [&](SearchPhase phase, double rows_done) {
    return !options.keep_on || options.keep_on(phase, rows_done / static_cast<double>(most_pools));
  };
  std::vector<TradeOff> rows;
  PoolLayout tight;
  for (std::size_t k = 1; k <= most_pools; ++k) {
    TradeOff row;
    row.max_pools = k;
    const PoolLayout safe = optimize(demands, k);
    row.bytes = layout_bytes(safe);
    row.fragmentation = fragmentation(safe, demands);
    if (const JointPeaks* const peaks = survey.joint_peaks()) {
      PoolLayout found = optimize(*peaks, k);
      if (const Workload* const workload = survey.workload()) {
        SpillSearchOptions spill;
        spill.max_pools = k;
        spill.seed = options.seed;
        spill.steps = steps;
        spill.start = tight;
        spill.keep_on = [&](SearchPhase phase, double) {
          // What is done of a row goes to and fro: its phases take turns.
          return tell(phase, static_cast<double>(k - 1));
        };
        found = search_with_spill(*workload, *peaks, spill).pools;
      }
      tight = std::move(found);
      row.tight_bytes = layout_bytes(tight);
      row.tight_fragmentation = fragmentation(tight, demands);
      if (const Workload* const workload = survey.workload()) {
        const WorkloadReplay run = replay(*workload, tight);
        row.spilled = static_cast<double>(run.spills) / static_cast<double>(run.requests);
      }
    }
    rows.push_back(row);
    if (!tell(SearchPhase::kImprove, static_cast<double>(k))) break;
  }
  return rows;
}

std::size_t recommended_pools(const std::vector<TradeOff>& rows, bool tight) {
  const auto bytes = [tight](const TradeOff& row) {
    return tight ? row.tight_bytes.value_or(row.bytes) : row.bytes;
  };
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const TradeOff& row) {
    return bytes(row) * 100 <= bytes(rows.back()) * 105;
  });
  return found->max_pools;
}

}  // namespace drone::layout
