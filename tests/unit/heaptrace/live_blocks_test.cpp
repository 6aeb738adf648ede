// SPDX-License-Identifier: MIT
#include "heaptrace/live_blocks.hpp"

#include <gtest/gtest.h>

namespace drone::heaptrace {
namespace {

Life life_of(std::uint32_t size, std::uint32_t order = 0) { return {order, size, 2}; }

TEST(Life, SaysWhatItWasToldUntilItIsToldOtherwise) {
  EXPECT_FALSE(Life().is_live());
  Life life(7, Life::kMostBytes, 3);
  life.set_size(1);
  EXPECT_TRUE(life.is_live());
  EXPECT_EQ(life.size(), 1U);
  EXPECT_EQ(life.alignment_log2(), 3U);
  EXPECT_FALSE(life.alignment_named());
  life.name_alignment(31);
  EXPECT_EQ(life.size(), 1U);
  EXPECT_EQ(life.alignment_log2(), 31U);
  EXPECT_TRUE(life.alignment_named());
  EXPECT_EQ(life.order(), 7U);
}

TEST(LiveBlocks, KnowsOnlyWhatIsLive) {
  LiveBlocks blocks;
  for (const std::uint32_t block : {0U, 255U, 256U, 0x7FFFU, 0x8000U, 0xFFFFFFU}) {
    EXPECT_EQ(blocks.find(block), nullptr);
    blocks.assign(block, life_of(1 + block / 2));
    ASSERT_NE(blocks.find(block), nullptr);
    EXPECT_EQ(blocks.find(block)->size(), 1 + block / 2);
  }
  EXPECT_EQ(blocks.find(1), nullptr);
  blocks.erase(*blocks.find(255));
  EXPECT_EQ(blocks.find(255), nullptr);
  EXPECT_NE(blocks.find(256), nullptr);
}

TEST(LiveBlocks, NothingIsLiveAfterClearHoweverOften) {
  LiveBlocks blocks;
  for (int i = 0; i != 3; ++i) {
    for (const std::uint32_t block : {7U, 0x7007U, 0x8007U}) {
      blocks.assign(block, life_of(block));
      EXPECT_EQ(blocks.find(block)->size(), block);
    }
    blocks.clear();
    // Each alone, as a block that comes to life brings back those near it.
    for (const std::uint32_t block : {7U, 0x7007U, 0x8007U}) {
      EXPECT_EQ(blocks.find(block), nullptr) << block;
      blocks.assign(block + 1, life_of(1));
      EXPECT_EQ(blocks.find(block), nullptr) << block;
      blocks.clear();
    }
  }
}

TEST(LiveBlocks, FindsTheLatestWhoseAlignmentIsNotNamed) {
  LiveBlocks blocks;
  EXPECT_EQ(blocks.latest_unnamed(5).life, nullptr);
  blocks.assign(5, life_of(1, 10));
  blocks.assign(0x20005, life_of(2, 12));
  blocks.assign(0x10005, life_of(3, 11));
  EXPECT_EQ(blocks.latest_unnamed(5).block, 0x20005U);
  blocks.find(0x20005)->name_alignment(3);
  EXPECT_EQ(blocks.latest_unnamed(5).block, 0x10005U);
  blocks.erase(*blocks.find(0x10005));
  EXPECT_EQ(blocks.latest_unnamed(5).block, 5U);
  EXPECT_EQ(blocks.latest_unnamed(6).life, nullptr);
}

TEST(LiveBlocks, TheOrderMayWrapRound) {
  LiveBlocks blocks;
  blocks.assign(5, life_of(1, 0xFFFFFFFF));
  blocks.assign(0x10005, life_of(2, 1));
  EXPECT_EQ(blocks.latest_unnamed(5).block, 0x10005U);
}

}  // namespace
}  // namespace drone::heaptrace
