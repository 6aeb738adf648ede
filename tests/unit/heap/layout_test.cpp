// SPDX-License-Identifier: MIT

// What the compiler computes from a layout, against searching.

#include "drone/heap/layout.hpp"

#include <gtest/gtest.h>

#include "drone/heap/pool_tables.hpp"
#include "test_layouts.hpp"

namespace drone::heap::test {
namespace {

template <class TheLayout>
class Tables : public testing::Test {};

using Layouts =
    testing::Types<Example, OnePool, OneBlock, SixteenPools, Alignment8, Aligned64, Large>;
TYPED_TEST_SUITE(Tables, Layouts);

TYPED_TEST(Tables, FindTheSmallestPoolForEverySize) {
  using Pools = PoolTables<TypeParam::kLayout>;
  for (std::uint32_t size = 1; size <= Pools::kLookupLimit; ++size) {
    std::size_t pool = 0;
    while (TypeParam::kLayout.pools[pool].block_size < size) ++pool;
    ASSERT_EQ(Pools::kPlaced[Pools::place_for_size(size)].pool, pool) << size;
  }
}

TYPED_TEST(Tables, FindThePoolOfEveryWord) {
  using Pools = PoolTables<TypeParam::kLayout>;
  std::uint32_t place = 0;
  for (std::uint32_t offset = 0; offset != Pools::kArenaSize; offset += 4) {
    if (place + 1 < Pools::kCount && offset == Pools::kPlaced[place + 1].offset) ++place;
    ASSERT_EQ(Pools::place_at(offset), place) << offset;
    ASSERT_EQ(Pools::place_at(offset + 3), place) << offset;
  }
  EXPECT_EQ(place + 1, Pools::kCount);
}

TYPED_TEST(Tables, LinkEachPoolToTheNextLarger) {
  using Pools = PoolTables<TypeParam::kLayout>;
  std::uint32_t place = Pools::place_for_size(1);
  for (const PoolSpec& pool : TypeParam::kLayout.pools) {
    ASSERT_NE(place, Pools::kNone);
    EXPECT_EQ(Pools::kBlockSize[place], pool.block_size);
    place = Pools::kNextLarger[place];
  }
  EXPECT_EQ(place, Pools::kNone);
}

TYPED_TEST(Tables, KnowARangeThatHoldsAPoolAndNoLargerBlocks) {
  using Pools = PoolTables<TypeParam::kLayout>;
  for (std::size_t place = 0; place != Pools::kCount; ++place) {
    const auto range = Pools::kRange[place];
    const std::uint32_t end = range.begin + range.length;
    EXPECT_LE(range.begin, Pools::kPlaced[place].offset);
    EXPECT_GE(end, Pools::kEnd[place]);
    for (std::size_t other = 0; other != Pools::kCount; ++other) {
      if (Pools::kBlockSize[other] <= Pools::kBlockSize[place]) continue;
      EXPECT_TRUE(Pools::kEnd[other] <= range.begin || Pools::kPlaced[other].offset >= end);
    }
  }
}

TEST(TablesOfTheExample, TakeFewBytes) {
  using Pools = PoolTables<Example::kLayout>;
  EXPECT_EQ(Pools::kAddressShift, 11U);
  EXPECT_EQ(Pools::kLookupLimit, 128U);
  EXPECT_TRUE(Pools::kSingleBoundaries);
}

TEST(TablesOfALargeHeap, StayBoundedWhenTinyPoolsShareAGranule) {
  using Pools = PoolTables<Large::kLayout>;
  EXPECT_FALSE(Pools::kSingleBoundaries);
  EXPECT_LE(Pools::kArenaSize >> Pools::kAddressShift, kMaxAddressEntries);
}

TEST(LayoutRules, AreToldApart) {
  constexpr Layout<2> kUnsorted{.size = 64, .alignment = 4, .pools = {{{16, 1}, {8, 1}}}};
  constexpr Layout<2> kTwice{.size = 64, .alignment = 4, .pools = {{{8, 1}, {8, 1}}}};
  constexpr Layout<2> kOdd{.size = 64, .alignment = 8, .pools = {{{8, 1}, {12, 1}}}};
  constexpr Layout<1> kEmpty{.size = 64, .alignment = 4, .pools = {{{8, 0}}}};
  constexpr Layout<1> kHuge{.size = 64, .alignment = 4, .pools = {{{1U << 31, 1U << 31}}}};
  EXPECT_FALSE(detail::is_ascending(kUnsorted));
  EXPECT_FALSE(detail::is_ascending(kTwice));
  EXPECT_FALSE(detail::has_multiples_of_alignment(kOdd));
  EXPECT_FALSE(detail::has_blocks(kEmpty));
  EXPECT_EQ(pool_bytes(kHuge), std::uint64_t{1} << 62);
  EXPECT_TRUE(CheckedLayout<Example::kLayout>::kIsValid);
}

}  // namespace
}  // namespace drone::heap::test
