// SPDX-License-Identifier: MIT

// The search. docs/layout-search.md proves what is used here:
//
// Let e[0] < ... < e[n-1] be the effective sizes, c[m] the sum of the max counts at e[m]. A pool
// serves the sizes e[i], ..., e[j-1] for some i < j; its best block is e[j-1] rounded up to the
// largest alignment named in there, and it must be below e[j], or it would serve that size too.
// Such a pool wastes
//
//   waste(i, j) = sum over m in [i, j) of (block - e[m]) x c[m]
//
// and a layout takes demand_bytes + the waste of its pools, so that
//
//   least(k, i) = min over j of waste(i, j) + least(k - 1, j)
//
// is the least waste of exactly k pools for the sizes from e[i] on. waste(i, j) never falls as j
// grows: the loop over j ends as soon as it alone reaches the best sum found. Every pool more saves
// bytes until each size has its own, so the best of at most K pools has min(K, n).

#include "layout/optimize.hpp"

#include <algorithm>
#include <cassert>

#include "drone/heap/select_pool.hpp"
#include "support/error.hpp"

namespace drone::layout {
namespace {

[[noreturn]] void throw_too_large() {
  throw Error(ExitStatus::kNoLayout, "the trace's requests take more than 4 GB together",
              "the trace may be damaged, or that of another program");
}

/// The demands of one effective size.
struct SizeClass {
  std::uint32_t size;
  std::uint32_t alignment;
  std::uint64_t count;
};

/// One for each effective size, ascending. Their counts, and the bytes of all, fit 32 bits: so no
/// sum of block x count over disjoint intervals overflows 64.
std::vector<SizeClass> merge(std::span<const Demand> demands) {
  std::vector<SizeClass> classes;
  classes.reserve(demands.size());
  for (const Demand& demand : demands) {
    if (demand.max_count == 0) continue;
    if (!is_servable(demand.effective_size, demand.alignment)) {
      throw Error(ExitStatus::kNoLayout,
                  "no layout serves a request of " + std::to_string(demand.effective_size) +
                      " bytes aligned to " + std::to_string(demand.alignment),
                  "a heap aligns to at most " + std::to_string(heap::kMaxAlignment) + " bytes");
    }
    classes.push_back({demand.effective_size, demand.alignment, demand.max_count});
  }
  std::sort(classes.begin(), classes.end(),
            [](const SizeClass& a, const SizeClass& b) { return a.size < b.size; });

  std::uint64_t bytes = 0;
  std::size_t merged = 0;
  for (const SizeClass& each : classes) {
    if (each.count > (UINT32_MAX - bytes) / each.size) throw_too_large();
    bytes += each.size * each.count;
    if (merged != 0 && classes[merged - 1].size == each.size) {
      SizeClass& same = classes[merged - 1];
      same.alignment = std::max(same.alignment, each.alignment);
      same.count += each.count;
    } else {
      classes[merged++] = each;
    }
  }
  classes.resize(merged);
  return classes;
}

/// A pool for neighbouring sizes, given one after the other, whose capacity is the sum of their
/// counts. Its cost is what it wastes.
class SumInterval {
 public:
  SumInterval(const std::vector<SizeClass>& classes, std::size_t first)
      : classes_(classes), next_(first) {}

  void extend() {
    const SizeClass& next = classes_[next_++];
    alignment_ = std::max(alignment_, next.alignment);
    const std::uint32_t larger = heap::round_up(next.size, alignment_);
    cost_ += (larger - pool_.block_size) * std::uint64_t{pool_.capacity} +
             (larger - next.size) * next.count;
    pool_.block_size = larger;
    pool_.capacity += static_cast<std::uint32_t>(next.count);
  }
  /// Otherwise the block would serve the next size, too.
  bool is_allowed() const {
    return next_ == classes_.size() || pool_.block_size < classes_[next_].size;
  }
  std::uint64_t cost() const { return cost_; }
  heap::PoolSpec pool() const { return pool_; }

 private:
  const std::vector<SizeClass>& classes_;
  std::size_t next_;
  std::uint32_t alignment_ = 1;
  std::uint64_t cost_ = 0;
  heap::PoolSpec pool_{0, 0};
};

/// The same, with the joint peak of the sizes as capacity. Its cost is the bytes it takes.
class JointInterval {
 public:
  JointInterval(const JointPeaks& peaks, std::size_t first)
      : peaks_(peaks), first_(first), next_(first) {}

