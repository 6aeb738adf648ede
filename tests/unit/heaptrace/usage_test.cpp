// SPDX-License-Identifier: MIT
#include "heaptrace/usage.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

namespace drone::heaptrace {
namespace {

Event alloc(std::uint32_t block, std::uint32_t size) {
  return {EventKind::kAlloc, block, size, 0, 4};
}
Event dealloc(std::uint32_t block, std::uint32_t size) {
  return {EventKind::kDealloc, block, 0, size, 4};
}
Event resize(std::uint32_t block, std::uint32_t old_size, std::uint32_t size) {
  return {EventKind::kResize, block, size, old_size, 4};
}
Event failed(std::uint32_t size, std::uint32_t alignment) {
  return {EventKind::kFailed, 0, size, 0, alignment};
}

Usage usage_of(const std::vector<Event>& events) {
  UsageCollector whole;
  whole.add(events);
  UsageCollector parts;
  for (const Event& event : events) parts.add({&event, 1});
  EXPECT_EQ(whole.usage().sizes, parts.usage().sizes);
  EXPECT_EQ(whole.usage().peak_bytes, parts.usage().peak_bytes);
  return whole.usage();
}

using Sizes = std::vector<SizeUsage>;

TEST(Usage, OfNothingIsEmpty) {
  const Usage usage = usage_of({});
  EXPECT_TRUE(usage.sizes.empty());
  EXPECT_EQ(usage.maximum_bytes, 0U);
  EXPECT_EQ(usage.peak_bytes, 0U);
}

TEST(Usage, MaxCountIsTheMostAliveAtOneTime) {
  const Usage usage = usage_of({alloc(0, 12), alloc(1, 12), dealloc(0, 12), alloc(0, 12),
                                dealloc(0, 12), dealloc(1, 12), alloc(0, 100000)});
  EXPECT_EQ(usage.sizes, (Sizes{{12, 2, 3}, {100000, 1, 1}}));
  EXPECT_EQ(usage.maximum_bytes, 100024U);
  EXPECT_EQ(usage.peak_bytes, 100000U);
}

TEST(Usage, ResizeEndsABlockOfTheOldSizeAndMakesOneOfTheNew) {
  const Usage usage = usage_of({alloc(0, 10), resize(0, 10, 30), resize(0, 30, 10)});
  EXPECT_EQ(usage.sizes, (Sizes{{10, 1, 2}, {30, 1, 1}}));
  EXPECT_EQ(usage.peak_bytes, 30U);
}

TEST(Usage, RunsGiveMaximaAndSums) {
  const Event reset{EventKind::kReset, 0, 0, 0, 0};
  const Usage usage =
      usage_of({alloc(0, 8), alloc(1, 8), alloc(2, 20000), reset, alloc(0, 8), alloc(1, 20000)});
  EXPECT_EQ(usage.sizes, (Sizes{{8, 2, 3}, {20000, 1, 2}}));
  EXPECT_EQ(usage.peak_bytes, 20016U);
}

TEST(Usage, FailedRequestsAreCountedBySizeAndAlignment) {
  const Usage usage = usage_of({failed(512, 64), failed(512, 4), failed(512, 4), failed(8, 4)});
  EXPECT_EQ(usage.failed, (std::vector<FailedUsage>{{8, 4, 1}, {512, 4, 2}, {512, 64, 1}}));
  EXPECT_TRUE(usage.sizes.empty());
  EXPECT_EQ(usage.peak_bytes, 0U);
}

TEST(Usage, RealignChangesNoCount) {
  const Usage usage = usage_of({alloc(0, 8), {EventKind::kRealign, 0, 8, 0, 32}});
  EXPECT_EQ(usage.sizes, (Sizes{{8, 1, 1}}));
}

TEST(Usage, OfSeveralTracesIsAsIfEachRanAfterAReset) {
  const std::vector<std::vector<Event>> traces = {
      {alloc(0, 12), alloc(1, 12), failed(512, 4), dealloc(0, 12)},
      {alloc(0, 12), alloc(1, 8), failed(512, 4), failed(512, 64), failed(8, 4)},
      {},
      {alloc(7, 100000)}};
  std::vector<Event> all;
  Usage merged;
  Usage backwards;
  for (std::size_t i = 0; i != traces.size(); ++i) {
    all.push_back({EventKind::kReset});
    all.insert(all.end(), traces[i].begin(), traces[i].end());
    merge(merged, usage_of(traces[i]));
    merge(backwards, usage_of(traces[traces.size() - 1 - i]));
  }
  EXPECT_EQ(merged, usage_of(all));
  EXPECT_EQ(backwards, merged);
}

/// The same once more, from the words of docs/numbers.md.
class Model {
 public:
  void add(const Event& event) {
    ++events_;
    if (event.kind == EventKind::kReset) live_.clear();
    if (event.kind > EventKind::kResize) return;
    if (event.old_size != 0) live_.erase(event.block);
    if (event.size == 0) return;
    live_[event.block] = event.size;
    std::uint64_t count = 0;
    std::uint64_t bytes = 0;
    for (const auto& [block, size] : live_) {
      count += size == event.size ? 1U : 0U;
      bytes += size;
    }
    SizeUsage& row = sizes_[event.size];
    if (row.allocations == 0) growth_.new_size = events_;
    if (count > row.max_count) growth_.max_count = events_;
    if (bytes > peak_bytes_) growth_.peak = events_;
    row = {event.size, std::max(row.max_count, count), row.allocations + 1};
    peak_bytes_ = std::max(peak_bytes_, bytes);
  }
  void expect_same(const UsageCollector& collector) const {
    const Usage usage = collector.usage();
    std::vector<SizeUsage> sizes;
    for (const auto& [size, row] : sizes_) sizes.push_back(row);
    EXPECT_EQ(usage.sizes, sizes);
    EXPECT_EQ(usage.peak_bytes, peak_bytes_);
    EXPECT_EQ(collector.events(), events_);
    std::uint64_t bytes = 0;
    for (const auto& [block, size] : live_) bytes += size;
    EXPECT_EQ(collector.live_bytes(), bytes);
    EXPECT_EQ(collector.last_growth().peak, growth_.peak);
    EXPECT_EQ(collector.last_growth().max_count, growth_.max_count);
    EXPECT_EQ(collector.last_growth().new_size, growth_.new_size);
  }
  const std::map<std::uint32_t, std::uint32_t>& live() const { return live_; }

