// SPDX-License-Identifier: MIT
#pragma once

// All layouts that take fewer bytes than the best one known, and might run: often they are so few
// that each can be tried. Then the best one known is proved to be the best there is
// (docs/layout-search.md, "Trying all that is left").

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "layout/joint_peaks.hpp"
#include "layout/quick_replay.hpp"
#include "layout/workload.hpp"

namespace drone::layout {

class ExhaustiveSearch {
 public:
  /// Most sizes that it is meant for: its table grows with their square.
  static constexpr std::size_t kMostSizes = 1024;

  /// Whether it looks at every layout there is, up to such that take more bytes and serve the same:
  /// if all requests need the same alignment. Else, it is not to be used: a block may then serve
  /// some requests for a size and not all.
  static bool covers_all_layouts(const Workload& workload);

  /// For layouts of at most `max_pools` pools, tried on `replay`. Both must outlive this; `peaks`
  /// has a size, and is of the same traces. O(max_pools x n^2) at worst, n the number of sizes.
  ExhaustiveSearch(const JointPeaks& peaks, std::size_t max_pools, QuickReplay& replay);

  /// How many layouts take fewer than `bytes` and hold from each pool on what must fit there;
  /// `most` if there are more, or if counting would take longer than a blink. What it does counts
  /// as steps of the replay.
  std::uint64_t count(std::uint64_t bytes, std::uint64_t most);

  /// Which of the layouts to try: those that take at least `from` bytes; and of them a share, so
  /// that several searches can divide them: shares 0 to `shares` - 1 are all there is.
  struct Part {
    std::uint64_t from = 0;
    std::uint64_t share = 0;
    std::uint64_t shares = 1;
  };

  /// Tries those of the part that take fewer than `best.bytes`, and fewer than one that runs: that
  /// becomes `best`. `keep_on` is asked again and again, with how many of them are behind, those
  /// below `from` included. False if it answered false: then some are left. What it does beside
  /// replays counts as steps of the replay, too.
  bool improve(Candidate& best, const Part& part, std::function<bool(std::uint64_t)> keep_on);

 private:
  template <class Visit>
  void for_each_choice(Visit visit);
  template <class Visit>
  void choose_pools(std::size_t begin, std::size_t pools_left, std::uint64_t bytes, Visit& visit);
  std::uint64_t step(std::size_t pool) const {
    return blocks_[pool] - (pool == 0 ? 0 : blocks_[pool - 1]);
  }
  std::uint64_t least_beyond(std::size_t pool, std::uint64_t blocks) const;
  template <class VisitLast>
  void choose_capacities(std::size_t pool, std::uint64_t bytes, VisitLast& visit);
  void try_capacities(std::uint64_t first, std::uint64_t bytes, Candidate& best);
  bool is_known_to_fail(bool& with_more_of_the_first);
  bool is_mine() const;
  void work();

  const JointPeaks& peaks_;
  QuickReplay& replay_;
  /// [k][i]: least bytes of k pools, all that they hold being of the i-th size or above, counted
  /// from the size below; kNoLayout if there are fewer sizes.
  std::vector<std::vector<std::uint64_t>> least_;

  std::uint64_t limit_ = 0;  ///< bytes
  Part part_;
  std::function<bool()> keep_on_;
  bool is_stopped_ = false;
  std::uint64_t work_ = 0;
  std::uint64_t visited_ = 0;

  // The choice of pools that is looked at.
  Candidate candidate_;
  std::vector<std::uint32_t> blocks_;
  std::vector<std::uint32_t> least_held_;       ///< blocks that it and all above have at least
  std::vector<std::uint64_t> held_;             ///< that they have
  std::vector<QuickReplay::Failure> failures_;  ///< with these pools, the last that was met first
};

}  // namespace drone::layout
