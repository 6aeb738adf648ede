// SPDX-License-Identifier: MIT
#include "layout/spill_search.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include "layout/quick_replay.hpp"

namespace drone::layout {
namespace {

/// SplitMix64. The standard library's distributions differ between implementations.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }
  /// Less than `limit`, which is not 0 and less than 2^32.
  std::uint32_t below(std::uint64_t limit) {
    return static_cast<std::uint32_t>((next() >> 32) * limit >> 32);
  }
  /// 1 in half of the cases, 2 in a quarter, and so on.
  std::uint32_t few() {
    return 1 + static_cast<std::uint32_t>(std::countr_zero(next() | 1ULL << 20));
  }

 private:
  std::uint64_t state_;
};

struct Candidate {
  PoolEnds ends;
  std::vector<std::uint32_t> capacities;
  std::uint64_t bytes = 0;
};

class SpillSearch {
 public:
  SpillSearch(const Workload& workload, const JointPeaks& peaks, const SpillSearchOptions& options)
      : peaks_(peaks), options_(options), replay_(workload), random_(options.seed) {}

  PoolLayout run();

 private:
  std::uint32_t begin(const Candidate& candidate, std::size_t pool) const {
    return pool == 0 ? 0 : candidate.ends[pool - 1];
  }
  std::uint32_t block(const Candidate& candidate, std::size_t pool) const {
    return replay_.block(begin(candidate, pool), candidate.ends[pool]);
  }
  /// Most blocks alive at one time that fit no pool below this one.
  std::uint32_t above(const Candidate& candidate, std::size_t pool) const {
    if (pool == candidate.ends.size()) return 0;
    return peaks_.peak(begin(candidate, pool), peaks_.sizes().size() - 1);
  }
  Candidate from(const PoolLayout& pools) const;
  bool complete(Candidate& candidate, std::uint64_t limit);
  void anneal(Candidate current, std::uint64_t divisor, std::uint64_t steps_end);
  bool propose(Candidate& candidate);
  bool shrink(Candidate& candidate);
  bool exchange(Candidate& candidate);
  void join(Candidate& candidate, std::size_t pool) const;
  bool split(Candidate& candidate, std::size_t pool);
  bool shift(Candidate& candidate, std::size_t pool);
  void tell_progress();