 private:
  std::map<std::uint32_t, std::uint32_t> live_;
  std::map<std::uint32_t, SizeUsage> sizes_;
  std::uint64_t events_ = 0;
  std::uint64_t peak_bytes_ = 0;
  LastGrowth growth_;
};

TEST(Usage, IsWhatCountingAllBlocksAfterEachEventGives) {
  static constexpr std::uint32_t kSizes[] = {1, 7, 8, 100, 0x3FFF, 0x4000, 70000};
  for (unsigned seed = 0; seed != 40; ++seed) {
    std::mt19937 random(seed);
    const auto pick = [&random](std::uint32_t n) {
      return static_cast<std::uint32_t>(random() % n);
    };
    const std::uint32_t resizes = pick(3) * 10;
    Model model;
    UsageCollector collector;
    std::vector<Event> batch;
    for (int i = 0; i != 2000; ++i) {
      const std::uint32_t block = pick(24);
      const std::uint32_t size = pick(3) == 0 ? kSizes[pick(7)] : 1 + pick(30);
      const auto found = model.live().find(block);
      if (pick(300) == 0) {
        batch.push_back({EventKind::kReset, 0, 0, 0, 0});
      } else if (pick(100) == 0) {
        batch.push_back({EventKind::kFailed, 0, size, 0, 4});
      } else if (found == model.live().end()) {
        batch.push_back(alloc(block, size));
      } else if (pick(100) < resizes && found->second != size) {
        batch.push_back(resize(block, found->second, size));
      } else {
        batch.push_back(dealloc(block, found->second));
      }
      model.add(batch.back());
      if (pick(50) == 0) {
        collector.add(batch);
        batch.clear();
        model.expect_same(collector);
      }
    }
    if (HasFailure()) FAIL() << "seed " << seed;
  }
}

}  // namespace
}  // namespace drone::heaptrace
