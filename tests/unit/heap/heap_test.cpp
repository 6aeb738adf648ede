// SPDX-License-Identifier: MIT

// What random operations do not show: corner cases of single calls.

#include "drone/heap/heap.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

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
  EXPECT_EQ(heap.allocate(12, 0), nullptr);
  EXPECT_EQ(heap.allocate(12, 3), nullptr);
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

TEST_F(HeapCall, LinksItsBlocksOnTheFirstRequestOrWhenTold) {
  static constexpr Layout<2> kUntouched{.size = 100, .alignment = 4, .pools = {{{4, 3}, {8, 2}}}};
  EXPECT_FALSE(free_lists<kUntouched>[0].is_linked());
  EXPECT_EQ(Heap<kUntouched>::allocate(9), nullptr) << "no pool holds it";
  const void* const first = Heap<kUntouched>::allocate(4);
  EXPECT_NE(first, nullptr);
  Heap<kUntouched>::prepare();
  EXPECT_NE(Heap<kUntouched>::allocate(4), first) << "what is prepared stays as it is";

  static constexpr Layout<2> kPrepared{.size = 100, .alignment = 4, .pools = {{{4, 3}, {8, 2}}}};
  Heap<kPrepared>::prepare();
  EXPECT_TRUE(free_lists<kPrepared>[0].is_linked());
  for (int block = 0; block != 5; ++block) EXPECT_NE(Heap<kPrepared>::allocate(1), nullptr);
  EXPECT_EQ(Heap<kPrepared>::allocate(1), nullptr);
}

std::vector<std::pair<std::size_t, std::size_t>> unserved;
void* given_up = nullptr;

bool give_up(std::size_t size, std::size_t alignment) noexcept {
  unserved.emplace_back(size, alignment);
  Heap<kLayout, Tracer>::deallocate(given_up);
  return std::exchange(given_up, nullptr) != nullptr;
}

TEST_F(HeapCall, AsksItsHandlerAboutEveryRequestThatFails) {
  using Insisting = Heap<kLayout, Tracer, give_up>;
  unserved.clear();
  void* const block = Insisting::allocate(64);
  given_up = Insisting::allocate(64);
  EXPECT_TRUE(unserved.empty());
  Tracer::calls.clear();

  void* const again = Insisting::allocate(50);
  EXPECT_NE(again, nullptr) << "tried again after the handler gave a block back";
  EXPECT_EQ(unserved, (std::vector<std::pair<std::size_t, std::size_t>>{{50, 1}}));
  EXPECT_EQ(Tracer::calls,
            (std::vector<Call>{
                {Call::kAlloc, kNoBlock, 50, 1}, {Call::kDealloc, 1}, {Call::kAlloc, 1, 50, 1}}));
  EXPECT_EQ(Insisting::allocate(12, 64), nullptr) << "and refused when it did not";
  EXPECT_EQ(Insisting::allocate(5000), nullptr);
  EXPECT_EQ(Insisting::reallocate(block, 65), nullptr);
  EXPECT_EQ(Insisting::allocate(0), nullptr);
  EXPECT_EQ(unserved, (std::vector<std::pair<std::size_t, std::size_t>>{
                          {50, 1}, {12, 64}, {5000, 1}, {65, 1}}));
}

TEST_F(HeapCall, NeedsOneWordAPoolAndNoneABlock) {
  EXPECT_EQ(arena<kLayout>.size(), 4 * 12 + 2 * 32 + 2 * 64U);
  EXPECT_TRUE(std::is_empty_v<decltype(heap)>);
}

}  // namespace
}  // namespace drone::heap::test
