// SPDX-License-Identifier: MIT
#include "layout/spill_search.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "layout/exhaustive_search.hpp"
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

/// What is known before anything was tried.
struct Starts {
  std::uint64_t lower_bound = 0;
  Candidate bound_like;  ///< takes so much, and may not run
  Candidate no_spill;
};

/// A pool without blocks is none: the next one serves its sizes.
Candidate candidate_of(const JointPeaks& peaks, const PoolLayout& pools) {
  Candidate candidate;
  candidate.bytes = layout_bytes(pools);
  const std::vector<std::uint32_t>& sizes = peaks.sizes();
  for (const heap::PoolSpec& pool : pools) {
    if (pool.capacity == 0) continue;
    const auto end = std::upper_bound(sizes.begin(), sizes.end(), pool.block_size);
    candidate.ends.push_back(static_cast<std::uint32_t>(end - sizes.begin()));
    candidate.capacities.push_back(pool.capacity);
  }
  return candidate;
}

/// Annealing, in one thread.
class Annealing {
 public:
  using KeepOn = std::function<bool(double)>;

  Annealing(const Workload& workload, const JointPeaks& peaks, std::size_t max_pools,
            std::uint64_t seed)
      : peaks_(peaks), max_pools_(max_pools), replay_(workload), random_(seed) {}

  /// Begins with `best`, and stops after so many steps, or with as few bytes as the bound's.
  /// `keep_on` is asked now and then, with the part that is done.
  void run(const Starts& starts, const Candidate& best, std::uint64_t steps, KeepOn keep_on);

  const Candidate& best() const { return best_; }
  QuickReplay& replay() { return replay_; }

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
  bool complete(Candidate& candidate, std::uint64_t limit);
  void anneal(Candidate current, std::uint64_t divisor, std::uint64_t steps_end);
  bool propose(Candidate& candidate);
  bool shrink(Candidate& candidate);
  bool exchange(Candidate& candidate);
  void join(Candidate& candidate, std::size_t pool) const;
  bool split(Candidate& candidate, std::size_t pool);
  bool shift(Candidate& candidate, std::size_t pool);
  bool keeps_on();

  const JointPeaks& peaks_;
  std::size_t max_pools_;
  QuickReplay replay_;
  Random random_;
  Candidate best_;
  std::uint64_t least_ = 0;  ///< bytes: no layout has less
  std::uint64_t begin_ = 0;  ///< in steps of the replay
  std::uint64_t steps_ = 0;
  KeepOn keep_on_;
  std::uint64_t asked_ = 0;  ///< when it was asked last whether to go on
  bool is_stopped_ = false;
};

