// SPDX-License-Identifier: MIT
#include "layout/exhaustive_search.hpp"

#include <algorithm>
#include <limits>

#include "layout/optimize.hpp"

namespace drone::layout {
namespace {

/// When counting takes as long as this, there are too many.
constexpr std::uint64_t kMostVisits = 3'000'000;

/// Failures that are kept of one choice of pools. More find little more, and all are looked
/// through.
constexpr std::size_t kMostFailures = 64;

}  // namespace

bool ExhaustiveSearch::covers_all_layouts(const JointPeaks& peaks) {
  const std::vector<std::uint32_t>& alignments = peaks.alignments();
  return std::all_of(alignments.begin(), alignments.end(),
                     [&](std::uint32_t each) { return each == alignments.front(); });
}

ExhaustiveSearch::ExhaustiveSearch(const JointPeaks& peaks, std::size_t max_pools,
                                   QuickReplay& replay)
    : peaks_(peaks), replay_(replay), least_(lower_bounds(peaks, max_pools)) {}

template <class Visit>
void ExhaustiveSearch::for_each_choice(Visit visit) {
  visited_ = 0;
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
void ExhaustiveSearch::choose_pools(std::uint32_t begin, std::size_t pools_left,
                                    std::uint64_t bytes, Visit& visit) {
  const std::vector<std::uint32_t>& sizes = peaks_.sizes();
  const std::size_t n = sizes.size();
  if (pools_left == 0) return visit(bytes);
  const std::uint32_t below = blocks_.empty() ? 0 : blocks_.back();
  const std::uint32_t held = peaks_.peak(begin, n - 1);
  for (std::size_t end = pools_left == 1 ? n : begin + 1; end + pools_left <= n + 1; ++end) {
    const std::uint32_t size = sizes[end - 1];
    if (bytes + std::uint64_t{size - below} * held >= limit_) return;
    const std::uint64_t rest = least_[pools_left - 1][end];
    const std::uint32_t block = replay_.block(begin, static_cast<std::uint32_t>(end));
    if (block == 0 || rest == kNoLayout) continue;
    const std::uint64_t now = bytes + std::uint64_t{block - below} * held;
    // The next pool's step begins at this block, which may be above the size.
    const std::uint64_t nearer =
        end == n ? 0 : std::uint64_t{block - size} * peaks_.peak(end, n - 1);
    if (now + rest >= limit_ + nearer) continue;
    candidate_.ends.push_back(static_cast<std::uint32_t>(end));
    blocks_.push_back(block);
    least_held_.push_back(held);
    choose_pools(static_cast<std::uint32_t>(end), pools_left - 1, now, visit);
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
    held_[pool] = blocks;
    candidate_.capacities[pool] = static_cast<std::uint32_t>(blocks - above);
    choose_capacities(pool - 1, bytes, visit);
    if (is_stopped_) return;
  }
}

std::uint64_t ExhaustiveSearch::count(std::uint64_t bytes, std::uint64_t most) {
  limit_ = bytes;
  std::uint64_t visits = 0;
  for_each_choice([&](std::uint64_t least) {
    const std::size_t pools = blocks_.size();
    candidate_.capacities.resize(pools);
    held_.assign(pools + 1, 0);
    const auto count_first = [&](std::uint64_t, std::uint64_t begin) {
      visited_ += (limit_ - 1 - begin) / step(0) + 1;
      is_stopped_ = visited_ >= most || ++visits >= kMostVisits;
    };
    choose_capacities(pools - 1, least, count_first);
    if (++visits >= kMostVisits) is_stopped_ = true;
  });
  return is_stopped_ ? most : visited_;
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

/// All numbers of blocks from `first` on that the first pool can have.
void ExhaustiveSearch::try_capacities(std::uint64_t first, std::uint64_t bytes, Candidate& best,
                                      const std::function<bool(std::uint64_t)>& keep_on) {
  for (; bytes < limit_; ++first, bytes += step(0)) {
    candidate_.capacities[0] = static_cast<std::uint32_t>(first);
    bool with_more_of_the_first = false;
    if (!is_known_to_fail(with_more_of_the_first)) {
      ++tried_;
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
    is_stopped_ = !keep_on(visited_);
    if (is_stopped_ || with_more_of_the_first) return;
  }
}

bool ExhaustiveSearch::improve(Candidate& best, const std::function<bool(std::uint64_t)>& keep_on) {
  limit_ = best.bytes;
  for_each_choice([&](std::uint64_t least) {
    const std::size_t pools = blocks_.size();
    candidate_.capacities.resize(pools);
    held_.assign(pools + 1, 0);
    failures_.clear();
    const auto try_first = [&](std::uint64_t first, std::uint64_t bytes) {
      try_capacities(first, bytes, best, keep_on);
    };
    choose_capacities(pools - 1, least, try_first);
    if (!is_stopped_) is_stopped_ = !keep_on(visited_);
  });
  return !is_stopped_;
}

}  // namespace drone::layout
