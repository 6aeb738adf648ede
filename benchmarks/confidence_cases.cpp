// SPDX-License-Identifier: MIT

// Holds the estimate of src/layout/exceedance.hpp against what happened: `bench_confidence trace`
// reads a recorded trace (benchmarks/traces/README.md) from its standard input, makes the layout
// and the estimate for each of its beginnings, and looks at what follows. `bench_confidence
// simulate RUNS` does so for processes that are known, with a run ten times as long. Prints one
// line a case, columns parted by tabs; the script benchmarks/confidence makes tables of them.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <iostream>
#include <queue>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "heaptrace/event.hpp"
#include "layout/demand.hpp"
#include "layout/exceedance.hpp"
#include "layout/joint_peaks.hpp"
#include "layout/life_tracker.hpp"
#include "layout/optimize.hpp"
#include "layout/replay.hpp"
#include "layout/stretches.hpp"

namespace drone::layout {
namespace {

using heaptrace::Event;
using heaptrace::EventKind;

constexpr std::uint32_t kBaseAlignment = 4;
constexpr std::array<double, 3> kConfidences{0.9, 0.99, 0.999};

std::vector<Event> read_trace(std::istream& in) {
  struct Life {
    std::uint32_t block;
    std::uint32_t size;
  };
  std::unordered_map<std::uint64_t, Life> live;
  std::vector<std::uint32_t> free_blocks;
  std::vector<Event> events;
  char kind = 0;
  std::uint64_t id = 0;
  std::uint32_t size = 0;
  while (in >> kind >> id) {
    if (kind != 'f' && !(in >> size)) throw std::runtime_error("a size is missing");
    if (kind == 'a') {
      auto block = static_cast<std::uint32_t>(live.size());
      if (!free_blocks.empty()) {
        block = free_blocks.back();
        free_blocks.pop_back();
      }
      live[id] = {block, size};
      events.push_back({EventKind::kAlloc, block, size, 0, kBaseAlignment});
    } else if (kind == 'f') {
      const Life life = live.at(id);
      events.push_back({EventKind::kDealloc, life.block, 0, life.size, kBaseAlignment});
      free_blocks.push_back(life.block);
      live.erase(id);
    } else if (kind == 'r') {
      Life& life = live.at(id);
      if (life.size == size) continue;
      events.push_back({EventKind::kResize, life.block, size, life.size, kBaseAlignment});
      life.size = size;
    } else {
      throw std::runtime_error("an event that there is not");
    }
  }
  return events;
}

/// The layout that `drone heap generate` would suggest, before headroom.
PoolLayout layout_for(std::span<const Event> events, std::size_t pools, bool tight) {
  if (!tight) {
    DemandCollector demands(kBaseAlignment);
    demands.add(events);
    return optimize(demands.demands(), pools);
  }
  LifeTracker lives;
  JointPeaksCollector peaks(kBaseAlignment, lives);
  lives.add(events,
            [&peaks](std::uint32_t, std::uint32_t from, std::uint32_t to) { peaks.add(from, to); });
  return optimize(peaks.peaks(), pools);
}

Stretches stretches_of(const PoolLayout& pools, std::span<const Event> events) {
  StretchCollector collector(pools, kBaseAlignment);
  collector.add(events);
  return collector.stretches();
}

bool holds(const PoolLayout& pools, const Stretches& all, std::span<const Event> events) {
  for (std::size_t i = 0; i != pools.size(); ++i) {
    if (all.peaks[i] > pools[i].capacity) return false;
  }
  // A request may be larger than any block.
  Replay replay(pools, kBaseAlignment);
  replay.add(events);
  return replay.result().failed == 0;
}

std::string_view word(NoEstimate::Reason reason) {
  using Reason = NoEstimate::Reason;
  switch (reason) {
    case Reason::kShort:
      return "short";
    case Reason::kPhases:
      return "phases";
    case Reason::kRising:
      return "rising";
    case Reason::kSame:
      return "same";
    case Reason::kBursts:
      return "bursts";
    case Reason::kStart:
      return "start";
    case Reason::kLargest:
      return "largest";
  }
  return "";
}

/// One line: pools, layout, outcome without any confidence, reason or "-", then for each confidence
/// the outcome and the bytes, in bytes of the layout; and the estimated chance that the layout is
/// exceeded.
void judge(std::span<const Event> all, std::size_t cut, std::size_t max_pools, bool tight,
           const std::string& name) {
  const std::span<const Event> beginning = all.first(cut);
  const PoolLayout pools = layout_for(beginning, max_pools, tight);
  const Stretches whole = stretches_of(pools, all);
  const auto outcome = [&](const PoolLayout& layout) {
    return holds(layout, whole, all) ? "held" : "exceeded";
  };
  const double times = static_cast<double>(all.size() - cut) / static_cast<double>(cut);
  const auto estimate = estimate_exceedance(stretches_of(pools, beginning));
  std::printf("%s\t%.3f\t%zu\t%s\t%s", name.c_str(), times, max_pools, tight ? "tight" : "default",
              outcome(pools));
  if (const auto* none = std::get_if<NoEstimate>(&estimate)) {
    std::printf("\t%.*s\n", static_cast<int>(word(none->reason).size()), word(none->reason).data());
    return;
  }
  const auto& exceedance = std::get<Exceedance>(estimate);
  std::printf("\t-");
  std::vector<std::uint64_t> base;
  for (const heap::PoolSpec& pool : pools) base.push_back(pool.capacity);
  std::printf("\t%.6f", exceedance.chance(base, times));
  for (const double confidence : kConfidences) {
    const std::vector<std::uint64_t> capacities = exceedance.capacities(confidence, times);
    PoolLayout sized = pools;
    for (std::size_t i = 0; i != sized.size(); ++i) {
      sized[i].capacity = std::max(sized[i].capacity, static_cast<std::uint32_t>(capacities[i]));
    }
    std::printf(
        "\t%s\t%.4f", outcome(sized),
        static_cast<double>(layout_bytes(sized)) / static_cast<double>(layout_bytes(pools)));
  }
  std::printf("\n");
}

/// The rest of the trace, from ten places; then ten times as much, from ten places in the first
/// eleventh.
void judge_trace(std::istream& in) {
  const std::vector<Event> events = read_trace(in);
  const std::span<const Event> all(events);
  for (const std::size_t pools : {5U, 8U}) {
    for (const bool tight : {false, true}) {
      for (std::size_t i = 1; i <= 10; ++i) {
        judge(all, all.size() * i / 11, pools, tight, "rest");
        const std::size_t cut = all.size() * i / 110;
        judge(all.first(11 * cut), cut, pools, tight, "tenfold");
      }
    }
  }
}

/// A simulated program: messages of several blocks arrive at random, and live for a random time.
class Simulation {
 public:
  explicit Simulation(std::uint64_t seed) : engine_(seed) {}

