// SPDX-License-Identifier: MIT
#pragma once

// The joint peaks of all intervals of sizes: how many blocks of any run of neighbouring sizes were
// alive at one time. They are all that `--tight` without spill, and the lower bound of any layout,
// need to know of a trace (docs/layout-search.md).

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "heaptrace/event.hpp"
#include "layout/life_tracker.hpp"

namespace drone::layout {

/// Most effective sizes whose intervals are looked at: the memory and the time for them grow with
/// the square.
inline constexpr std::size_t kMostJointSizes = 4096;

/// Of one trace or of several. Merging is exact, in any order: a peak over several traces is the
/// largest of theirs.
class JointPeaks {
 public:
  JointPeaks() = default;

  /// `sizes` ascending, at least 1 and at most kMostJointSizes of them, `alignments` the largest
  /// that a request of each names; `peaks` has, for first = 0, 1, ..., the peaks of [first, first],
  /// [first, first + 1], ..., up to the last size.
  JointPeaks(std::vector<std::uint32_t> sizes, std::vector<std::uint32_t> alignments,
             std::vector<std::uint32_t> peaks);

  /// Effective sizes, ascending.
  const std::vector<std::uint32_t>& sizes() const { return sizes_; }
  /// By size: the largest alignment that a request of it names.
  const std::vector<std::uint32_t>& alignments() const { return alignments_; }
  /// As the constructor takes them.
  const std::vector<std::uint32_t>& peaks() const { return peaks_; }

  /// Most blocks of sizes()[first] to sizes()[last], both included, alive at one time.
  std::uint32_t peak(std::size_t first, std::size_t last) const {
    return peaks_[row(first) + last - first];
  }

  /// These become the peaks of both. Throws Error (kNoLayout) if the sizes become too many.
  void merge(const JointPeaks& other);

  friend bool operator==(const JointPeaks&, const JointPeaks&) = default;

 private:
  std::size_t row(std::size_t first) const {
    return first * sizes_.size() - first * (first + 1) / 2 + first;
  }

  std::vector<std::uint32_t> sizes_;
  std::vector<std::uint32_t> alignments_;
  std::vector<std::uint32_t> peaks_;
};

/// Collects them from the changes of a LifeTracker. Memory by the number of sizes, not by the
/// trace's length. Time is looked at in pieces, which are cut into smaller ones only where one of
/// the peaks may be exceeded.
class JointPeaksCollector {
 public:
  /// `base_alignment` of the heap that the layout is for: 4 or 8. `tracker`, which makes the
  /// changes, must outlive this.
  JointPeaksCollector(std::uint32_t base_alignment, const LifeTracker& tracker)
      : base_alignment_(base_alignment), tracker_(&tracker) {}

  /// Each time that changes are looked at, `tell` is called with the share of them that is done,
  /// from 0 to 1: one look at thousands of sizes takes seconds.
  void tell_progress(std::function<void(double done)> tell) { tell_ = std::move(tell); }

  /// As LifeTracker reports it.
  void add(std::uint32_t from, std::uint32_t to) {
    if (has_too_many_sizes_) return;
    changes_.push_back({from, to});
    if (changes_.size() == kMostChanges) look();
  }

  /// Whether there are more than kMostJointSizes sizes: then there are no peaks.
  bool has_too_many_sizes();

  /// Of all changes until now. Throws Error (kNoLayout) if has_too_many_sizes().
  const JointPeaks& peaks();

 private:
  struct Change {
    std::uint32_t from;  ///< kinds of the tracker; then indices of sizes
    std::uint32_t to;
  };
  static constexpr std::size_t kMostChanges = std::size_t{1} << 18;

  void look();
  void learn_kinds();
  void look_at(std::span<const Change> changes, std::size_t rows);
  void note_done(std::size_t changes);
  void step(Change change, std::size_t rows);
  void find_rows_that_may_exceed(std::span<const Change> changes, std::size_t rows);

  std::uint32_t base_alignment_;
  const LifeTracker* tracker_;
  std::function<void(double done)> tell_;
  std::vector<Change> changes_;              ///< not looked at yet
  std::size_t done_ = 0;                     ///< of these, while they are looked at
  std::vector<std::uint32_t> size_of_kind_;  ///< index of sizes_, by kind
  std::vector<std::uint32_t> sizes_;         ///< effective, ascending
  std::vector<std::uint32_t> alignments_;
  std::vector<std::int32_t> live_;     ///< by size
  std::vector<std::int32_t> matrix_;   ///< [first * sizes + last]
  std::vector<std::uint32_t> rows_;    ///< a stack of lists of rows of matrix_
  std::vector<std::int32_t> running_;  ///< scratch, by size
  std::vector<std::int32_t> highest_;
  std::vector<std::int32_t> sums_;
  bool changed_ = false;
  bool has_too_many_sizes_ = false;
  JointPeaks peaks_;
};

}  // namespace drone::layout
