// SPDX-License-Identifier: MIT
#include "board/exceptions.hpp"

#include <gtest/gtest.h>

namespace drone::board {
namespace {

TEST(Exceptions, TakesThePendingOneOfTheHighestPriority) {
  Exceptions exceptions;
  for (const unsigned number : {20U, 21U, 22U}) {
    exceptions.set_enabled(number, true);
    exceptions.set_pending(number, true);
  }
  exceptions.set_priority_byte(20, 0x80);
  exceptions.set_priority_byte(21, 0x40);
  exceptions.set_priority_byte(22, 0x40);
  EXPECT_EQ(exceptions.takeable({}), 21U);
  exceptions.set_pending(21, false);
  EXPECT_EQ(exceptions.takeable({}), 22U);
}

TEST(Exceptions, NeedsToBeEnabledToBeTaken) {
  Exceptions exceptions;
  exceptions.set_pending(30, true);
  EXPECT_EQ(exceptions.takeable({}), std::nullopt);
  exceptions.set_enabled(30, true);
  EXPECT_EQ(exceptions.takeable({}), 30U);
}

TEST(Exceptions, AnActiveOneKeepsEqualAndLowerOnesOut) {
  Exceptions exceptions;
  exceptions.set_enabled(20, true);
  exceptions.set_pending(20, true);
  exceptions.set_priority_byte(20, 0x40);
  exceptions.set_priority_byte(21, 0x40);
  exceptions.set_active(21, true);
  EXPECT_EQ(exceptions.takeable({}), std::nullopt);
  exceptions.set_priority_byte(20, 0x30);
  EXPECT_EQ(exceptions.takeable({}), 20U);
}

TEST(Exceptions, ImplementsTheUpperFourBitsOfAPriority) {
  Exceptions exceptions;
  exceptions.set_priority_byte(20, 0x4F);
  EXPECT_EQ(exceptions.priority_byte(20), 0x40);
}

TEST(Exceptions, PrimaskLeavesNmiAndFaultmaskDoesToo) {
  Exceptions exceptions;
  exceptions.set_pending(kPendSv, true);
  EXPECT_EQ(exceptions.takeable({.primask = 1}), std::nullopt);
  exceptions.set_pending(kNmi, true);
  EXPECT_EQ(exceptions.takeable({.primask = 1}), kNmi);
  EXPECT_EQ(exceptions.takeable({.faultmask = 1}), kNmi);
}

TEST(Exceptions, BasepriOfZeroMasksNothing) {
  Exceptions exceptions;
  exceptions.set_pending(kPendSv, true);
  exceptions.set_priority_byte(kPendSv, 0xF0);
  EXPECT_EQ(exceptions.takeable({.basepri = 0}), kPendSv);
  EXPECT_EQ(exceptions.takeable({.basepri = 0xF0}), std::nullopt);
  exceptions.set_priority_byte(kPendSv, 0xE0);
  EXPECT_EQ(exceptions.takeable({.basepri = 0xF0}), kPendSv);
}

TEST(Exceptions, PriorityGroupsDecidePreemption) {
  Exceptions exceptions;
  exceptions.set_enabled(20, true);
  exceptions.set_pending(20, true);
  exceptions.set_priority_byte(20, 0x00);
  exceptions.set_priority_byte(21, 0x40);
  exceptions.set_active(21, true);
  EXPECT_EQ(exceptions.takeable({}), 20U);
  exceptions.set_priority_group(6);  // only bit 7 counts
  EXPECT_EQ(exceptions.takeable({}), std::nullopt);
  exceptions.set_priority_group(7);  // nothing counts
  EXPECT_EQ(exceptions.group_priority(20), 0);
  EXPECT_EQ(exceptions.group_priority(kHardFault), -1);
}

TEST(Exceptions, HaveNamesForMessages) {
  EXPECT_EQ(exception_name(0), "thread mode");
  EXPECT_EQ(exception_name(15), "SysTick");
  EXPECT_EQ(exception_name(16), "interrupt 0");
  EXPECT_EQ(exception_name(7), "exception 7");
}

}  // namespace
}  // namespace drone::board
