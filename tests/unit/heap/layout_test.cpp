// SPDX-License-Identifier: MIT

// What the compiler computes from a layout, against searching.

#include "drone/heap/layout.hpp"

#include <gtest/gtest.h>

#include "drone/heap/list_lookup.hpp"
#include "drone/heap/pool_tables.hpp"
#include "test_layouts.hpp"

namespace drone::heap::test {
namespace {

template <class TheLayout>
class Tables : public testing::Test {};

using Layouts = testing::Types<Example, OnePool, TwoPools, OneBlock, SixteenPools, Alignment8,
                               Aligned64, Granular, Large, With<Example, Checks::kFull>,
                               With<SixteenPools, Checks::kFull>, With<Large, Checks::kFull>>;
TYPED_TEST_SUITE(Tables, Layouts);

TYPED_TEST(Tables, FindTheSmallestPoolForEverySize) {
  using Pools = PoolTables<TypeParam::kLayout>;
  using Lookup = ListLookup<TypeParam::kLayout>;
  for (std::uint32_t size = 1; size <= Pools::kLookupLimit; ++size) {
    std::size_t pool = 0;
    while (TypeParam::kLayout.pools[pool].block_size < size) ++pool;
    const FreeList* const list = Lookup::list_for_size(size);
    ASSERT_EQ(list - free_lists<TypeParam::kLayout>.data(), Pools::kPlaceOfPool[pool]) << size;
  }
  for (std::size_t size : {Pools::kLookupLimit + 1, Pools::kLookupLimit + 1000, 0U, UINT32_MAX}) {
    EXPECT_GE(static_cast<std::size_t>(Lookup::list_for_size(size) -
                                       free_lists<TypeParam::kLayout>.data()),
              Pools::kCount)
        << size;
    EXPECT_FALSE(Lookup::list_for_size(size)->is_linked());
  }
}

TYPED_TEST(Tables, FindThePoolOfEveryWord) {
  using Pools = PoolTables<TypeParam::kLayout>;
  using Lookup = ListLookup<TypeParam::kLayout>;
  std::uint32_t place = 0;
  for (std::uint32_t offset = 0; offset != Pools::kArenaSize; offset += 4) {
    if (place + 1 < Pools::kCount && offset == Pools::kPlaced[place + 1].offset) ++place;
    ASSERT_EQ(Lookup::place_at(offset), place) << offset;
    ASSERT_EQ(Lookup::place_at(offset + 3), place) << offset;
  }
  EXPECT_EQ(place + 1, Pools::kCount);
}

TEST(TableOfAddresses, FindsTheEndsOfAHundredPoolsInMegabytes) {
  using Pools = PoolTables<Vast::kLayout>;
  using Lookup = ListLookup<Vast::kLayout>;
  for (std::uint32_t place = 0; place != Pools::kCount; ++place) {
    ASSERT_EQ(Lookup::place_at(Pools::kPlaced[place].offset), place);
    ASSERT_EQ(Lookup::place_at(Pools::kEnd[place] - 1), place);
  }
}

TYPED_TEST(Tables, TellWhereBlocksBegin) {
  using Pools = PoolTables<TypeParam::kLayout>;
  std::uint32_t number = 0;
  for (std::size_t place = 0; place != Pools::kCount; ++place) {
    const auto& grid = Pools::kGrid[place];
    EXPECT_EQ(Pools::kPlaced[place].first_block, number);
    for (std::uint32_t offset = Pools::kPlaced[place].offset; offset != Pools::kEnd[place];
         ++offset) {
      const std::uint32_t distance = offset - Pools::kPlaced[place].offset;
      if (distance % Pools::kStride[place] == 0) {
        ASSERT_EQ(grid.index_at(offset), distance / Pools::kStride[place]) << offset;
      } else {
        ASSERT_GE(grid.index_at(offset), grid.capacity) << offset;
      }
    }
    number += grid.capacity;
  }
}

TYPED_TEST(Tables, AlignEachBlockToTheFactorOfItsSize) {
  using Pools = PoolTables<TypeParam::kLayout>;
  for (std::size_t place = 0; place != Pools::kCount; ++place) {
    const std::uint32_t alignment = block_alignment(Pools::kBlockSize[place]);
    EXPECT_EQ(Pools::kPlaced[place].offset % alignment, 0U);
    EXPECT_EQ(Pools::kStride[place] % alignment, 0U);
  }
}

TYPED_TEST(Tables, LinkEachPoolToTheNextLarger) {
  using Pools = PoolTables<TypeParam::kLayout>;
  std::uint32_t place = Pools::kPlaceBySize[0];
  for (const PoolSpec& pool : TypeParam::kLayout.pools) {
    ASSERT_NE(place, Pools::kNone);
    EXPECT_EQ(Pools::kBlockSize[place], pool.block_size);
    place = Pools::kNextLarger[place];
  }
  EXPECT_EQ(place, Pools::kNone);
}

TYPED_TEST(Tables, KnowARangeInWhichAPoolsBlocksBeginAndNoLargerOnes) {
  using Pools = PoolTables<TypeParam::kLayout>;
  for (std::size_t place = 0; place != Pools::kCount; ++place) {
    const auto range = Pools::kRange[place];
    for (std::size_t other = 0; other != Pools::kCount; ++other) {
      if (Pools::kBlockSize[other] < Pools::kBlockSize[place]) continue;
      const std::uint32_t end = Pools::kEnd[other];
      for (std::uint32_t block = Pools::kPlaced[other].offset; block != end;
           block += Pools::kStride[other]) {
        ASSERT_EQ(block - range.begin < range.length, other == place) << block;
      }
    }
  }
}

TEST(TableOfAddresses, IsSmall) {
  EXPECT_EQ(ListLookup<OnePool::kLayout>::kAddressEntries, 1U);
  EXPECT_EQ(ListLookup<Granular::kLayout>::kAddressEntries, (256 + 768 + 768 + 512) / 256)
      << "all boundaries on granules: a pointer for each";
  EXPECT_EQ(ListLookup<Example::kLayout>::kAddressEntries, 5U + 5)
      << "a word for each granule of 2 KB, and a pointer for each pool";
  EXPECT_LE(ListLookup<SixteenPools::kLayout>::kAddressEntries, 160U);
  EXPECT_LE(ListLookup<Large::kLayout>::kAddressEntries, 2048U)
      << "three boundaries within 48 bytes of a megabyte";
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
