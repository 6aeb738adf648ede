// SPDX-License-Identifier: MIT
#include "preload/block_table.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <iterator>
#include <random>
#include <unordered_map>

namespace drone::preload {
namespace {

TEST(BlockTable, HoldsWhatWasInsertedAndNotRemoved) {
  std::mt19937 random(7);
  BlockTable table;
  ASSERT_TRUE(table.reset());
  std::unordered_map<std::uintptr_t, std::uint32_t> model;
  for (std::uint32_t i = 0; i != 300000; ++i) {
    // Neighbours, as an allocator gives them; few addresses at first, so that most are in use.
    const std::uintptr_t address = 0x55550000 + 16 * (random() % (i < 100000 ? 12000 : 60000));
    Block* const found = table.find(address);
    const auto known = model.find(address);
    ASSERT_EQ(found != nullptr, known != model.end()) << "step " << i;
    if (found != nullptr) {
      ASSERT_EQ(found->address, address);
      ASSERT_EQ(found->number, known->second);
      table.remove(found);
      model.erase(known);
    } else {
      ASSERT_TRUE(table.insert({address, i, i + 1}));
      model.emplace(address, i);
    }
    ASSERT_EQ(table.count(), model.size());
  }
  for (const auto& [address, number] : model) {
    Block* const found = table.find(address);
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->number, number);
    EXPECT_EQ(found->size, number + 1);
  }
}

TEST(BlockTable, IsEmptyAfterAReset) {
  BlockTable table;
  ASSERT_TRUE(table.reset());
  for (std::uintptr_t i = 1; i != 50000; ++i) ASSERT_TRUE(table.insert({i * 32, 0, 1}));
  ASSERT_TRUE(table.reset());
  EXPECT_EQ(table.count(), 0U);
  EXPECT_EQ(table.find(32), nullptr);
}

}  // namespace
}  // namespace drone::preload
