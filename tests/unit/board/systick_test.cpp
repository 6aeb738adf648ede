// SPDX-License-Identifier: MIT
#include "board/systick.hpp"

#include <gtest/gtest.h>

#include "drone/cortex_m/registers.hpp"

namespace drone::board {
namespace {

using namespace cortex_m;

constexpr std::uint32_t kOn = kSysTickCsrEnable | kSysTickCsrTickInt | kSysTickCsrClkSource;

SysTick started(std::uint32_t reload, std::uint32_t control, std::uint64_t now) {
  SysTick timer(8'000'000);
  timer.write(kSysTickRvr, reload, 0);
  timer.write(kSysTickCvr, 0, 0);
  timer.write(kSysTickCsr, control, now);
  return timer;
}

TEST(SysTick, IsDueEveryReloadPlusOneCycles) {
  SysTick timer = started(99, kOn, 1000);
  EXPECT_EQ(timer.next_exception(), 1100U);
  EXPECT_FALSE(timer.advance(1099));
  EXPECT_TRUE(timer.advance(1100));
  EXPECT_FALSE(timer.advance(1100));
  EXPECT_EQ(timer.next_exception(), 1200U);
  EXPECT_TRUE(timer.advance(1950));  // several at once are one
  EXPECT_EQ(timer.next_exception(), 2000U);
}

TEST(SysTick, CountsDownFromTheReloadValue) {
  SysTick timer = started(99, kOn, 1000);
  EXPECT_EQ(timer.read(kSysTickCvr, 1000), 0U);
  EXPECT_EQ(timer.read(kSysTickCvr, 1001), 99U);
  EXPECT_EQ(timer.read(kSysTickCvr, 1099), 1U);
  EXPECT_EQ(timer.read(kSysTickCvr, 1100), 0U);
  EXPECT_EQ(timer.read(kSysTickCvr, 1101), 99U);
}

TEST(SysTick, CountsAnEighthOfTheClockWithoutClkSource) {
  SysTick timer = started(99, kSysTickCsrEnable | kSysTickCsrTickInt, 0);
  EXPECT_EQ(timer.next_exception(), 800U);
  EXPECT_EQ(timer.read(kSysTickCalib, 0), 9999U);  // ten milliseconds of 1 MHz
}

TEST(SysTick, SetsTheCountFlagAndReadingClearsIt) {
  SysTick timer = started(9, kSysTickCsrEnable | kSysTickCsrClkSource, 0);
  EXPECT_EQ(timer.next_exception(), SysTick::kNever);
  EXPECT_EQ(timer.read(kSysTickCsr, 9) & kSysTickCsrCountFlag, 0U);
  EXPECT_NE(timer.read(kSysTickCsr, 10) & kSysTickCsrCountFlag, 0U);
  EXPECT_EQ(timer.read(kSysTickCsr, 11) & kSysTickCsrCountFlag, 0U);
  EXPECT_FALSE(timer.advance(30));
}

TEST(SysTick, StandsStillWhileDisabledAndGoesOnFromThere) {
  SysTick timer = started(99, kOn, 0);
  timer.write(kSysTickCsr, 0, 40);
  EXPECT_EQ(timer.read(kSysTickCvr, 500), 60U);
  timer.write(kSysTickCsr, kOn, 1000);
  EXPECT_EQ(timer.next_exception(), 1060U);
}

TEST(SysTick, StopsAfterOneRoundWhenTheReloadValueIsZeroed) {
  SysTick timer = started(99, kOn, 0);
  timer.write(kSysTickRvr, 0, 50);
  EXPECT_TRUE(timer.advance(100));
  EXPECT_EQ(timer.next_exception(), SysTick::kNever);
  EXPECT_EQ(timer.read(kSysTickCvr, 1000), 0U);
}

TEST(SysTick, WritingTheCounterRestartsItWithoutAnException) {
  SysTick timer = started(99, kOn, 0);
  timer.write(kSysTickCvr, 55, 50);
  EXPECT_EQ(timer.read(kSysTickCvr, 50), 0U);
  EXPECT_FALSE(timer.advance(149));
  EXPECT_TRUE(timer.advance(150));
}

}  // namespace
}  // namespace drone::board