/// Adds blocks until every request is served. False as soon as that takes more bytes than `limit`,
/// or if there is no block for one of the pools.
bool Annealing::complete(Candidate& candidate, std::uint64_t limit) {
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
  for (std::uint32_t attempt = 0; keeps_on(); ++attempt) {
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
  return false;
}

/// One pool for the sizes of two.
void Annealing::join(Candidate& c, std::size_t p) const {
  c.capacities[p + 1] += c.capacities[p];
  c.capacities.erase(c.capacities.begin() + static_cast<std::ptrdiff_t>(p));
  c.ends.erase(c.ends.begin() + static_cast<std::ptrdiff_t>(p));
}

/// Two pools for the sizes of one. The upper gets as many blocks as it must have, and some of those
/// beyond.
bool Annealing::split(Candidate& c, std::size_t p) {
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
bool Annealing::shift(Candidate& c, std::size_t p) {
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

bool Annealing::shrink(Candidate& c) {
  const std::size_t p = random_.below(c.ends.size());
  const std::uint32_t fewer = random_.few();
  if (c.capacities[p] <= fewer) return false;
  c.capacities[p] -= fewer;
  return true;
}

/// Blocks of one pool for blocks of another, at most as many bytes more as one of them has.
bool Annealing::exchange(Candidate& c) {
  const std::size_t p = random_.below(c.ends.size());
  std::size_t q = random_.below(c.ends.size() - 1);
  if (q >= p) ++q;
  const std::uint32_t fewer = random_.few();
  if (c.capacities[p] <= fewer) return false;
  c.capacities[p] -= fewer;
  constexpr std::uint64_t kMost = 1'000'000;
  const std::uint64_t most = std::min(std::uint64_t{fewer} * block(c, p) / block(c, q), kMost);
  c.capacities[q] += 1 + (most == 0 ? 0 : random_.below(most));
  return true;
}

/// A small change. False if there is none of the kind that was drawn.
bool Annealing::propose(Candidate& c) {
  const std::size_t n = c.ends.size();
  if (n < max_pools_ && random_.below(10) == 0) {
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

/// Asks now and then.
bool Annealing::keeps_on() {
  constexpr std::uint64_t kOften = 1'000'000;
  if (replay_.steps() - asked_ >= kOften) {
    asked_ = replay_.steps();
    const std::uint64_t done = std::min(asked_ - begin_, steps_);
    is_stopped_ = !keep_on_(static_cast<double>(done) / static_cast<double>(steps_));
  }
  return !is_stopped_;
}

/// Goes from one layout to the next, which may be worse, by less and less: at first by up to one
/// part in `divisor` of the bytes. In integers, so that every machine goes the same way.
void Annealing::anneal(Candidate current, std::uint64_t divisor, std::uint64_t steps_end) {
  const std::uint64_t steps_begin = replay_.steps();
  if (is_stopped_ || steps_begin >= steps_end || !complete(current, UINT64_MAX)) return;
  replay_.keep();
  Candidate candidate;
  while (replay_.steps() < steps_end && best_.bytes != least_ && keeps_on()) {
    const std::uint64_t left =
        (steps_end - replay_.steps()) * 1024 / (steps_end - steps_begin);  // of 1024
    const std::uint64_t most_worse = current.bytes / divisor * left / 1024 * left / 1024;
    const std::uint64_t worse =
        most_worse * random_.below(1024) / 1024 * random_.below(1024) / 1024;
    candidate = current;
    if (!propose(candidate) || !complete(candidate, current.bytes + worse)) {
      replay_.count_steps(1);
      continue;
    }
    replay_.keep();
    current = candidate;
    if (current.bytes < best_.bytes) best_ = current;
  }
}

void Annealing::run(const Starts& starts, const Candidate& best, std::uint64_t steps,
                    KeepOn keep_on) {
  least_ = starts.lower_bound;
  best_ = best;
  begin_ = asked_ = replay_.steps();
  steps_ = std::max<std::uint64_t>(steps, 1);
  keep_on_ = std::move(keep_on);
  Candidate bound_like = starts.bound_like;
  if (!complete(bound_like, UINT64_MAX)) bound_like = starts.no_spill;  // there are no such blocks
  if (bound_like.bytes < best_.bytes) best_ = bound_like;

  // Two starts, then closer and closer around the best.
  struct Round {
    const Candidate* start;
    std::uint64_t divisor;
  };
  const std::array<Round, 6> rounds{{{&bound_like, 16},
                                     {&starts.no_spill, 16},
                                     {&best_, 64},
                                     {&best_, 256},
                                     {&best_, 64},
                                     {&best_, 256}}};
  for (std::size_t i = 0; i != rounds.size(); ++i) {
    anneal(*rounds[i].start, rounds[i].divisor, begin_ + steps * (i + 1) / rounds.size());
  }
}

/// The whole search. First a short one: often all that is left can be tried then. If not, a long
/// one, several times side by side, and once more all that is left.
class SpillSearch {
 public:
  SpillSearch(const Workload& workload, const JointPeaks& peaks, const SpillSearchOptions& options)
      : workload_(workload),
        peaks_(peaks),
        options_(options),
        seeds_(options.seed),
        first_(workload, peaks, options.max_pools, seeds_.next()) {
    if (peaks.sizes().size() <= ExhaustiveSearch::kMostSizes &&
        ExhaustiveSearch::covers_all_layouts(workload)) {
      exhaustive_.emplace(peaks, options.max_pools, first_.replay());
    }
  }

  SpillSearchResult run();

 private:
  static constexpr std::size_t kSideBySide = 4;

  /// Layouts that take fewer bytes than `limit`, and their number: kManyLayouts if there are so
  /// many or more.
  struct Below {
    std::uint64_t limit = 0;
    std::uint64_t count = 0;
  };
  /// What tries a share of the layouts.
  struct Trier {
    Trier(const Workload& workload, const JointPeaks& peaks, std::size_t max_pools)
        : replay(workload), search(peaks, max_pools, replay) {}
    QuickReplay replay;
    ExhaustiveSearch search;
  };

  void anneal_side_by_side(std::uint64_t steps);
  bool try_all(std::size_t threads, std::uint64_t steps, bool however_long);
  Below next_to_try(std::uint64_t most, std::uint64_t width);
  std::optional<std::uint64_t> try_below(const Below& below, std::size_t threads,
                                         std::uint64_t steps,
                                         const std::function<bool(double)>& keep_on);
  bool keeps_on(SearchPhase phase, double done);
  SpillSearchResult result();

  const Workload& workload_;
  const JointPeaks& peaks_;
  const SpillSearchOptions& options_;
  Random seeds_;
  Annealing first_;
  std::optional<ExhaustiveSearch> exhaustive_;  ///< none: it would prove nothing, or take too long
  std::vector<std::unique_ptr<Trier>> others_;
  Starts starts_;
  Candidate best_;
  std::uint64_t tried_ = 0;  ///< all layouts that take fewer bytes were tried, and fail
  std::atomic<bool> is_stopped_ = false;
};

bool SpillSearch::keeps_on(SearchPhase phase, double done) {
  try {
    if (options_.keep_on && !options_.keep_on(phase, done)) is_stopped_ = true;
  } catch (...) {
    is_stopped_ = true;  // the other threads would be waited for
    throw;
  }
  return !is_stopped_;
}

/// Each begins anew, with a seed of its own: what one of them finds does not lead another.
void SpillSearch::anneal_side_by_side(std::uint64_t steps) {
  std::array<std::future<Candidate>, kSideBySide - 1> others;
  const auto search = [&](std::uint64_t seed, const Annealing::KeepOn& keep_on) {
    Annealing annealing(workload_, peaks_, options_.max_pools, seed);
    annealing.run(starts_, best_, steps, keep_on);
    return annealing.best();
  };
  for (std::future<Candidate>& other : others) {
    // Where no thread can be had, the call waits for its turn.
    other = std::async(std::launch::async | std::launch::deferred, search, seeds_.next(),
                       [this](double) { return !is_stopped_; });
  }
  Candidate best = search(seeds_.next(), [this](double done) {
    return keeps_on(SearchPhase::kImprove, (1 + 7 * done) / 8);
  });
  for (std::future<Candidate>& other : others) {
    Candidate found = other.get();
    if (found.bytes < best.bytes) best = std::move(found);
  }
  best_ = std::move(best);
}

/// Layouts to try next: those from tried_ on that are about `most` together with what was tried,
/// but no more. If already those of 4 bytes more are too many, or too long to count: those of
/// `width` bytes more.
SpillSearch::Below SpillSearch::next_to_try(std::uint64_t most, std::uint64_t width) {
  const Below all{best_.bytes, exhaustive_->count(best_.bytes, most + 1)};
  if (all.count <= most) return all;
  Below enough{tried_, 0};
  std::uint64_t too_much = all.limit;
  for (std::uint64_t more = 4; tried_ + more < too_much; more *= 2) {
    const std::uint64_t count = exhaustive_->count(tried_ + more, most + 1);
    if (count <= most) {
      enough = {tried_ + more, count};
    } else {
      too_much = tried_ + more;
    }
  }
  if (enough.limit == tried_) {
    const std::uint64_t limit = std::min(tried_ + width, all.limit);
    return {limit, exhaustive_->count(limit, kManyLayouts)};
  }
  constexpr int kCloseEnough = 4;
  for (int i = 0; i != kCloseEnough; ++i) {
    const std::uint64_t middle = enough.limit + (too_much - enough.limit) / 2;
    const std::uint64_t count = exhaustive_->count(middle, most + 1);
    if (count <= most) {
      enough = {middle, count};
    } else {
      too_much = middle;
    }
  }
  return enough;
}

/// Tries layouts from the lower bound on, those that take the fewest bytes first, until there is
/// none left that takes fewer than the best: then it is proved to be that, and this returns true.
/// Ends before when a thread has made `steps`, unless however long, and sooner if it is clear that
/// they will not be enough. But as what was tried raises the bound, several threads go on, up to
/// twice as long, while the bound is not as close as a user likes to see it.
bool SpillSearch::try_all(std::size_t threads, std::uint64_t steps, bool however_long) {
  if (is_stopped_ || !exhaustive_) return false;
  constexpr std::uint64_t kFew = 10'000'000;
  constexpr std::uint64_t kFirst = 1000;
  constexpr std::uint64_t kMoreEachTime = 16;
  constexpr std::uint64_t kEnoughToTell = 5'000'000;
  const auto is_close = [&] { return best_.bytes * 1000 <= tried_ * 1025; };
  tried_ = std::max(tried_, starts_.lower_bound);
  const std::uint64_t all = exhaustive_->count(best_.bytes, however_long ? kManyLayouts : kFew);
  bool is_hopeless = all >= kFew;

  const QuickReplay& replay = first_.replay();
  std::uint64_t used = 0;  // steps, by the threads that made the most
  std::uint64_t target = kFirst;
  std::uint64_t tried = 0;  // how many
  std::uint64_t width = 4;
  while (tried_ < best_.bytes) {
    const std::uint64_t begin = replay.steps();
    const Below below = next_to_try(target, width);
    if (below.count >= kManyLayouts) width *= 2;
    used += replay.steps() - begin;
    const std::uint64_t most = however_long ? UINT64_MAX : is_close() ? steps : 2 * steps;
    if (!however_long) {
      const bool goes_on = !is_hopeless || (threads != 1 && !is_close());
      if (!goes_on || used >= most || below.count >= kFew) return false;
    }
    const auto keep_on = [&](double part) {
      const auto new_ones = static_cast<double>(std::max(below.count, tried) - tried);
      const double done = static_cast<double>(tried) + part * new_ones;
      return keeps_on(SearchPhase::kProve, std::min(1.0, done / static_cast<double>(all)));
    };
    const auto steps_made = try_below(below, threads, most - used, keep_on);
    if (!steps_made) return false;
    used += *steps_made;
    // What is left will not take longer each, but hardly a tenth, where one failure rules out many.
    const std::uint64_t each = *steps_made / (std::max(below.count, tried + 1) - tried) + 1;
    const std::uint64_t left = all - std::min(all, below.count);
    is_hopeless = is_hopeless || (used > kEnoughToTell && each * left / 10 > most);
    tried = below.count;
    target = std::max(target, tried) * kMoreEachTime;
    if (is_hopeless && !however_long) {
      target = std::min(target, tried + (most - std::min(most, used)) / each);
    }
    target = std::min(target, kManyLayouts - 1);
  }
  return true;
}

/// Each thread makes at most `steps`. Returns the most that one has made, nothing if they were not
/// enough. `keep_on` is asked with the part that is done.
std::optional<std::uint64_t> SpillSearch::try_below(const Below& below, std::size_t threads,
                                                    std::uint64_t steps,
                                                    const std::function<bool(double)>& keep_on) {
  while (others_.size() + 1 < threads) {
    others_.push_back(std::make_unique<Trier>(workload_, peaks_, options_.max_pools));
  }
  struct Share {
    Candidate best;
    bool is_done = false;
    std::uint64_t steps = 0;
  };
  const auto try_share = [&](std::size_t index, ExhaustiveSearch& search, QuickReplay& replay,
                             const std::function<bool(std::uint64_t)>& goes_on) {
    constexpr std::uint64_t kOften = 1'000'000;
    const std::uint64_t begin = replay.steps();
    std::uint64_t asked = begin;
    Share share;
    share.best.bytes = below.limit;
    share.is_done =
        search.improve(share.best, {tried_, index, threads}, [&](std::uint64_t visited) {
          if (replay.steps() - asked < kOften) return true;
          asked = replay.steps();
          return asked - begin < steps && goes_on(visited);
        });
    share.steps = replay.steps() - begin;
    return share;
  };
  // Only this thread asks, also while it waits for the others, or has to do their shares.
  const auto asking = std::this_thread::get_id();
  double part = 0;
  std::vector<std::future<Share>> waiting;
  for (std::size_t i = 1; i != threads; ++i) {
    waiting.push_back(std::async(std::launch::async | std::launch::deferred, [&, i] {
      return try_share(i, others_[i - 1]->search, others_[i - 1]->replay, [&](std::uint64_t) {
        return std::this_thread::get_id() == asking ? keep_on(part) : !is_stopped_.load();
      });
    }));
  }
  std::vector<Share> done{try_share(0, *exhaustive_, first_.replay(), [&](std::uint64_t visited) {
    const auto count = static_cast<double>(std::max<std::uint64_t>(below.count, 1));
    part = std::min(1.0, static_cast<double>(visited * threads) / count);
    return keep_on(part);
  })};
  for (std::future<Share>& share : waiting) {
    constexpr std::chrono::milliseconds kAskEvery(50);
    while (share.wait_for(kAskEvery) == std::future_status::timeout) {
      if (!is_stopped_) keep_on(part);
    }
    done.push_back(share.get());
  }

  bool is_done = true;
  std::uint64_t tried = below.limit;
  std::uint64_t most_steps = 0;
  for (Share& share : done) {
    is_done = is_done && share.is_done;
    most_steps = std::max(most_steps, share.steps);
    if (share.best.ends.empty()) continue;
    tried = std::min(tried, share.best.bytes);
    if (share.best.bytes < best_.bytes) best_ = std::move(share.best);
  }
  if (!is_done) return std::nullopt;
  tried_ = tried;
  return most_steps;
}

SpillSearchResult SpillSearch::result() {
  SpillSearchResult result;
  for (std::size_t p = 0; p != best_.ends.size(); ++p) {
    const std::uint32_t begin = p == 0 ? 0 : best_.ends[p - 1];
    result.pools.push_back({first_.replay().block(begin, best_.ends[p]), best_.capacities[p]});
  }
  result.was_ended = is_stopped_;
  result.lower_bound = std::max(tried_, starts_.lower_bound);
  result.is_best = best_.bytes == result.lower_bound;
  if (!result.is_best && exhaustive_) {
    result.untried = exhaustive_->count(best_.bytes, kManyLayouts);
    if (result.untried != kManyLayouts) result.untried -= exhaustive_->count(tried_, kManyLayouts);
    result.is_best = result.untried == 0;
    if (result.is_best) result.lower_bound = best_.bytes;
  }
  return result;
}

SpillSearchResult SpillSearch::run() {
  const LowerBound bound = lower_bound(peaks_, options_.max_pools);
  starts_.lower_bound = bound.bytes;
  starts_.bound_like = candidate_of(peaks_, bound.pools);
  starts_.no_spill = candidate_of(peaks_, optimize(peaks_, options_.max_pools));
  best_ = starts_.no_spill;
  if (!options_.start.empty() && layout_bytes(options_.start) < best_.bytes) {
    best_ = candidate_of(peaks_, options_.start);
  }
  const std::uint64_t steps = options_.steps;
  first_.run(starts_, best_, steps / 8,
             [this](double done) { return keeps_on(SearchPhase::kImprove, done / 8); });
  best_ = first_.best();
  if (!try_all(1, steps * 3 / 8, false)) {
    if (!is_stopped_) anneal_side_by_side(steps / 2);
    try_all(kSideBySide, steps / 8, options_.prove);
  }
  return result();
}

}  // namespace

SpillSearchResult search_with_spill(const Workload& workload, const JointPeaks& peaks,
                                    const SpillSearchOptions& options) {
  if (workload.sizes().empty()) return {.is_best = true};
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
