// SPDX-License-Identifier: MIT
#include "layout/stretches.hpp"

#include <algorithm>

#include "drone/heap/select_pool.hpp"

namespace drone::layout {

using heaptrace::Event;

namespace {

/// Maxima of pairs, from the end; an odd element at the beginning goes.
void pair_up(std::vector<std::uint32_t>& values) {
  const std::size_t pairs = values.size() / 2;
  const std::size_t first = values.size() % 2;
  for (std::size_t i = 0; i != pairs; ++i) {
    values[i] = std::max(values[first + 2 * i], values[first + 2 * i + 1]);
  }
  values.resize(pairs);
}

}  // namespace

void pair_up(Stretches& stretches) {
  for (auto& pool : stretches.most) pair_up(pool);
  pair_up(stretches.largest);
  stretches.stretch *= 2;
}

StretchCollector::StretchCollector(std::span<const heap::PoolSpec> pools,
                                   std::uint32_t base_alignment)
    : specs_(pools.begin(), pools.end()),
      base_alignment_(base_alignment),
      pools_(pools.size() + 1),
      most_(pools.size()) {}

void StretchCollector::add(std::span<const Event> events) {
  while (!events.empty()) {
    const std::size_t count = std::min<std::uint64_t>(events.size(), left_);
    lives_.add(events.first(count),
               [this](std::uint32_t, std::uint32_t from, std::uint32_t to) { change(from, to); });
    events = events.subspan(count);
    events_ += count;
    left_ -= count;
    if (left_ == 0) end_stretch();
  }
}

void StretchCollector::end_trace() {
  lives_.end_all([this](std::uint32_t, std::uint32_t from, std::uint32_t to) { change(from, to); });
}

Stretches StretchCollector::stretches() const {
  Stretches result;
  result.events = events_;
  result.stretch = stretch_;
  for (std::size_t i = 0; i != specs_.size(); ++i) result.peaks.push_back(pools_[i].peak);
  result.most = most_;
  result.largest = largest_of_;
  return result;
}

/// A block of kind `from` is one of kind `to` from now on.
void StretchCollector::change(std::uint32_t from, std::uint32_t to) {
  const std::size_t nowhere = pools_.size();
  std::size_t into = nowhere;
  if (to != kNoKind) {
    const Home& home = home_of(to);
    into = home.pool;
    largest_ = std::max(largest_, home.effective_size);
  }
  const std::size_t out_of = from == kNoKind ? nowhere : home_of(from).pool;
  if (into == out_of) return;
  if (into != nowhere) {
    Pool& pool = pools_[into];
    pool.most = std::max(pool.most, ++pool.live);
    pool.peak = std::max(pool.peak, pool.live);
  }
  if (out_of != nowhere) --pools_[out_of].live;
}

const StretchCollector::Home& StretchCollector::home_of(std::uint32_t kind) {
  for (std::size_t i = homes_.size(); i <= kind; ++i) {
    const RequestKind& request = lives_.kinds()[i];
    const std::uint32_t size =
        heap::effective_size(request.size, base_alignment_, request.alignment);
    homes_.push_back({heap::select_pool(std::span<const heap::PoolSpec>(specs_), size,
                                        request.alignment, [](std::size_t) { return true; }),
                      size});
  }
  return homes_[kind];
}

void StretchCollector::end_stretch() {
  for (std::size_t i = 0; i != specs_.size(); ++i) {
    most_[i].push_back(
        static_cast<std::uint32_t>(std::min<std::uint64_t>(pools_[i].most, UINT32_MAX)));
    pools_[i].most = pools_[i].live;
  }
  largest_of_.push_back(largest_);
  largest_ = 0;
  if (largest_of_.size() == kMostStretches) {
    for (auto& pool : most_) pair_up(pool);
    pair_up(largest_of_);
    stretch_ *= 2;
  }
  left_ = stretch_;
}

}  // namespace drone::layout
