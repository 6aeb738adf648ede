// SPDX-License-Identifier: MIT
#include "heaptrace/sequence_check.hpp"

#include <gtest/gtest.h>

namespace drone::heaptrace {
namespace {

TEST(SequenceCheck, AgreesWithAStreamThatIsWhole) {
  SequenceCheck check;
  check.begin_run();
  for (std::uint32_t sequence = 256; sequence <= 2560; sequence += 256) {
    check.count(sequence == 256 ? 255 : 256);
    EXPECT_EQ(check.check(sequence), 0) << sequence;
  }
}

TEST(SequenceCheck, ReportsWhatIsMissingOnce) {
  SequenceCheck check;
  check.begin_run();
  check.count(250);
  EXPECT_EQ(check.check(256), 5);
  check.count(256);
  EXPECT_EQ(check.check(512), 0);
}

TEST(SequenceCheck, TakesItsBaseFromTheFirstOneOfACaptureThatBeganMidway) {
  SequenceCheck check;
  check.count(17);
  EXPECT_EQ(check.check(70000), 0);
  check.count(250);
  EXPECT_EQ(check.check(70256), 6);
}

TEST(SequenceCheck, WrapsAt24Bits) {
  SequenceCheck check;
  check.check(0xFFFF00);
  check.count(256);
  EXPECT_EQ(check.check(0), 0);
  check.count(250);
  EXPECT_EQ(check.check(256), 6);
}

TEST(SequenceCheck, DroppedThatComesLateIsNotAlsoLost) {
  SequenceCheck check;
  check.begin_run();
  check.count(251);
  EXPECT_EQ(check.check(256), 4) << "the DROPPED of 4 is still to come";
  check.count(4 + 1 + 255);
  EXPECT_EQ(check.check(512), -4);
}

TEST(SequenceCheck, OneBehindTheCountBelongsToARunWhoseVersionWasLost) {
  SequenceCheck check;
  check.begin_run();
  check.count(9999);
  EXPECT_EQ(check.check(256), 1);
  check.count(256);
  EXPECT_EQ(check.check(512), 0);
}

TEST(SequenceCheck, VersionBeginsACountOfItsOwn) {
  SequenceCheck check;
  check.begin_run();
  check.count(1000);
  check.begin_run();
  check.count(255);
  EXPECT_EQ(check.check(256), 0);
}

}  // namespace
}  // namespace drone::heaptrace
