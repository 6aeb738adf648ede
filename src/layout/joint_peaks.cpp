// SPDX-License-Identifier: MIT
#include "layout/joint_peaks.hpp"

#include <algorithm>
#include <cassert>
#include <numeric>

#include "support/error.hpp"

namespace drone::layout {
namespace {

/// Pieces of time are cut into so many, down to kLeast changes.
constexpr std::size_t kParts = 8;
constexpr std::size_t kLeast = 16;

[[noreturn]] void refuse(std::size_t sizes) {
  throw Error(ExitStatus::kNoLayout,
              "the trace has requests of " + std::to_string(sizes) +
                  " different sizes; --tight looks at " + std::to_string(kMostJointSizes) +
                  " at most",
              "leave out --tight, or record a shorter part of the program");
}

}  // namespace

JointPeaks::JointPeaks(std::vector<std::uint32_t> sizes, std::vector<std::uint32_t> alignments,
                       std::vector<std::uint32_t> peaks)
    : sizes_(std::move(sizes)), alignments_(std::move(alignments)), peaks_(std::move(peaks)) {
  assert(alignments_.size() == sizes_.size());
  assert(peaks_.size() == sizes_.size() * (sizes_.size() + 1) / 2);
}

void JointPeaks::merge(const JointPeaks& other) {
  std::vector<std::uint32_t> sizes;
  std::set_union(sizes_.begin(), sizes_.end(), other.sizes_.begin(), other.sizes_.end(),
                 std::back_inserter(sizes));
  const std::size_t n = sizes.size();
  if (n > kMostJointSizes) refuse(n);
  std::vector<std::uint32_t> alignments(n);
  std::vector<std::uint32_t> peaks(n * (n + 1) / 2);
  for (const JointPeaks* const each : {static_cast<const JointPeaks*>(this), &other}) {
    // The sizes of one that lie in [i, j] of both are [begin, end) of its own.
    std::size_t begin = 0;
    std::size_t out = 0;
    for (std::size_t i = 0; i != n; ++i) {
      std::size_t end = begin;
      for (std::size_t j = i; j != n; ++j, ++out) {
        if (end != each->sizes_.size() && each->sizes_[end] == sizes[j]) ++end;
        if (end != begin) peaks[out] = std::max(peaks[out], each->peak(begin, end - 1));
      }
      if (begin != each->sizes_.size() && each->sizes_[begin] == sizes[i]) {
        alignments[i] = std::max(alignments[i], each->alignments_[begin]);
        ++begin;
      }
    }
  }
  *this = JointPeaks(std::move(sizes), std::move(alignments), std::move(peaks));
}

bool JointPeaksCollector::has_too_many_sizes() {
  look();
  return has_too_many_sizes_;
}

const JointPeaks& JointPeaksCollector::peaks() {
  if (has_too_many_sizes()) refuse(sizes_.size());
  if (!changed_) return peaks_;
  changed_ = false;
  const std::size_t n = sizes_.size();
  std::vector<std::uint32_t> peaks;
  peaks.reserve(n * (n + 1) / 2);
  for (std::size_t first = 0; first != n; ++first) {
    for (std::size_t last = first; last != n; ++last) {
      peaks.push_back(static_cast<std::uint32_t>(matrix_[first * n + last]));
    }
  }
  peaks_ = JointPeaks(sizes_, alignments_, std::move(peaks));
  return peaks_;
}

void JointPeaksCollector::look() {
  if (changes_.empty()) return;
  learn_kinds();
  if (sizes_.size() > kMostJointSizes) {
    has_too_many_sizes_ = true;
    changes_ = {};
    matrix_ = {};
    return;
  }
  for (Change& change : changes_) {
    if (change.from != kNoKind) change.from = size_of_kind_[change.from];
    if (change.to != kNoKind) change.to = size_of_kind_[change.to];
  }
  rows_.resize(sizes_.size());
  std::iota(rows_.begin(), rows_.end(), 0U);
  done_ = 0;
  look_at(changes_, 0);
  changes_.clear();
  changed_ = true;
}

/// Makes room for the sizes that came up since the last look.
void JointPeaksCollector::learn_kinds() {
  const std::vector<RequestKind>& kinds = tracker_->kinds();
  if (kinds.size() == size_of_kind_.size()) return;
  const std::vector<std::uint32_t> old_sizes = sizes_;
  const auto size_of = [this](const RequestKind& kind) {
    return heap::effective_size(kind.size, base_alignment_, kind.alignment);
  };
  for (std::size_t i = size_of_kind_.size(); i != kinds.size(); ++i) {
    sizes_.push_back(size_of(kinds[i]));
  }
  std::sort(sizes_.begin(), sizes_.end());
  sizes_.erase(std::unique(sizes_.begin(), sizes_.end()), sizes_.end());
  const std::size_t n = sizes_.size();
  if (n > kMostJointSizes) return;

  size_of_kind_.clear();
  alignments_.assign(n, base_alignment_);
  for (const RequestKind& kind : kinds) {
    const auto found = std::lower_bound(sizes_.begin(), sizes_.end(), size_of(kind));
    size_of_kind_.push_back(static_cast<std::uint32_t>(found - sizes_.begin()));
    std::uint32_t& alignment = alignments_[size_of_kind_.back()];
    alignment = std::max(alignment, kind.alignment);
  }
  if (n == old_sizes.size()) return;

  // An interval's peak is that of its old sizes: of the new ones there was none yet.
  std::vector<std::size_t> old_before(n + 1);  // how many old sizes lie below sizes_[i]
  for (std::size_t i = 0; i != n; ++i) {
    const bool is_old = old_before[i] != old_sizes.size() && old_sizes[old_before[i]] == sizes_[i];
    old_before[i + 1] = old_before[i] + (is_old ? 1 : 0);
  }
  std::vector<std::int32_t> matrix(n * n);
  std::vector<std::int32_t> live(n);
  for (std::size_t i = 0; i != n; ++i) {
    if (old_before[i + 1] != old_before[i]) live[i] = live_[old_before[i]];
    for (std::size_t j = i; j != n; ++j) {
      if (old_before[j + 1] == old_before[i]) continue;
      matrix[i * n + j] = matrix_[old_before[i] * old_sizes.size() + old_before[j + 1] - 1];
    }
  }
  matrix_ = std::move(matrix);
  live_ = std::move(live);
  running_.assign(n, 0);
  highest_.assign(n, 0);
  sums_.assign(n + 1, 0);
}

/// Goes over changes, with a closer look where a peak may be exceeded. Only in the rows from
/// rows_[rows] on can it be: a piece of time reaches no more than the one that it is a piece of.
void JointPeaksCollector::look_at(std::span<const Change> changes, std::size_t rows) {
  const std::size_t end = rows_.size();
  find_rows_that_may_exceed(changes, rows);
  if (rows_.size() == end) {
    for (const Change& change : changes) {
      if (change.from != kNoKind) --live_[change.from];
      if (change.to != kNoKind) ++live_[change.to];
    }
    note_done(changes.size());
    return;
  }
  if (changes.size() <= kLeast) {
    for (const Change& change : changes) step(change, end);
    note_done(changes.size());
  } else {
    const std::size_t part = std::max(kLeast, (changes.size() + kParts - 1) / kParts);
    while (!changes.empty()) {
      const std::size_t size = std::min(part, changes.size());
      look_at(changes.first(size), end);
      changes = changes.subspan(size);
    }
  }
  rows_.resize(end);
}

void JointPeaksCollector::note_done(std::size_t changes) {
  done_ += changes;
  if (tell_) tell_(static_cast<double>(done_) / static_cast<double>(changes_.size()));
}

/// Appends those of the rows from rows_[rows] on in which an interval could reach more than its
/// peak if each of its sizes reached, at the same time, the most it reaches in these changes.
void JointPeaksCollector::find_rows_that_may_exceed(std::span<const Change> changes,
                                                    std::size_t rows) {
  const std::size_t n = sizes_.size();
  std::copy(live_.begin(), live_.end(), running_.begin());
  std::copy(live_.begin(), live_.end(), highest_.begin());
  for (const Change& change : changes) {
    if (change.from != kNoKind) --running_[change.from];
    if (change.to != kNoKind) {
      const std::int32_t now = ++running_[change.to];
      highest_[change.to] = std::max(highest_[change.to], now);
    }
  }
  std::partial_sum(highest_.begin(), highest_.end(), sums_.begin() + 1);
  const std::size_t end = rows_.size();
  for (std::size_t row = rows; row != end; ++row) {
    const std::size_t i = rows_[row];
    const std::int32_t* const peaks = &matrix_[i * n];
    const std::int32_t below = sums_[i];
    std::int32_t exceeds = 0;
    for (std::size_t j = i; j != n; ++j) {
      exceeds |= static_cast<std::int32_t>(sums_[j + 1] - below > peaks[j]);
    }
    if (exceeds != 0) rows_.push_back(static_cast<std::uint32_t>(i));
  }
}

/// One change; of the peaks, those in the rows from rows_[rows] on can be exceeded.
void JointPeaksCollector::step(Change change, std::size_t rows) {
  if (change.from != kNoKind) --live_[change.from];
  if (change.to == kNoKind) return;
  ++live_[change.to];
  const std::size_t n = sizes_.size();
  std::partial_sum(live_.begin(), live_.end(), sums_.begin() + 1);
  for (std::size_t row = rows; row != rows_.size(); ++row) {
    const std::size_t i = rows_[row];
    if (i > change.to) break;
    std::int32_t* const peaks = &matrix_[i * n];
    const std::int32_t below = sums_[i];
    for (std::size_t j = change.to; j != n; ++j) {
      peaks[j] = std::max(peaks[j], sums_[j + 1] - below);
    }
  }
}

}  // namespace drone::layout