  void extend() {
    alignment_ = std::max(alignment_, peaks_.alignments()[next_]);
    pool_ = {heap::round_up(peaks_.sizes()[next_], alignment_), peaks_.peak(first_, next_)};
    ++next_;
  }
  bool is_allowed() const {
    return next_ == peaks_.sizes().size() || pool_.block_size < peaks_.sizes()[next_];
  }
  std::uint64_t cost() const { return std::uint64_t{pool_.block_size} * pool_.capacity; }
  heap::PoolSpec pool() const { return pool_; }

 private:
  const JointPeaks& peaks_;
  std::size_t first_;
  std::size_t next_;
  std::uint32_t alignment_ = 1;
  heap::PoolSpec pool_{0, 0};
};

/// What a pool adds to the least that it and all larger ones take: the step from the block below
/// it to its own, for every block that was alive at one time and fits none below.
class BoundInterval {
 public:
  BoundInterval(const JointPeaks& peaks, std::size_t first)
      : sizes_(peaks.sizes()),
        next_(first),
        below_(first == 0 ? 0 : sizes_[first - 1]),
        above_(peaks.peak(first, sizes_.size() - 1)) {}

  void extend() { ++next_; }
  bool is_allowed() const { return true; }
  std::uint64_t cost() const { return std::uint64_t{sizes_[next_ - 1] - below_} * above_; }
  heap::PoolSpec pool() const { return {sizes_[next_ - 1], above_}; }

 private:
  const std::vector<std::uint32_t>& sizes_;
  std::size_t next_;
  std::uint32_t below_;
  std::uint32_t above_;
};

/// The table of least(k, i), filled one k after the other, for `n` sizes; `interval(i)` begins a
/// pool at the i-th. A cost never falls as an interval grows.
template <class BeginInterval>
class Search {
 public:
  /// Searches for layouts of one pool at first. Needs at least one size.
  Search(std::size_t n, BeginInterval interval) : interval_(interval), least_(n + 1, kNoLayout) {
    least_.back() = 0;
    add_pool();
  }

  std::size_t size_count() const { return least_.size() - 1; }
  std::size_t pool_count() const { return ends_.size(); }
  std::uint64_t least_cost() const { return least_.front(); }

  /// Goes on to layouts of one pool more: at most as many as there are sizes.
  void add_pool() {
    const std::size_t n = size_count();
    std::vector<std::uint64_t> least(n + 1, kNoLayout);
    std::vector<std::uint32_t> end(n, 0);
    for (std::size_t i = 0; i != n; ++i) {
      auto interval = interval_(i);
      for (std::size_t j = i; j != n; ++j) {
        interval.extend();
        if (interval.cost() >= least[i]) break;
        if (!interval.is_allowed()) continue;
        const std::uint64_t rest = least_[j + 1];
        // The first of equals has the smallest block.
        if (rest != kNoLayout && interval.cost() + rest < least[i]) {
          least[i] = interval.cost() + rest;
          end[i] = static_cast<std::uint32_t>(j + 1);
        }
      }
    }
    least_ = std::move(least);
    ends_.push_back(std::move(end));
  }

  /// The layout that costs the least; of several, the one with the smallest blocks first.
  PoolLayout layout() const {
    PoolLayout pools;
    std::size_t i = 0;
    for (std::size_t k = pool_count(); k != 0; --k) {
      auto interval = interval_(i);
      for (const std::size_t end = ends_[k - 1][i]; i != end; ++i) interval.extend();
      pools.push_back(interval.pool());
    }
    return pools;
  }

