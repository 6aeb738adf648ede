// SPDX-License-Identifier: MIT
#include "heaptrace/usage.hpp"

#include <gtest/gtest.h>

namespace drone::heaptrace {
namespace {

Event alloc(std::uint32_t block, std::uint32_t size) {
  return {EventKind::kAlloc, block, size, 0, 4};
}
Event dealloc(std::uint32_t block, std::uint32_t size) {
  return {EventKind::kDealloc, block, size, 0, 4};
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

}  // namespace
}  // namespace drone::heaptrace
