// SPDX-License-Identifier: MIT
#include "support/text_diff.hpp"

#include <gtest/gtest.h>

namespace drone {
namespace {

TEST(UnifiedDiff, OfTheSameTextIsEmpty) {
  EXPECT_EQ(unified_diff("a\n", "a\n", "f", false), "");
  EXPECT_EQ(unified_diff("", "", "f", false), "");
}

TEST(UnifiedDiff, ShowsThreeLinesAroundWhatDiffers) {
  EXPECT_EQ(
      unified_diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n", "f", false),
      "--- f\n+++ f\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
}

TEST(UnifiedDiff, KeepsWhatIsCommonBetweenTwoChanges) {
  EXPECT_EQ(unified_diff("a\nx\nb\nc\n", "A\nx\nb\ny\nC\n", "f", false),
            "--- f\n+++ f\n@@ -1,4 +1,5 @@\n-a\n+A\n x\n b\n-c\n+y\n+C\n");
}

TEST(UnifiedDiff, ShowsWhatIsAddedAndRemovedAtTheEnds) {
  EXPECT_EQ(unified_diff("a\n", "a\nb\n", "f", false), "--- f\n+++ f\n@@ -1,1 +1,2 @@\n a\n+b\n");
  EXPECT_EQ(unified_diff("a\nb\n", "b\n", "f", false), "--- f\n+++ f\n@@ -1,2 +1,1 @@\n-a\n b\n");
  EXPECT_EQ(unified_diff("", "a\n", "f", false), "--- f\n+++ f\n@@ -0,0 +1,1 @@\n+a\n");
}

TEST(UnifiedDiff, SaysWhereALastLineHasNoEnd) {
  EXPECT_EQ(unified_diff("a", "a\n", "f", false),
            "--- f\n+++ f\n@@ -1,1 +1,1 @@\n-a\n\\ No newline at end of file\n+a\n");
}

TEST(UnifiedDiff, IsColouredOnRequest) {
  EXPECT_EQ(unified_diff("a\nb\n", "a\n", "f", true),
            "\x1b[1m--- f\x1b[0m\n\x1b[1m+++ f\x1b[0m\n\x1b[36m@@ -1,2 +1,1 @@\x1b[0m\n a\n"
            "\x1b[31m-b\x1b[0m\n");
}

}  // namespace
}  // namespace drone
