// SPDX-License-Identifier: MIT

// What random operations do not show: corner cases of single calls, and misuse.

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace drone::heap::test {
inline std::vector<std::string> misuses;
}
#define DRONE_HEAP_ASSERT(condition, message) \
  ((condition) ? static_cast<void>(0) : ::drone::heap::test::misuses.push_back(message))

#include <gtest/gtest.h>

#include "drone/heap/heap.hpp"
#include "recording_tracer.hpp"
#include "test_layouts.hpp"

namespace drone::heap::test {
namespace {

struct Tag {};
inline constexpr Layout<3> kLayout{
    .size = 1024, .alignment = 4, .pools = {{{12, 4}, {32, 2}, {64, 2}}}};
using Tracer = RecordingTracer<Tag>;

class HeapCall : public testing::Test {
 protected:
  HeapCall() {
    heap.reset();
    Tracer::calls.clear();
    Tracer::listening = true;
    misuses.clear();
  }

  static constexpr Heap<kLayout, Tracer> heap{};
};

TEST_F(HeapCall, DeallocateOfNullIsNothing) {
  heap.deallocate(nullptr);
  heap.deallocate(nullptr, 12);
  EXPECT_TRUE(Tracer::calls.empty());
}

TEST_F(HeapCall, RequestOfZeroBytesIsNoRequest) {
  EXPECT_EQ(heap.allocate(0), nullptr);
  EXPECT_EQ(heap.allocate(0, 16), nullptr);
  EXPECT_EQ(heap.reallocate(nullptr, 0), nullptr);
  EXPECT_TRUE(Tracer::calls.empty());
}

TEST_F(HeapCall, SizesNearTheEndOfTheAddressSpaceFailInsteadOfWrapping) {
  for (std::size_t less = 0; less != 70; ++less) {
    const std::size_t size = std::numeric_limits<std::size_t>::max() - less;
    EXPECT_EQ(heap.allocate(size), nullptr);
    EXPECT_EQ(heap.allocate(size, 64), nullptr);
    EXPECT_EQ(heap.allocate(UINT32_MAX - less, 64), nullptr);
  }
}

TEST_F(HeapCall, AlignmentThatIsNoPowerOfTwoOrAboveSixtyFourFails) {
  EXPECT_EQ(heap.allocate(12, 24), nullptr);
  EXPECT_EQ(heap.allocate(12, 128), nullptr);
  EXPECT_EQ(heap.allocate(12, std::size_t{1} << 31), nullptr);
  EXPECT_NE(heap.allocate(12, 64), nullptr);
}

TEST_F(HeapCall, AlignedRequestCountsAsItsEffectiveSize) {
  // 12 bytes aligned to 32 are 32 bytes, 33 aligned to 32 are 64.
  EXPECT_EQ(heap.usable_size(heap.allocate(12, 32)), 32U);
  EXPECT_EQ(heap.usable_size(heap.allocate(33, 32)), 64U);
  EXPECT_EQ(heap.usable_size(heap.allocate(12, 4)), 12U);
  EXPECT_EQ(heap.usable_size(heap.allocate(12, 8)), 32U);
}

TEST_F(HeapCall, ReallocateOfNullAllocatesAndToZeroGivesBack) {
  void* const block = heap.reallocate(nullptr, 10);
  ASSERT_NE(block, nullptr);
  EXPECT_EQ(heap.reallocate(block, 0), nullptr);
  EXPECT_EQ(Tracer::calls.size(), 2U);
  EXPECT_EQ(Tracer::calls.back().hook, Call::kDealloc);
}

TEST_F(HeapCall, SizedDeallocateFindsABlockThatSpilled) {
  std::vector<void*> blocks;
  for (int i = 0; i != 5; ++i) blocks.push_back(heap.allocate(12));
  EXPECT_EQ(heap.usable_size(blocks.back()), 32U);
  heap.deallocate(blocks.back(), 12);
  EXPECT_EQ(heap.allocate(32), blocks.back());
}

TEST_F(HeapCall, TracesADeallocationBeforeTheBlockIsFree) {
  void* const block = heap.allocate(12);
  Tracer::calls.clear();
  heap.deallocate(block);
  ASSERT_EQ(Tracer::calls.size(), 1U);
  EXPECT_EQ(Tracer::calls[0], (Call{Call::kDealloc, 4}));  // blocks 0 to 3 are those of 64 and 32
}

TEST_F(HeapCall, TellsNothingToATracerThatDoesNotListen) {
  Tracer::listening = false;
  void* const block = heap.allocate(12);
  EXPECT_FALSE(heap.grow(block, 12, 13));
  EXPECT_TRUE(heap.shrink(block, 12, 2));
  EXPECT_EQ(heap.reallocate(block, 3), block);
  heap.deallocate(block);
  EXPECT_EQ(heap.allocate(1000), nullptr);
  EXPECT_TRUE(Tracer::calls.empty());
}

TEST_F(HeapCall, AllHeapsOfOneLayoutAreOneHeap) {
  void* const block = heap.allocate(64);
  heap.deallocate(block);
  EXPECT_EQ(Heap<kLayout>::allocate(64), block);
}

TEST_F(HeapCall, AssertsOnMisuseThatItCanSee) {
  static std::uint32_t foreign[4];
  EXPECT_FALSE(heap.owns(foreign));
  void* const block = heap.allocate(12);
  EXPECT_TRUE(misuses.empty());
  (void)heap.usable_size(static_cast<std::byte*>(block) + 4);
  EXPECT_EQ(misuses, std::vector<std::string>{"not the start of a block"});
  misuses.clear();
  (void)heap.grow(block, 12, 4);
  (void)heap.shrink(block, 4, 12);
  EXPECT_EQ(misuses.size(), 2U);
}

TEST_F(HeapCall, NeedsOneWordAPoolAndNoneABlock) {
  EXPECT_EQ(arena<kLayout>.size(), 4 * 12 + 2 * 32 + 2 * 64U);
  EXPECT_TRUE(std::is_empty_v<decltype(heap)>);
}

}  // namespace
}  // namespace drone::heap::test
