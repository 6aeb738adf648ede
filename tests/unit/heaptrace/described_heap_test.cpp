// SPDX-License-Identifier: MIT
#include "heaptrace/described_heap.hpp"

#include <gtest/gtest.h>

namespace drone::heaptrace {
namespace {

using Verdict = DescribedHeap::Verdict;

void add_pool(DescribedHeap& heap, std::uint32_t block_size, std::uint32_t capacity) {
  EXPECT_TRUE(heap.add_fact({Op::kPoolBlock, 0, block_size}));
  EXPECT_TRUE(heap.add_fact({Op::kPoolCapacity, 0, capacity}));
}

TEST(DescribedHeap, SaysNothingWithoutFacts) {
  DescribedHeap heap;
  for (int i = 0; i != 1000; ++i) heap.note_event();
  EXPECT_EQ(heap.judge(0, 1, 1), Verdict::kUnknown);
  EXPECT_EQ(heap.base_alignment(), 4U);
}

TEST(DescribedHeap, JudgesKnownPoolsAtOnceAndTheirEndOnceTheyAreComplete) {
  DescribedHeap heap;
  heap.begin_run();
  add_pool(heap, 32, 2);
  EXPECT_EQ(heap.judge(1, 32, 32), Verdict::kPossible);
  EXPECT_EQ(heap.judge(1, 33, 1), Verdict::kImpossible);
  EXPECT_EQ(heap.judge(1, 32, 64), Verdict::kImpossible);
  EXPECT_EQ(heap.judge(2, 4, 1), Verdict::kUnknown) << "another pool may follow";
  heap.note_event();  // of an interrupt
  add_pool(heap, 12, 1);
  EXPECT_EQ(heap.judge(2, 12, 4), Verdict::kPossible);
  EXPECT_TRUE(heap.add_fact({Op::kHeapSize, 0, 76}));
  EXPECT_EQ(heap.judge(2, 12, 4), Verdict::kPossible);
  EXPECT_EQ(heap.judge(3, 4, 1), Verdict::kImpossible);
}

TEST(DescribedHeap, PoolsMayComeLast) {
  DescribedHeap heap;
  heap.begin_run();
  EXPECT_TRUE(heap.add_fact({Op::kHeapSize, 0, 64}));
  add_pool(heap, 32, 2);
  for (int i = 0; i != 63; ++i) heap.note_event();
  EXPECT_EQ(heap.judge(2, 4, 1), Verdict::kUnknown);
  heap.note_event();
  EXPECT_EQ(heap.judge(2, 4, 1), Verdict::kImpossible);
}

TEST(DescribedHeap, LossWithinTheDescriptionLeavesNoPools) {
  DescribedHeap heap;
  heap.begin_run();
  add_pool(heap, 32, 2);
  heap.note_loss();
  add_pool(heap, 4, 2);
  EXPECT_TRUE(heap.add_fact({Op::kHeapSize, 0, 100}));
  EXPECT_EQ(heap.judge(50, 4, 1), Verdict::kUnknown);
  EXPECT_TRUE(heap.description().pools.empty());
  EXPECT_EQ(heap.description().heap_size, 100U);
}

TEST(DescribedHeap, LossBetweenVersionAndDescriptionLeavesNoPools) {
  DescribedHeap heap;
  heap.begin_run();
  heap.note_loss();
  add_pool(heap, 32, 2);
  EXPECT_TRUE(heap.add_fact({Op::kHeapSize, 0, 100}));
  EXPECT_EQ(heap.judge(50, 4, 1), Verdict::kUnknown);
}

TEST(DescribedHeap, LossAfterTheDescriptionDoesNotHurtIt) {
  DescribedHeap heap;
  heap.begin_run();
  add_pool(heap, 32, 2);
  EXPECT_TRUE(heap.add_fact({Op::kHeapSize, 0, 64}));
  heap.note_loss();
  EXPECT_EQ(heap.judge(2, 4, 1), Verdict::kImpossible);
}

TEST(DescribedHeap, HalfAPoolLeavesNoPools) {
  for (const bool capacity_missing : {true, false}) {
    DescribedHeap heap;
    heap.begin_run();
    heap.add_fact({capacity_missing ? Op::kPoolBlock : Op::kPoolCapacity, 0, 32});
    add_pool(heap, 4, 2);
    heap.add_fact({Op::kHeapSize, 0, 100});
    EXPECT_EQ(heap.judge(50, 4, 1), Verdict::kUnknown);
    EXPECT_TRUE(heap.description().pools.empty());
  }
}

TEST(DescribedHeap, DescriptionOfTheNextRunReplacesThatOfTheOneBefore) {
  DescribedHeap heap;
  heap.begin_run();
  add_pool(heap, 32, 2);
  heap.add_fact({Op::kHeapSize, 0, 64});
  heap.add_fact({Op::kHeapAlignment, 0, 8});
  heap.begin_run();
  EXPECT_EQ(heap.description().heap_size, 64U) << "until there is another";
  EXPECT_EQ(heap.judge(2, 4, 1), Verdict::kUnknown);
  add_pool(heap, 16, 3);
  heap.add_fact({Op::kHeapSize, 0, 48});
  EXPECT_EQ(heap.description().pools, (std::vector<heap::PoolSpec>{{16, 3}}));
  EXPECT_FALSE(heap.description().base_alignment.has_value());
  EXPECT_EQ(heap.judge(2, 4, 1), Verdict::kPossible);
}

TEST(DescribedHeap, SecondDescriptionOfARunIsIgnored) {
  DescribedHeap heap;  // the capture's, from the ELF, and then the rest of the target's own
  add_pool(heap, 32, 2);
  heap.add_fact({Op::kHeapSize, 0, 64});
  heap.add_fact({Op::kPoolCapacity, 0, 2});
  EXPECT_EQ(heap.description().pools, (std::vector<heap::PoolSpec>{{32, 2}}));
  EXPECT_EQ(heap.judge(2, 4, 1), Verdict::kImpossible);
}

TEST(DescribedHeap, HeapWithoutPoolsIsBoundedByItsSize) {
  DescribedHeap heap;
  heap.begin_run();
  heap.add_fact({Op::kHeapSize, 0, 1024});
  EXPECT_EQ(heap.judge(128, 1, 1), Verdict::kUnknown) << "pools may follow";
  for (int i = 0; i != 64; ++i) heap.note_event();
  EXPECT_EQ(heap.judge(127, 8, 4096), Verdict::kPossible);
  EXPECT_EQ(heap.judge(127, 9, 1), Verdict::kImpossible);
  EXPECT_EQ(heap.judge(128, 1, 1), Verdict::kImpossible);
  EXPECT_EQ(heap.judge(0xFFFFFF, 0, 1), Verdict::kImpossible);
}

TEST(DescribedHeap, HostileDescriptionsAreBounded) {
  DescribedHeap heap;
  heap.begin_run();
  for (int i = 0; i != 2000; ++i) {
    heap.add_fact({Op::kPoolBlock, 0, 4});
    heap.add_fact({Op::kPoolCapacity, 0, 1});
  }
  EXPECT_TRUE(heap.description().pools.empty());
  heap.begin_run();
  add_pool(heap, 4, 0xFFFFFF);
  heap.add_fact({Op::kPoolBlock, 0, 4});
  heap.add_fact({Op::kPoolCapacity, 0, 1});
  EXPECT_TRUE(heap.description().pools.empty());
}

}  // namespace
}  // namespace drone::heaptrace
