// SPDX-License-Identifier: MIT

// Programs on the whole board: what they saw is what they said on stimulus port 1.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "board_process.hpp"

namespace drone::board_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using Words = std::vector<std::uint64_t>;

Words words_of(const std::string& name, const std::vector<std::string>& arguments = {}) {
  const Result result = run_board(name, arguments);
  EXPECT_EQ(result.status, 0) << result.log;
  return said(result.trace);
}

class ExceptionOrder : public testing::TestWithParam<const char*> {};

TEST_P(ExceptionOrder, FollowsPrioritiesPendingAndTailChaining) {
  // 0x1nn: exception nn entered, 0x2nn: left; the rest: where the thread is.
  const Words expected = {1,     0x110, 0x111,  // interrupt 1 preempts interrupt 0
                          0x102, 0x202,         // NMI preempts both
                          0x211, 0x113, 0x213,  // interrupt 3, as high as 1, follows it
                          0x210, 0x112, 0x212,  // then interrupt 2, as high as 0
                          0x10E, 0x20E,         // PendSV is last
                          2,     0x10B, 0x20B,  // SVC
                          3,     4,     0x113, 0x213, 0x112, 0x212,  // the higher priority first
                          5,     0x113, 0x213, 0x112, 0x212,  // the subpriority decides the order
                          6,     0x112, 0x212,                // by the software trigger register
                          7};
  EXPECT_EQ(words_of("order", {"--core", GetParam()}), expected);
}

INSTANTIATE_TEST_SUITE_P(OnBothCores, ExceptionOrder, testing::Values("cortex-m3", "cortex-m4"));

TEST(Masks, HoldExceptionsOffAndLetThemInAtOnce) {
  const Words expected = {1, 2, 0x101, 3,  4,  0x101, 0x100, 5,     6,  0x100, 7,     0x102, 8,
                          1, 9, 0x10F, 10, 11, 0x100, 12,    0x100, 13, 14,    0x10F, 15};
  EXPECT_EQ(words_of("masks"), expected);
}

TEST(Exclusive, StoreFailsIfAnExceptionCameSinceTheLoad) {
  // Wrong answers; then how many of 39 stores failed and succeeded; CLREX; undisturbed.
  const Words words = words_of("exclusive");
  ASSERT_EQ(words.size(), 5U);
  EXPECT_EQ(words[0], 0U);
  EXPECT_EQ(words[1], 12U);  // eleven instructions between the two, and the store itself
  EXPECT_EQ(words[1] + words[2], 39U);
  EXPECT_EQ(words[3], 1U);
  EXPECT_EQ(words[4], 0U);
}

TEST(Interrupts, ChangeNothingInWhatTheyInterrupt) {
  EXPECT_EQ(words_of("transparent"), (Words{0, 1}));
}

TEST(SysTick, ComesAfterExactlyItsPeriodOfCycles) {
  Words expected(7, 1000);
  expected.insert(expected.end(), 7, 1234);
  expected.insert(expected.end(), 7, 800);
  expected.insert(expected.end(), {0, 0, 1});
  EXPECT_EQ(words_of("systick"), expected);
}

TEST(ItBlocks, TakeACycleForEachInstructionThatTheyExecuteOrSkip) {
  const Words expected = {2,      2, 2,  // no block; executed; skipped
                          5,      5, 5,  // four instructions: none, every other one, the first two
                          3,      4,     // a branch at the end: taken; skipped
                          6,             // two blocks
                          6,      6,     // with an exception and its handler's only instruction
                          6 * 100};      // a hundred times
  EXPECT_EQ(words_of("it_blocks"), expected);
}

TEST(Frames, RestoreWhatWasInterruptedWhereverItRan) {
  const Words expected = {
      1,          0xFFFFFFF9, 0x1234, 0, 0,
      0xFFFFFFF9, 0x1235,     1,      0,  // the stack was aligned by 4: one word more
      2,          0xFFFFFFF9, 0xABCD,     // a result in the frame
      0xFFFFFFF9, 0xFFFFFFF1,             // nested
      3,          0xFFFFFFFD, 0,          // unprivileged code cannot set PRIMASK
      4,          0xFFFFFFE9, 0,          // with floating-point context, which the handler lacks
      0x11111111, 0x22222222, 4};
  EXPECT_EQ(words_of("frames"), expected);
}

TEST(Faults, GoToHandlersThatTheProgramEnabled) {
  const Words expected = {0x106, 1U << 25, 1,              // division by zero
                          0x106, 1U << 16, 2,              // undefined
                          0x105, 0x8200,   0x30000004, 3,  // bus, with its address
                          0x104, 1,        4};             // execute never
  EXPECT_EQ(words_of("handled"), expected);
}

TEST(Reset, KeepsRamAndTraceAndStartsTheRestAnew) {
  EXPECT_EQ(words_of("reset"), (Words{0x100, 0x200, 1, 2, 0x08000000, 0, 0x100}));
}

TEST(Semihosting, WritesTextAndEndsWithTheProgramsStatus) {
  const Result result = run_board("semihosting");
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.log, "hello, world\nthe program exited with status 3\n");
  EXPECT_THAT(said(result.trace), ElementsAre(7));
}

TEST(Sleep, WithoutAnythingToWakeItEndsTheBoardAtFullSpeed) {
  const Result result = run_board("sleeper");
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.log, "the program sleeps and nothing will wake it\n");
  EXPECT_THAT(said(result.trace), ElementsAre(0xCAFE));
}

TEST(Determinism, SameTraceAtAnySpeedAndEveryTime) {
  for (const char* name : {"poller", "order", "timestamps"}) {
    const Result first = run_board(name);
    const Result second = run_board(name);
    const Result real = run_board(name, {"--speed", "real"});
    EXPECT_EQ(first.status, 0);
    EXPECT_FALSE(first.trace.empty());
    EXPECT_EQ(first.trace, second.trace) << name;
    EXPECT_EQ(first.trace, real.trace) << name;
  }
}

}  // namespace
}  // namespace drone::board_test