 private:
  BeginInterval interval_;
  std::vector<std::uint64_t> least_;              ///< [i], for as many pools as were added
  std::vector<std::vector<std::uint32_t>> ends_;  ///< [pools - 1][i]: end of the first interval
};

auto search_sums(const std::vector<SizeClass>& classes) {
  return Search(classes.size(), [&classes](std::size_t i) { return SumInterval(classes, i); });
}

}  // namespace

std::uint64_t layout_bytes(std::span<const heap::PoolSpec> pools) {
  std::uint64_t bytes = 0;
  for (const heap::PoolSpec& pool : pools) bytes += std::uint64_t{pool.block_size} * pool.capacity;
  return bytes;
}

PoolLayout optimize(std::span<const Demand> demands, std::size_t max_pools) {
  const std::vector<SizeClass> classes = merge(demands);
  if (classes.empty()) return {};
  auto search = search_sums(classes);
  while (search.pool_count() < std::min(max_pools, search.size_count())) search.add_pool();
  return search.layout();
}

std::optional<std::size_t> fewest_pools(std::span<const Demand> demands,
                                        std::uint64_t max_fragmentation, std::size_t max_pools) {
  const std::vector<SizeClass> classes = merge(demands);
  if (classes.empty()) return 0;
  auto search = search_sums(classes);
  while (search.least_cost() > max_fragmentation) {
    if (search.pool_count() == max_pools) return std::nullopt;
    search.add_pool();
  }
  return search.pool_count();
}

PoolLayout optimize(const JointPeaks& peaks, std::size_t max_pools) {
  const std::size_t n = peaks.sizes().size();
  if (n == 0) return {};
  Search search(n, [&peaks](std::size_t i) { return JointInterval(peaks, i); });
  // A further pool may cost bytes here: what two intervals reach at different times, they share.
  PoolLayout best = search.layout();
  std::uint64_t least = search.least_cost();
  while (search.pool_count() < std::min(max_pools, n)) {
    search.add_pool();
    if (search.least_cost() >= least) continue;
    least = search.least_cost();
    best = search.layout();
  }
  return best;
}

LowerBound lower_bound(const JointPeaks& peaks, std::size_t max_pools) {
  const std::size_t n = peaks.sizes().size();
  if (n == 0) return {};
  Search search(n, [&peaks](std::size_t i) { return BoundInterval(peaks, i); });
  while (search.pool_count() < std::min(max_pools, n)) search.add_pool();
  LowerBound bound{search.least_cost(), search.layout()};
  // Each pool stands there with all that must fit it or a larger one.
  for (std::size_t i = 0; i + 1 < bound.pools.size(); ++i) {
    bound.pools[i].capacity -= bound.pools[i + 1].capacity;
  }
  return bound;
}

PoolLayout with_headroom(PoolLayout pools, std::uint64_t heap_size) {
  assert(layout_bytes(pools) <= heap_size && heap_size <= UINT32_MAX && pools.size() <= 256);
  if (pools.empty()) return pools;
  const std::uint64_t spare = heap_size - layout_bytes(pools);
  std::uint64_t left = spare;
  const auto give = [&left](heap::PoolSpec& pool, std::uint64_t blocks) {
    blocks = std::min(blocks, left / pool.block_size);
    pool.capacity += static_cast<std::uint32_t>(blocks);
    left -= blocks * pool.block_size;
  };

  // w(i) = 1/4 + 3/4 (1 - (1 - 2i/m)^2) with m = n - 1 is (4 m^2 - 3 (m - 2i)^2) / 4 m^2; the
  // denominator cancels out of the shares. One pool has no m, and takes all below.
  const std::uint64_t m = pools.size() - 1;
  const auto weight = [m](std::uint64_t i) {
    const std::uint64_t distance = m > 2 * i ? m - 2 * i : 2 * i - m;
    return 4 * m * m - 3 * distance * distance;
  };
  std::uint64_t all_weights = 0;
  for (std::size_t i = 0; i != pools.size(); ++i) all_weights += weight(i);
  if (m != 0) {
    for (std::size_t i = 0; i != pools.size(); ++i) {
      const std::uint64_t divisor = 2 * all_weights * pools[i].block_size;
      // NOLINTNEXTLINE(clang-analyzer-core.DivideZero): no block has size 0
      give(pools[i], (2 * spare * weight(i) + divisor / 2) / divisor);
    }
  }
  for (auto pool = pools.rbegin(); pool != pools.rend(); ++pool) give(*pool, left);
  return pools;
}

std::uint64_t demand_bytes(std::span<const Demand> demands) {
  std::uint64_t bytes = 0;
  for (const Demand& demand : demands) bytes += demand.effective_size * demand.max_count;
  return bytes;
}

std::uint64_t fragmentation(std::span<const heap::PoolSpec> pools,
                            std::span<const Demand> demands) {
  std::uint64_t bytes = 0;
  for (const Demand& demand : demands) {
    const std::size_t pool = heap::select_pool(pools, demand.effective_size, demand.alignment,
                                               [](std::size_t) { return true; });
    if (pool == pools.size()) continue;
    bytes += (pools[pool].block_size - demand.effective_size) * demand.max_count;
  }
  return bytes;
}

}  // namespace drone::layout
