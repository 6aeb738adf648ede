// SPDX-License-Identifier: MIT
#include "heaptrace/usage.hpp"

#include <algorithm>
#include <bit>
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
    if (size >= dense_.size()) make_room(size);
    found = &dense_[size];
  } else {
    found = &sparse_[size];
  }
  if (found->run != run_) found->begin_run(run_);
  return *found;
}

/// So that the lines are a power of two.
void UsageCollector::make_room(std::uint32_t size) {
  dense_.resize(std::bit_ceil(std::size_t{size} + 1));
  dense_.front().max_count = UINT64_MAX;
}

void UsageCollector::begin_life(std::uint32_t size) {
  Counts& of_size = counts(size);
  if (of_size.max_count == 0) last_growth_.new_size = events_;
  ++of_size.begun();
  if (of_size.live() > of_size.max_count) {
    of_size.max_count = of_size.live();
    last_growth_.max_count = events_;
  }
}

void UsageCollector::add(std::span<const Event> events) {
  bool with_resizes = false;
  while (!events.empty()) {
    events = events.subspan(with_resizes ? add_lives<true>(events) : add_lives<false>(events));
    if (events.empty()) break;
    with_resizes = events.front().kind == EventKind::kResize;
    add_one(events.front());
    events = events.subspan(1);
  }
}

/// Adds the allocations and deallocations that `events` begin with, and the resizes if asked to, as
/// far as their sizes have been seen; returns how many. One way for all, as a branch between them
/// could not be predicted. With resizes an allocation ends a life of no bytes as well, and a
/// deallocation begins one: that line of the table is nobody's.
template <bool with_resizes>
std::size_t UsageCollector::add_lives(std::span<const Event> events) {
  constexpr EventKind kLast = with_resizes ? EventKind::kResize : EventKind::kDealloc;
  Counts* const dense = dense_.data();
  const std::size_t dense_sizes = dense_.size();
  const std::uint64_t run = run_;
  if (dense_sizes != 0) dense[0].run = run;
  std::uint64_t live_bytes = live_bytes_;
  std::uint64_t peak_bytes = peak_bytes_;
  const Event* const begin = events.data();
  const Event* const end = begin + events.size();
  const Event* event = begin;
  const auto number = [&] { return events_ + static_cast<std::uint64_t>(event - begin) + 1; };
  for (; event != end; ++event) {
    const std::uint32_t size = event->size;
    const std::uint32_t old_size = event->old_size;
    // dense_sizes is a power of two.
    if (event->kind > kLast || (size | old_size) >= dense_sizes) [[unlikely]]
      break;
    Counts& of_size = dense[with_resizes ? size : size | old_size];
    if (of_size.run != run) [[unlikely]]
      of_size.begin_run(run);
    if constexpr (with_resizes) {
      ++dense[old_size].ended();
      ++of_size.begun();
    } else {
      ++of_size.lives[static_cast<std::size_t>(event->kind)];
    }
    const std::uint64_t live = of_size.live();
    live_bytes += std::uint64_t{size} - old_size;
    if (live > of_size.max_count) [[unlikely]] {
      // A size that was never seen has no max count.
      if (of_size.max_count == 0) last_growth_.new_size = number();
      of_size.max_count = live;
      last_growth_.max_count = number();
    }
    if (live_bytes > peak_bytes) [[unlikely]] {
      peak_bytes = live_bytes;
      last_growth_.peak = number();
    }
  }
  live_bytes_ = live_bytes;
  peak_bytes_ = peak_bytes;
  events_ += static_cast<std::uint64_t>(event - begin);
  return static_cast<std::size_t>(event - begin);
}

void UsageCollector::add_one(const Event& event) {
  ++events_;
  switch (event.kind) {
    case EventKind::kAlloc:
    case EventKind::kDealloc:
    case EventKind::kResize:
      if (event.old_size != 0) ++counts(event.old_size).ended();
      if (event.size != 0) begin_life(event.size);
      live_bytes_ += std::uint64_t{event.size} - event.old_size;
      if (live_bytes_ > peak_bytes_) {
        peak_bytes_ = live_bytes_;
        last_growth_.peak = events_;
      }
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
    if (counts.begun() == 0) return;
    usage.sizes.push_back({size, counts.max_count, counts.begun()});
    usage.maximum_bytes += size * counts.max_count;
  };
  for (std::size_t size = 1; size < dense_.size(); ++size) {
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
