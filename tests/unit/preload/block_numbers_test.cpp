// SPDX-License-Identifier: MIT
#include "preload/block_numbers.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <set>
#include <vector>

namespace drone::preload {
namespace {

class TakenNumbers : public ::testing::Test {
 protected:
  TakenNumbers() { EXPECT_TRUE(numbers_.reset()); }

  BlockNumbers numbers_;
};

TEST_F(TakenNumbers, BeginAt0AndFollowEachOther) {
  for (std::uint32_t i = 0; i != 10000; ++i) ASSERT_EQ(numbers_.take(), i);
}

TEST_F(TakenNumbers, AreTheLowestThatAreFree) {
  std::mt19937 random(1);
  std::set<std::uint32_t> free;
  std::vector<std::uint32_t> taken;
  std::uint32_t next = 0;
  for (int i = 0; i != 200000; ++i) {
    // Grows to some ten thousand, and shrinks again.
    const bool takes = taken.empty() || random() % 100 < (i < 100000 ? 70U : 35U);
    if (takes) {
      const std::uint32_t expected = free.empty() ? next++ : *free.begin();
      free.erase(expected);
      ASSERT_EQ(numbers_.take(), expected);
      taken.push_back(expected);
    } else {
      std::swap(taken[random() % taken.size()], taken.back());
      numbers_.give_back(taken.back());
      free.insert(taken.back());
      taken.pop_back();
    }
  }
}

TEST_F(TakenNumbers, EndWhereATraceHasNoMore) {
  for (std::uint32_t i = 0; i != BlockNumbers::kCount; ++i) {
    if (numbers_.take() != i) FAIL() << i;
  }
  EXPECT_EQ(numbers_.take(), kNoNumber);
  EXPECT_EQ(numbers_.take(), kNoNumber);
  numbers_.give_back(123456);
  EXPECT_EQ(numbers_.take(), 123456);
  EXPECT_EQ(numbers_.take(), kNoNumber);
}

TEST_F(TakenNumbers, AreAllFreeAfterAReset) {
  for (int i = 0; i != 5000; ++i) numbers_.take();
  EXPECT_TRUE(numbers_.reset());
  EXPECT_EQ(numbers_.take(), 0);
}

}  // namespace
}  // namespace drone::preload
