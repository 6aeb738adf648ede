// SPDX-License-Identifier: MIT

// The layout search: demands and replay by events, optimize by sizes and pools.

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "heaptrace/event.hpp"
#include "layout/demand.hpp"
#include "layout/optimize.hpp"
#include "layout/replay.hpp"
#include "layout/suggest.hpp"
#include "layout/survey.hpp"

namespace drone::layout {
namespace {

using heaptrace::Event;
using heaptrace::EventKind;

/// The same numbers on every run.
class Random {
 public:
  std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(engine_() % limit); }
  std::mt19937& engine() { return engine_; }

 private:
  std::mt19937 engine_{1};
};

/// Alternating phases of growth and decay; small sizes are common, a twentieth of the events are
/// resizes in place.
std::vector<Event> random_events(std::size_t count) {
  Random random;
  std::geometric_distribution<std::uint32_t> size_steps(0.03);
  struct Life {
    std::uint32_t block;
    std::uint32_t size;
  };
  std::vector<Life> live;
  std::vector<Event> events;
  std::uint32_t next_block = 0;
  while (events.size() < count) {
    const std::uint32_t size = 1 + 4 * size_steps(random.engine());
    const bool grows = events.size() / 4096 % 2 == 0;
    const std::uint32_t dice = random.below(100);
    if (live.empty() || dice < (grows ? 55U : 40U)) {
      live.push_back({next_block, size});
      events.push_back({EventKind::kAlloc, next_block++, size, 0, 4});
      continue;
    }
    Life& life = live[random.below(static_cast<std::uint32_t>(live.size()))];
    if (dice >= 95) {
      if (size != life.size) events.push_back({EventKind::kResize, life.block, size, life.size, 4});
      life.size = size;
    } else {
      events.push_back({EventKind::kDealloc, life.block, 0, life.size, 4});
      life = live.back();
      live.pop_back();
    }
  }
  return events;
}

/// `count` sizes, of which some name alignments: the search's worst case has no two alike.
std::vector<Demand> random_demands(std::size_t count) {
  Random random;
  std::vector<Demand> demands;
  for (std::uint32_t i = 1; i <= count; ++i) {
    const std::uint32_t alignment = random.below(8) == 0 ? 4U << random.below(5) : 4U;
    demands.push_back({heap::round_up(4 * i, alignment), alignment, 1 + random.below(100)});
  }
  return demands;
}

void count_items(benchmark::State& state, std::size_t items) {
  state.SetItemsProcessed(static_cast<std::int64_t>(items) * state.iterations());
}

void collect_demands(benchmark::State& state) {
  const std::vector<Event> events = random_events(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    DemandCollector collector(4);
    collector.add(events);
    benchmark::DoNotOptimize(collector.demands());
  }
  count_items(state, events.size());
}
BENCHMARK(collect_demands)->Arg(100'000)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

void replay_events(benchmark::State& state) {
  const std::vector<Event> events = random_events(static_cast<std::size_t>(state.range(0)));
  DemandCollector collector(4);
  collector.add(events);
  const PoolLayout pools = optimize(collector.demands(), static_cast<std::size_t>(state.range(1)));
  for (auto _ : state) {
    Replay replay(pools, 4);
    replay.add(events);
    benchmark::DoNotOptimize(replay.result().failed);
  }
  count_items(state, events.size());
}
BENCHMARK(replay_events)
    ->Args({100'000, 8})
    ->Args({1'000'000, 8})
    ->Args({1'000'000, 64})
    ->Unit(benchmark::kMillisecond);

void optimize_demands(benchmark::State& state) {
  const std::vector<Demand> demands = random_demands(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    benchmark::DoNotOptimize(optimize(demands, static_cast<std::size_t>(state.range(1))));
  }
}
BENCHMARK(optimize_demands)->ArgsProduct({{50, 500, 4000}, {5, 64}})->Unit(benchmark::kMillisecond);

/// What all layouts are chosen from. 10 million events have about 500 sizes.
Survey survey_of(const std::vector<Event>& events, Survey::Depth depth) {
  Survey survey(4, depth);
  survey.add(events);
  survey.end_trace();
  return survey;
}

void survey_joint_peaks(benchmark::State& state) {
  const std::vector<Event> events = random_events(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    const Survey survey = survey_of(events, Survey::Depth::kJointPeaks);
    state.counters["sizes"] = static_cast<double>(survey.joint_peaks()->sizes().size());
  }
  count_items(state, events.size());
}
BENCHMARK(survey_joint_peaks)->Arg(1'000'000)->Arg(10'000'000)->Unit(benchmark::kMillisecond);

/// All that `drone heap generate` does but reading the file: survey, search, proof.
void suggest_layout(benchmark::State& state, const SuggestOptions& options) {
  const std::vector<Event> events = random_events(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    const Survey survey = survey_of(events, !options.tight  ? Survey::Depth::kDemands
                                            : options.spill ? Survey::Depth::kWorkload
                                                            : Survey::Depth::kJointPeaks);
    const Suggestion suggestion = suggest(survey, options);
    Replay proof(suggestion.pools, 4);
    proof.add(events);
    if (proof.result().failed != 0) state.SkipWithError("the layout does not run the trace");
    state.counters["bytes"] = static_cast<double>(layout_bytes(suggestion.pools));
    if (!suggestion.tight) continue;
    state.counters["no_spill"] = static_cast<double>(suggestion.tight->without_spill);
    state.counters["bound"] = static_cast<double>(suggestion.tight->lower_bound);
  }
  count_items(state, events.size());
}

SuggestOptions sixteen_pools(bool tight, bool spill) {
  SuggestOptions options;
  options.max_pools = 16;
  options.tight = tight;
  options.spill = spill;
  return options;
}
BENCHMARK_CAPTURE(suggest_layout, default, sixteen_pools(false, false))
    ->Arg(10'000'000)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(suggest_layout, tight_no_spill, sixteen_pools(true, false))
    ->Arg(10'000'000)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(suggest_layout, tight, sixteen_pools(true, true))
    ->Arg(1'000'000)
    ->Arg(10'000'000)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace drone::layout
