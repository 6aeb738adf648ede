// SPDX-License-Identifier: MIT
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "layout/optimize.hpp"

namespace drone::layout {
namespace {

using heap::PoolSpec;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(WithHeadroom, GivesTheLayoutOfTheUsersExample) {
  const std::vector<Demand> demands{{4, 4, 1}, {12, 4, 3}, {28, 4, 1}, {32, 4, 1}, {128, 4, 1}};
  EXPECT_THAT(with_headroom(optimize(demands, 5), 10240),
              ElementsAre(PoolSpec{4, 201}, PoolSpec{12, 222}, PoolSpec{28, 115}, PoolSpec{32, 83},
                          PoolSpec{128, 7}));
}

TEST(WithHeadroom, GivesAllToOnePool) {
  EXPECT_THAT(with_headroom({{12, 3}}, 1000), ElementsAre(PoolSpec{12, 83}));
}

TEST(WithHeadroom, SharesEquallyBetweenTwoPools) {
  // 64 spare bytes, 32 for each: 8 blocks of 4, 4 of 8.
  EXPECT_THAT(with_headroom({{4, 1}, {8, 1}}, 76), ElementsAre(PoolSpec{4, 9}, PoolSpec{8, 5}));
}

TEST(WithHeadroom, RoundsHalvesUp) {
  // 20 spare bytes, 10 each: two and a half blocks of 4 become three, and the 8 that are left
  // become two more. Two blocks of 4 would have left enough for a 12.
  EXPECT_THAT(with_headroom({{4, 1}, {12, 1}}, 36), ElementsAre(PoolSpec{4, 6}, PoolSpec{12, 1}));
}

TEST(WithHeadroom, GivesTheRestToTheLargestPoolThatCanUseIt) {
  // 14 spare bytes, 7 each: two blocks of 4 and none of 16; the 6 that are left hold one more 4.
  EXPECT_THAT(with_headroom({{4, 1}, {16, 1}}, 34), ElementsAre(PoolSpec{4, 4}, PoolSpec{16, 1}));
}

TEST(WithHeadroom, LeavesAFullHeapAlone) {
  const PoolLayout full{{4, 2}, {8, 1}};
  EXPECT_EQ(with_headroom(full, 16), full);
}

TEST(WithHeadroom, LeavesNoPoolsAlone) { EXPECT_THAT(with_headroom({}, 1000), IsEmpty()); }

TEST(WithHeadroom, FillsTheLargestHeapWithoutOverflow) {
  PoolLayout pools;
  for (std::uint32_t i = 1; i <= 64; ++i) pools.push_back({i << 20, 1});
  const PoolLayout filled = with_headroom(pools, UINT32_MAX);
  EXPECT_LE(layout_bytes(filled), UINT32_MAX);
  EXPECT_GT(layout_bytes(filled) + (1U << 20), UINT32_MAX);
  for (std::size_t i = 0; i != pools.size(); ++i) {
    EXPECT_GE(filled[i].capacity, pools[i].capacity);
  }
}

}  // namespace
}  // namespace drone::layout
