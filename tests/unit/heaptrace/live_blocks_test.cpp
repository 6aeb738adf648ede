// SPDX-License-Identifier: MIT
#include "heaptrace/live_blocks.hpp"

#include <gtest/gtest.h>

namespace drone::heaptrace {
namespace {

Life life_of(std::uint32_t size, std::uint64_t order = 0) {
  Life life;
  life.size = size;
  life.order = order;
  return life;
}

TEST(LiveBlocks, KnowsOnlyWhatIsLive) {
  LiveBlocks blocks;
  for (const std::uint32_t block : {0U, 255U, 256U, 0xFFFFFFU}) {
    EXPECT_EQ(blocks.find(block), nullptr);
    blocks.assign(block, life_of(block + 1));
    ASSERT_NE(blocks.find(block), nullptr);
    EXPECT_EQ(blocks.find(block)->size, block + 1);
  }
  EXPECT_EQ(blocks.find(1), nullptr);
  blocks.erase(*blocks.find(255));
  EXPECT_EQ(blocks.find(255), nullptr);
  EXPECT_NE(blocks.find(256), nullptr);
}

TEST(LiveBlocks, NothingIsLiveAfterClearHoweverOften) {
  LiveBlocks blocks;
  blocks.assign(7, life_of(1));
  for (int i = 0; i != 0x10001; ++i) {
    blocks.clear();
    ASSERT_EQ(blocks.find(7), nullptr) << i;
  }
  blocks.assign(7, life_of(2));
  EXPECT_EQ(blocks.find(7)->size, 2U);
}

TEST(LiveBlocks, FindsTheLatestWhoseAlignmentIsNotNamed) {
  LiveBlocks blocks;
  EXPECT_EQ(blocks.latest_unnamed(5).life, nullptr);
  blocks.assign(5, life_of(1, 10));
  blocks.assign(0x20005, life_of(2, 12));
  blocks.assign(0x10005, life_of(3, 11));
  EXPECT_EQ(blocks.latest_unnamed(5).block, 0x20005U);
  blocks.find(0x20005)->alignment_named = true;
  EXPECT_EQ(blocks.latest_unnamed(5).block, 0x10005U);
  blocks.erase(*blocks.find(0x10005));
  EXPECT_EQ(blocks.latest_unnamed(5).block, 5U);
  EXPECT_EQ(blocks.latest_unnamed(6).life, nullptr);
}

}  // namespace
}  // namespace drone::heaptrace
