// SPDX-License-Identifier: MIT
#include "heaptrace/usage.hpp"

#include <algorithm>
#include <iterator>

namespace drone::heaptrace {
namespace {

/// Merges sorted rows: those of one key become one, by `join(into, other)`.
template <class Row, class Before, class Join>
void merge_rows(std::vector<Row>& into, const std::vector<Row>& other, Before before, Join join) {
  std::vector<Row> rows;
  rows.reserve(into.size() + other.size());
  std::merge(into.begin(), into.end(), other.begin(), other.end(), std::back_inserter(rows),
             before);
  into.clear();
  for (const Row& row : rows) {
    if (into.empty() || before(into.back(), row)) {
      into.push_back(row);
    } else {
      join(into.back(), row);
    }
  }
}

}  // namespace

void merge(Usage& into, const Usage& other) {
  merge_rows(
      into.sizes, other.sizes,
      [](const SizeUsage& a, const SizeUsage& b) { return a.size < b.size; },
      [](SizeUsage& row, const SizeUsage& more) {
        row.max_count = std::max(row.max_count, more.max_count);
        row.allocations += more.allocations;
      });
  merge_rows(
      into.failed, other.failed,
      [](const FailedUsage& a, const FailedUsage& b) {
        return std::pair(a.size, a.alignment) < std::pair(b.size, b.alignment);
      },
      [](FailedUsage& row, const FailedUsage& more) { row.count += more.count; });
  into.maximum_bytes = 0;
  for (const SizeUsage& row : into.sizes) into.maximum_bytes += row.size * row.max_count;
  into.peak_bytes = std::max(into.peak_bytes, other.peak_bytes);
}

UsageCollector::Counts& UsageCollector::counts(std::uint32_t size) {
  Counts* found = nullptr;
  if (size < kDenseSizes) {
    if (size >= dense_.size()) dense_.resize(size + 1);
    found = &dense_[size];
  } else {
    found = &sparse_[size];
  }
  if (found->run != run_) {
    found->run = run_;
    found->live = 0;
  }
  return *found;
}

void UsageCollector::begin_life(std::uint32_t size) {
  Counts& of_size = counts(size);
  if (of_size.allocations++ == 0) last_growth_.new_size = events_;
  if (++of_size.live > of_size.max_count) {
    of_size.max_count = of_size.live;
    last_growth_.max_count = events_;
  }
  live_bytes_ += size;
}

void UsageCollector::raise_peak() {
  if (live_bytes_ <= peak_bytes_) return;
  peak_bytes_ = live_bytes_;
  last_growth_.peak = events_;
}

void UsageCollector::end_life(std::uint32_t size) {
  --counts(size).live;
  live_bytes_ -= size;
}

void UsageCollector::add(std::span<const Event> events) {
  while (!events.empty()) {
    events = events.subspan(add_lives(events));
    if (events.empty()) break;
    add_one(events.front());
    events = events.subspan(1);
  }
}

/// Adds the allocations and deallocations that `events` begin with, as far as their sizes have been
/// seen; returns how many. One way for both, as a branch between them could not be predicted.
std::size_t UsageCollector::add_lives(std::span<const Event> events) {
  Counts* const dense = dense_.data();
  const std::size_t dense_sizes = dense_.size();
  const std::uint64_t run = run_;
  std::uint64_t live_bytes = live_bytes_;
  std::uint64_t peak_bytes = peak_bytes_;
  std::size_t i = 0;
  for (; i != events.size(); ++i) {
    const Event& event = events[i];
    const std::uint32_t size = event.size;
    if (event.kind > EventKind::kDealloc || size >= dense_sizes) [[unlikely]]
      break;
    Counts& of_size = dense[size];
    if (of_size.run != run) [[unlikely]] {
      of_size.run = run;
      of_size.live = 0;
    }
    const std::uint64_t is_dealloc = event.kind == EventKind::kDealloc ? 1 : 0;
    const std::uint64_t one = 1 - 2 * is_dealloc;  // more, or less
    const std::uint64_t live = of_size.live + one;
    of_size.live = live;
    of_size.allocations += 1 - is_dealloc;
    live_bytes += size * one;
    if (live > of_size.max_count) [[unlikely]] {
      // A size that was never seen has no max count.
      if (of_size.max_count == 0) last_growth_.new_size = events_ + i + 1;
      of_size.max_count = live;
      last_growth_.max_count = events_ + i + 1;
    }
    if (live_bytes > peak_bytes) [[unlikely]] {
      peak_bytes = live_bytes;
      last_growth_.peak = events_ + i + 1;
    }
  }
  live_bytes_ = live_bytes;
  peak_bytes_ = peak_bytes;
  events_ += i;
  return i;
}

void UsageCollector::add_one(const Event& event) {
  ++events_;
  switch (event.kind) {
    case EventKind::kAlloc:
      begin_life(event.size);
      raise_peak();
      break;
    case EventKind::kDealloc:
      end_life(event.size);
      break;
    case EventKind::kResize:
      end_life(event.old_size);
      begin_life(event.size);
      raise_peak();
      break;
    case EventKind::kRealign:
      break;
    case EventKind::kFailed:
      ++failed_[{event.size, event.alignment}];
      break;
    case EventKind::kReset:
      ++run_;
      live_bytes_ = 0;
      break;
  }
}

Usage UsageCollector::usage() const {
  Usage usage;
  const auto add = [&usage](std::uint32_t size, const Counts& counts) {
    if (counts.allocations == 0) return;
    usage.sizes.push_back({size, counts.max_count, counts.allocations});
    usage.maximum_bytes += size * counts.max_count;
  };
  for (std::size_t size = 0; size != dense_.size(); ++size) {
    add(static_cast<std::uint32_t>(size), dense_[size]);
  }
  for (const auto& [size, counts] : sparse_) add(size, counts);
  std::sort(usage.sizes.begin(), usage.sizes.end(),
            [](const SizeUsage& a, const SizeUsage& b) { return a.size < b.size; });
  for (const auto& [request, count] : failed_) {
    usage.failed.push_back({request.first, request.second, count});
  }
  usage.peak_bytes = peak_bytes_;
  return usage;
}

}  // namespace drone::heaptrace
