// SPDX-License-Identifier: MIT
#include "project/nearest.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>

namespace drone::project {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr auto kNames = std::to_array<std::string_view>({"size", "alignment", "pools", "pool_map"});

TEST(EditDistance, CountsInsertionsDeletionsReplacementsAndSwaps) {
  EXPECT_EQ(edit_distance("", ""), 0U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("size", "Size"), 0U);
  EXPECT_EQ(edit_distance("sise", "size"), 1U);
  EXPECT_EQ(edit_distance("szie", "size"), 1U);
  EXPECT_EQ(edit_distance("siz", "size"), 1U);
  EXPECT_EQ(edit_distance("sizee", "size"), 1U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
}

TEST(Nearest, IsTheLeastMistyped) {
  EXPECT_THAT(nearest("sise", kNames, 3), ElementsAre("size"));
  EXPECT_THAT(nearest("ALIGMENT", kNames, 3), ElementsAre("alignment"));
}

TEST(Nearest, IsWhatANameBegins) {
  EXPECT_THAT(nearest("pool", kNames, 3), ElementsAre("pools", "pool_map"));
  EXPECT_THAT(nearest("pool", kNames, 1), ElementsAre("pools"));
  EXPECT_THAT(nearest("sizes_of_all", kNames, 3), ElementsAre("size"));
}

TEST(Nearest, IsNothingForANameFarFromAll) {
  EXPECT_THAT(nearest("colour", kNames, 3), IsEmpty());
  EXPECT_THAT(nearest("", kNames, 3), IsEmpty());
  EXPECT_THAT(nearest(std::string(100'000, 's'), kNames, 3), IsEmpty());
}

TEST(DidYouMean, AsksInWords) {
  EXPECT_EQ(did_you_mean("sise", kNames, ""), "did you mean \"size\"?");
  EXPECT_EQ(did_you_mean("pool", kNames, ""), "did you mean \"pools\" or \"pool_map\"?");
  EXPECT_EQ(did_you_mean("colour", kNames, "one of: " + join(kNames)),
            "one of: size, alignment, pools, pool_map");
}

}  // namespace
}  // namespace drone::project
