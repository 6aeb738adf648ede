// SPDX-License-Identifier: MIT
#include "layout/exhaustive_search.hpp"

#include <algorithm>
#include <utility>

#include "layout/optimize.hpp"

namespace drone::layout {
namespace {

/// What is looked at between two questions whether to go on.
constexpr std::uint64_t kOften = 1024;

/// When counting takes as long as this, there are too many.
constexpr std::uint64_t kMostCounting = 10'000'000;

/// Failures that are kept of one choice of pools. More find little more, and all are looked
/// through.
constexpr std::size_t kMostFailures = 64;

}  // namespace

bool ExhaustiveSearch::covers_all_layouts(const Workload& workload) {
  const std::vector<Workload::Class>& classes = workload.classes();
  return std::all_of(classes.begin(), classes.end(), [&](const Workload::Class& each) {
    return each.alignment == classes.front().alignment;
  });
}

ExhaustiveSearch::ExhaustiveSearch(const JointPeaks& peaks, std::size_t max_pools,
                                   QuickReplay& replay)
    : peaks_(peaks), replay_(replay) {
  const std::vector<std::uint32_t>& sizes = peaks.sizes();
  const std::size_t n = sizes.size();
  least_.assign(std::min(max_pools, n) + 1, std::vector<std::uint64_t>(n + 1, kNoLayout));
  least_[0][n] = 0;
  for (std::size_t k = 1; k != least_.size(); ++k) {
    for (std::size_t i = 0; i != n; ++i) {
      // As for the lower bound; and each of the pools has a block.
      const std::uint64_t held = std::max<std::uint64_t>(peaks.peak(i, n - 1), k);
      const std::uint32_t below = i == 0 ? 0 : sizes[i - 1];
      for (std::size_t end = i + 1; end <= n; ++end) {
        const std::uint64_t bytes = (sizes[end - 1] - below) * held;
        if (bytes >= least_[k][i]) break;
        const std::uint64_t rest = least_[k - 1][end];
        if (rest != kNoLayout) least_[k][i] = std::min(least_[k][i], bytes + rest);
      }
    }
  }
}

/// To be called for all that takes time.
void ExhaustiveSearch::work() {
  if (++work_ % kOften == 0 && !is_stopped_) is_stopped_ = !keep_on_();
}

/// Takes each choice of pools that could hold less than limit_ bytes to `visit`.
template <class Visit>
void ExhaustiveSearch::for_each_choice(Visit visit) {
  visited_ = 0;
  work_ = 0;
  is_stopped_ = false;
  for (std::size_t pools = 1; pools < least_.size() && !is_stopped_; ++pools) {
    candidate_.ends.clear();
    blocks_.clear();
    least_held_.clear();
    choose_pools(0, pools, 0, visit);
  }
}

/// From the pool that begins with the `begin`-th size on. `bytes` is what the pools below it take
/// at least of each block, those above reckoned as large as they are.
template <class Visit>
void ExhaustiveSearch::choose_pools(std::size_t begin, std::size_t pools_left, std::uint64_t bytes,
                                    Visit& visit) {
  if (pools_left == 0) return visit(bytes);
  const std::vector<std::uint32_t>& sizes = peaks_.sizes();
  const std::size_t n = sizes.size();
  const std::uint32_t below = begin == 0 ? 0 : sizes[begin - 1];
  const std::uint32_t held = peaks_.peak(begin, n - 1);
  const std::uint64_t beyond =
      least_beyond(blocks_.size(), std::max<std::uint64_t>(held, pools_left));
  for (std::size_t end = pools_left == 1 ? n : begin + 1; end + pools_left <= n + 1; ++end) {
    work();
    if (is_stopped_) return;
    // Blocks are as large as the largest size that they serve: all sizes are aligned.
    const std::uint64_t now = bytes + std::uint64_t{sizes[end - 1] - below} * held;
    if (now + beyond >= limit_) return;
    const std::uint64_t rest = least_[pools_left - 1][end];
    if (rest == kNoLayout || now + beyond + rest >= limit_) continue;
    candidate_.ends.push_back(static_cast<std::uint32_t>(end));
    blocks_.push_back(sizes[end - 1]);
    least_held_.push_back(held);
    choose_pools(end, pools_left - 1, now, visit);
    candidate_.ends.pop_back();
    blocks_.pop_back();
    least_held_.pop_back();
    if (is_stopped_) return;
  }
}

/// Bytes beyond their least that the pools below must have when it and all above have `blocks`:
/// each of them has a block, or it were none.
std::uint64_t ExhaustiveSearch::least_beyond(std::size_t pool, std::uint64_t blocks) const {
  std::uint64_t bytes = 0;
  for (std::size_t p = pool; p-- != 0;) {
    const std::uint64_t least = blocks + (pool - p);
    if (least > least_held_[p]) bytes += (least - least_held_[p]) * step(p);
  }
  return bytes;
}

/// From this pool down to the second. `bytes` is what all take, those from this pool down as few as
/// they must have at least. Visits the fewest blocks that are left to choose for the first.
template <class VisitLast>
void ExhaustiveSearch::choose_capacities(std::size_t pool, std::uint64_t bytes, VisitLast& visit) {
  const std::uint64_t above = held_[pool + 1];
  std::uint64_t blocks = std::max<std::uint64_t>(least_held_[pool], above + 1);
  bytes += (blocks - least_held_[pool]) * step(pool);
  if (pool == 0) {
    if (bytes < limit_) visit(blocks - above, bytes);
    return;
  }
  for (; bytes + least_beyond(pool, blocks) < limit_; ++blocks, bytes += step(pool)) {
    work();
    if (is_stopped_) return;
    held_[pool] = blocks;
    candidate_.capacities[pool] = static_cast<std::uint32_t>(blocks - above);
    choose_capacities(pool - 1, bytes, visit);
    if (is_stopped_) return;
  }
}

std::uint64_t ExhaustiveSearch::count(std::uint64_t bytes, std::uint64_t most) {
  limit_ = bytes;
  keep_on_ = [&] { return visited_ < most && work_ < kMostCounting; };
  for_each_choice([&](std::uint64_t least) {
    const std::size_t pools = blocks_.size();
    candidate_.capacities.resize(pools);
    held_.assign(pools + 1, 0);
    const auto count_first = [&](std::uint64_t, std::uint64_t begin) {
      visited_ += (limit_ - 1 - begin) / step(0) + 1;
    };
    choose_capacities(pools - 1, least, count_first);
  });
  replay_.count_steps(work_);
  return is_stopped_ ? most : std::min(visited_, most);
}

/// Whether a try with the same pools has failed in a way that this one must fail, too; and also
/// with more blocks in the first pool.
bool ExhaustiveSearch::is_known_to_fail(bool& with_more_of_the_first) {
  replay_.count_steps(1 + failures_.size() / 8);
  const std::vector<std::uint32_t>& capacities = candidate_.capacities;
  const auto found = std::find_if(failures_.begin(), failures_.end(), [&](const auto& failure) {
    for (std::size_t p = 0; p != capacities.size(); ++p) {
      const bool is_refusing = (failure.refusing >> p & 1) != 0;
      if (is_refusing ? capacities[p] != failure.most[p] : capacities[p] < failure.most[p]) {
        return false;
      }
    }
    return true;
  });
  if (found == failures_.end()) return false;
  with_more_of_the_first = (found->refusing & 1) == 0;
  std::rotate(failures_.begin(), found, found + 1);
  return true;
}

/// Whether the capacities that were chosen, the first pool's to come, belong to the share. It must
/// not depend on what is skipped, which differs between shares: one may find a layout that runs.
bool ExhaustiveSearch::is_mine() const {
  constexpr std::uint64_t kMany = 0x9E3779B97F4A7C15;
  std::uint64_t key = 0;
  for (std::size_t p = 1; p != candidate_.capacities.size(); ++p) {
    key = (key ^ candidate_.capacities[p]) * kMany;
    key ^= key >> 32;
  }
  return (key >> 16) % part_.shares == part_.share;
}

/// All numbers of blocks from `first` on that the first pool can have.
void ExhaustiveSearch::try_capacities(std::uint64_t first, std::uint64_t bytes, Candidate& best) {
  if (bytes < part_.from) {
    const std::uint64_t below = (part_.from - bytes + step(0) - 1) / step(0);
    visited_ += below;
    first += below;
    bytes += below * step(0);
  }
  for (; bytes < limit_; ++first, bytes += step(0)) {
    candidate_.capacities[0] = static_cast<std::uint32_t>(first);
    bool with_more_of_the_first = false;
    if (!is_known_to_fail(with_more_of_the_first)) {
      if (replay_.run(candidate_.ends, candidate_.capacities).runs) {
        replay_.keep();
        best = candidate_;
        best.bytes = limit_ = bytes;
        return;
      }
      if (failures_.size() == kMostFailures) failures_.pop_back();
      failures_.insert(failures_.begin(), replay_.failure());
      with_more_of_the_first = (failures_.front().refusing & 1) == 0;
    }
    visited_ += with_more_of_the_first ? (limit_ - 1 - bytes) / step(0) + 1 : 1;
    is_stopped_ = is_stopped_ || !keep_on_();
    if (is_stopped_ || with_more_of_the_first) return;
  }
}

bool ExhaustiveSearch::improve(Candidate& best, const Part& part,
                               std::function<bool(std::uint64_t)> keep_on) {
  limit_ = best.bytes;
  part_ = part;
  std::uint64_t counted = 0;
  keep_on_ = [&, keep_on = std::move(keep_on)] {
    replay_.count_steps(work_ - std::exchange(counted, work_));
    return keep_on(visited_);
  };
  for_each_choice([&](std::uint64_t least) {
    const std::size_t pools = blocks_.size();
    candidate_.capacities.resize(pools);
    held_.assign(pools + 1, 0);
    failures_.clear();
    const auto try_first = [&](std::uint64_t first, std::uint64_t bytes) {
      if (is_mine()) try_capacities(first, bytes, best);
    };
    choose_capacities(pools - 1, least, try_first);
  });
  return !is_stopped_;
}

}  // namespace drone::layout