  const JointPeaks& peaks_;
  const SpillSearchOptions& options_;
  QuickReplay replay_;
  Random random_;
  Candidate best_;
  std::uint64_t least_ = 0;  ///< bytes: no layout has less
  std::uint64_t told_ = 0;   ///< steps when progress was told last
};

/// A pool without blocks is none: the next one serves its sizes.
Candidate SpillSearch::from(const PoolLayout& pools) const {
  Candidate candidate;
  const std::vector<std::uint32_t>& sizes = peaks_.sizes();
  for (const heap::PoolSpec& pool : pools) {
    if (pool.capacity == 0) continue;
    const auto end = std::upper_bound(sizes.begin(), sizes.end(), pool.block_size);
    candidate.ends.push_back(static_cast<std::uint32_t>(end - sizes.begin()));
    candidate.capacities.push_back(pool.capacity);
  }
  return candidate;
}

/// Adds blocks until every request is served. False as soon as that takes more bytes than `limit`,
/// or if there is no block for one of the pools.
bool SpillSearch::complete(Candidate& candidate, std::uint64_t limit) {
  const std::size_t n = candidate.ends.size();
  std::vector<std::uint32_t> blocks(n);
  std::uint64_t sum = 0;
  candidate.bytes = 0;
  for (std::size_t p = n; p-- != 0;) {
    blocks[p] = block(candidate, p);
    if (blocks[p] == 0) return false;
    sum += candidate.capacities[p];
    if (const std::uint32_t least = above(candidate, p); sum < least) {
      candidate.capacities[p] += static_cast<std::uint32_t>(least - sum);
      sum = least;
    }
    candidate.bytes += std::uint64_t{blocks[p]} * candidate.capacities[p];
  }
  if (candidate.bytes > limit) return false;
  for (std::uint32_t attempt = 0;; ++attempt) {
    const QuickReplay::Outcome outcome = replay_.run(candidate.ends, candidate.capacities);
    if (outcome.runs) return true;
    // Mostly, a smaller pool that overflowed into those that could have served it is grown: its
    // blocks are cheaper.
    std::size_t pool = outcome.failed_pool;
    if (std::uint64_t pools = outcome.overflowing_pools; pools != 0 && random_.below(4) != 0) {
      const auto count = static_cast<std::uint32_t>(std::popcount(pools));
      for (std::uint32_t skip = random_.below(count); skip != 0; --skip) pools &= pools - 1;
      pool = static_cast<std::size_t>(std::countr_zero(pools));
    }
    const std::uint32_t more = 1 + attempt / 8;
    candidate.capacities[pool] += more;
    candidate.bytes += std::uint64_t{blocks[pool]} * more;
    if (candidate.bytes > limit) return false;
  }
}

/// One pool for the sizes of two.
void SpillSearch::join(Candidate& c, std::size_t p) const {
  c.capacities[p + 1] += c.capacities[p];
  c.capacities.erase(c.capacities.begin() + static_cast<std::ptrdiff_t>(p));
  c.ends.erase(c.ends.begin() + static_cast<std::ptrdiff_t>(p));
}

/// Two pools for the sizes of one. The upper gets as many blocks as it must have, and some of those
/// beyond.
bool SpillSearch::split(Candidate& c, std::size_t p) {
  const std::uint32_t first = begin(c, p);
  const std::uint32_t sizes = c.ends[p] - first;
  if (sizes < 2) return false;
  const std::uint32_t at = first + 1 + random_.below(sizes - 1);
  const std::uint32_t all = c.capacities[p];
  const std::uint32_t after = above(c, p + 1);
  const std::uint32_t upper_least = peaks_.peak(at, peaks_.sizes().size() - 1) - after;
  const std::uint32_t lower_least = above(c, p) - after - upper_least;
  const std::uint32_t spare = all > upper_least + lower_least ? all - upper_least - lower_least : 0;
  const std::uint32_t upper = upper_least + random_.below(spare + 1);
  const std::uint32_t lower = all > upper ? all - upper : 0;
  if (upper == 0 || lower == 0) return false;
  c.ends.insert(c.ends.begin() + static_cast<std::ptrdiff_t>(p), at);
  c.capacities[p] = upper;
  c.capacities.insert(c.capacities.begin() + static_cast<std::ptrdiff_t>(p), lower);
  return true;
}

/// Moves the boundary between two pools. Blocks beyond the least stay with their pools.
bool SpillSearch::shift(Candidate& c, std::size_t p) {
  const auto least = [&](std::size_t i) { return above(c, i) - above(c, i + 1); };
  const auto spare = [&](std::size_t i) {
    return c.capacities[i] > least(i) ? c.capacities[i] - least(i) : 0;
  };
  const std::uint32_t spare_below = spare(p);
  const std::uint32_t spare_above = spare(p + 1);
  const std::uint32_t d = random_.few();
  if (random_.below(2) == 0) {
    if (c.ends[p] + d >= c.ends[p + 1]) return false;
    c.ends[p] += d;
  } else {
    if (c.ends[p] < begin(c, p) + d + 1) return false;
    c.ends[p] -= d;
  }
  c.capacities[p] = least(p) + spare_below;
  c.capacities[p + 1] = least(p + 1) + spare_above;
  return c.capacities[p] != 0 && c.capacities[p + 1] != 0;
}

bool SpillSearch::shrink(Candidate& c) {
  const std::size_t p = random_.below(c.ends.size());
  const std::uint32_t fewer = random_.few();
  if (c.capacities[p] <= fewer) return false;
  c.capacities[p] -= fewer;
  return true;
}

/// Blocks of one pool for blocks of another, at most as many bytes more as one of them has.
bool SpillSearch::exchange(Candidate& c) {
  const std::size_t p = random_.below(c.ends.size());
  std::size_t q = random_.below(c.ends.size() - 1);
  if (q >= p) ++q;
  const std::uint32_t fewer = random_.few();
  if (c.capacities[p] <= fewer) return false;
  c.capacities[p] -= fewer;
  const std::uint64_t most = std::uint64_t{fewer} * block(c, p) / block(c, q);
  c.capacities[q] += 1 + (most == 0 ? 0 : random_.below(most));
  return true;
}

/// A small change. False if there is none of the kind that was drawn.
bool SpillSearch::propose(Candidate& c) {
  const std::size_t n = c.ends.size();
  if (n < options_.max_pools && random_.below(10) == 0) {
    return split(c, random_.below(n));
  }
  const std::uint32_t dice = random_.below(100);
  if (dice < 35 || n == 1) return shrink(c);
  if (dice < 60) return exchange(c);
  const std::size_t p = random_.below(n - 1);
  if (dice < 85) return shift(c, p);
  join(c, p);
  return dice < 86 || split(c, random_.below(n - 1));
}

void SpillSearch::tell_progress() {
  constexpr std::uint64_t kOften = 1'000'000;
  if (!options_.progress || replay_.steps() - told_ < kOften) return;
  told_ = replay_.steps();
  options_.progress(std::min(told_, options_.steps));
}

/// Goes from one layout to the next, which may be worse, by less and less: at first by up to one
/// part in `divisor` of the bytes. In integers, so that every machine goes the same way.
void SpillSearch::anneal(Candidate current, std::uint64_t divisor, std::uint64_t steps_end) {
  const std::uint64_t steps_begin = replay_.steps();
  if (steps_begin >= steps_end || !complete(current, UINT64_MAX)) return;
  replay_.keep();
  Candidate candidate;
  while (replay_.steps() < steps_end && best_.bytes != least_) {
    const std::uint64_t left =
        (steps_end - replay_.steps()) * 1024 / (steps_end - steps_begin);  // of 1024
    const std::uint64_t most_worse = current.bytes / divisor * left / 1024 * left / 1024;
    const std::uint64_t worse =
        most_worse * random_.below(1024) / 1024 * random_.below(1024) / 1024;
    tell_progress();
    candidate = current;
    if (!propose(candidate) || !complete(candidate, current.bytes + worse)) {
      replay_.count_step();
      continue;
    }
    replay_.keep();
    current = candidate;
    if (current.bytes < best_.bytes) best_ = current;
  }
}

PoolLayout SpillSearch::run() {
  const LowerBound bound = lower_bound(peaks_, options_.max_pools);
  least_ = bound.bytes;
  const PoolLayout no_spill_pools = optimize(peaks_, options_.max_pools);
  Candidate no_spill = from(no_spill_pools);
  best_ = no_spill;
  best_.bytes = layout_bytes(no_spill_pools);
  if (!options_.start.empty() && layout_bytes(options_.start) < best_.bytes) {
    best_ = from(options_.start);
    best_.bytes = layout_bytes(options_.start);
  }
  Candidate bound_like = from(bound.pools);
  const bool has_blocks = complete(bound_like, UINT64_MAX);
  if (!has_blocks) bound_like = no_spill;
  if (has_blocks && bound_like.bytes < best_.bytes) best_ = bound_like;

  // Two starts, then closer and closer around the best.
  struct Round {
    const Candidate* start;
    std::uint64_t divisor;
  };
  const std::array<Round, 6> rounds{{{&bound_like, 16},
                                     {&no_spill, 16},
                                     {&best_, 64},
                                     {&best_, 256},
                                     {&best_, 64},
                                     {&best_, 256}}};
  const std::uint64_t steps_begin = replay_.steps();
  for (std::size_t i = 0; i != rounds.size(); ++i) {
    anneal(*rounds[i].start, rounds[i].divisor,
           steps_begin + options_.steps * (i + 1) / rounds.size());
  }
  PoolLayout pools;
  for (std::size_t p = 0; p != best_.ends.size(); ++p) {
    pools.push_back({block(best_, p), best_.capacities[p]});
  }
  return pools;
}

}  // namespace

PoolLayout search_with_spill(const Workload& workload, const JointPeaks& peaks,
                             const SpillSearchOptions& options) {
  if (workload.sizes().empty()) return {};
  return SpillSearch(workload, peaks, options).run();
}

PoolLayout grow_until_it_runs(const Workload& workload, PoolLayout pools) {
  QuickReplay quick(workload);
  PoolEnds ends;
  std::vector<std::uint32_t> capacities;
  for (const heap::PoolSpec& pool : pools) {
    const auto end =
        std::upper_bound(workload.sizes().begin(), workload.sizes().end(), pool.block_size);
    ends.push_back(static_cast<std::uint32_t>(end - workload.sizes().begin()));
    capacities.push_back(pool.capacity);
  }
  for (QuickReplay::Outcome outcome; !(outcome = quick.run(ends, capacities)).runs;) {
    ++capacities[outcome.failed_pool];
  }
  for (std::size_t i = 0; i != pools.size(); ++i) pools[i].capacity = capacities[i];
  return pools;
}

}  // namespace drone::layout