  double uniform() { return (static_cast<double>(engine_() >> 11) + 0.5) * 0x1p-53; }
  double exponential(double mean) { return -mean * std::log(uniform()); }
  std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(engine_() % limit); }

  double now() const { return now_; }
  std::size_t live() const { return deaths_.size(); }
  void wait(double time) {
    now_ += time;
    while (!deaths_.empty() && deaths_.top().time <= now_) {
      events_.push_back(
          {EventKind::kDealloc, deaths_.top().block, 0, deaths_.top().size, kBaseAlignment});
      free_blocks_.push_back(deaths_.top().block);
      deaths_.pop();
    }
  }
  void alloc(std::uint32_t size, double lifetime) {
    auto block = static_cast<std::uint32_t>(deaths_.size());
    if (!free_blocks_.empty()) {
      block = free_blocks_.back();
      free_blocks_.pop_back();
    }
    deaths_.push({now_ + lifetime, block, size});
    events_.push_back({EventKind::kAlloc, block, size, 0, kBaseAlignment});
  }
  const std::vector<Event>& events() const { return events_; }

 private:
  struct Death {
    double time;
    std::uint32_t block;
    std::uint32_t size;
    bool operator<(const Death& other) const { return time > other.time; }
  };
  std::mt19937_64 engine_;
  double now_ = 0;
  std::priority_queue<Death> deaths_;
  std::vector<std::uint32_t> free_blocks_;
  std::vector<Event> events_;
};

struct Process {
  std::string_view name;
  std::function<void(Simulation&)> step;
};

constexpr std::array<std::uint32_t, 6> kSizes{12, 24, 40, 64, 120, 256};

/// A small size more often than a large one.
std::uint32_t random_size(Simulation& run) { return kSizes[std::min(run.below(6), run.below(6))]; }

std::vector<Process> processes() {
  return {
      {"independent blocks",
       [](Simulation& run) {
         run.wait(run.exponential(1));
         run.alloc(random_size(run), run.exponential(30));
       }},
      {"batches of geometric length",
       [](Simulation& run) {
         run.wait(run.exponential(10));
         const std::uint32_t size = random_size(run);
         do run.alloc(size, run.exponential(30));
         while (run.uniform() < 0.8);
       }},
      {"messages, all their blocks freed at once",
       [](Simulation& run) {
         run.wait(run.exponential(8));
         const double lifetime = run.exponential(20) + 1;
         for (std::uint32_t left = 1 + run.below(12); left != 0; --left) {
           run.alloc(random_size(run), lifetime);
         }
       }},
      {"log-normal lives",
       [](Simulation& run) {
         run.wait(run.exponential(1));
         const double normal =
             std::sqrt(-2 * std::log(run.uniform())) * std::cos(6.283185307179586 * run.uniform());
         run.alloc(random_size(run), 8 * std::exp(1.2 * normal));
       }},
      {"bounded queue",
       [](Simulation& run) {
         run.wait(run.exponential(1));
         if (run.live() < 40) run.alloc(random_size(run), run.exponential(40));
       }},
      {"batches of Pareto length (a heavy tail)",
       [](Simulation& run) {
         run.wait(run.exponential(10));
         const std::uint32_t size = random_size(run);
         const double batch = std::min(std::pow(run.uniform(), -1 / 2.5), 2000.0);
         for (auto left = static_cast<std::uint32_t>(batch); left != 0; --left) {
           run.alloc(size, run.exponential(30));
         }
       }},
      {"load that drifts (a random walk)",
       [rate = 0.0, last = 0.0](Simulation& run) mutable {
         if (run.now() < last) rate = 0;
         last = run.now();
         rate = std::min(std::max(rate + (run.uniform() - 0.5) * 0.05, -2.0), 2.0);
         run.wait(run.exponential(std::exp(rate)));
         run.alloc(random_size(run), run.exponential(30));
       }},
      {"a leak",
       [](Simulation& run) {
         run.wait(run.exponential(1));
         run.alloc(random_size(run), run.uniform() < 0.003 ? 1e12 : run.exponential(30));
       }},
      {"load that changes once, at a random time",
       [change = 0.0, last = 0.0, busy = 1.0](Simulation& run) mutable {
         if (run.now() <= last) change = run.uniform() * 110000;
         last = run.now();
         busy = run.now() < change ? 1 : 0.5;
         run.wait(run.exponential(busy));
         run.alloc(random_size(run), run.exponential(30));
       }},
  };
}

void simulate(std::uint64_t runs) {
  constexpr std::size_t kBeginning = 20000;
  for (const Process& process : processes()) {
    for (std::uint64_t seed = 1; seed <= runs; ++seed) {
      Simulation run(seed);
      const auto step = process.step;  // its state begins anew
      while (run.events().size() < 11 * kBeginning) step(run);
      judge(std::span<const Event>(run.events()).first(11 * kBeginning), kBeginning, 4, true,
            std::string(process.name));
    }
  }
}

}  // namespace
}  // namespace drone::layout

int main(int argc, char** argv) {
  const std::vector<std::string_view> arguments(argv + 1, argv + argc);
  try {
    if (arguments.size() == 1 && arguments[0] == "trace") {
      std::ios::sync_with_stdio(false);
      drone::layout::judge_trace(std::cin);
      return 0;
    }
    if (arguments.size() == 2 && arguments[0] == "simulate") {
      drone::layout::simulate(std::stoull(std::string(arguments[1])));
      return 0;
    }
  } catch (const std::exception& error) {
    std::cerr << "bench_confidence: " << error.what() << '\n';
    return 3;
  }
  std::cerr << "usage: bench_confidence trace < TRACE.txt, or bench_confidence simulate RUNS\n";
  return 2;
}
