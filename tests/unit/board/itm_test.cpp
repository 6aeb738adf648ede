// SPDX-License-Identifier: MIT
#include "board/itm.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "board/dwt.hpp"
#include "board/tpiu.hpp"
#include "drone/cortex_m/registers.hpp"

namespace drone::board {
namespace {

using namespace cortex_m;

std::vector<std::byte> bytes(std::initializer_list<unsigned> values) {
  std::vector<std::byte> result;
  for (const unsigned value : values) result.push_back(static_cast<std::byte>(value));
  return result;
}

class ItmTest : public testing::Test {
 protected:
  static constexpr std::uint64_t kByte = 100;  // cycles: ten bits of ten cycles

  ItmTest() {
    tpiu_.write(kTpiuSppr, kTpiuSpprNrz);
    tpiu_.write(kTpiuAcpr, 9);
  }
  void power(std::uint32_t control = kItmTcrItmEna) {
    dwt_.set_powered(true, 0);
    itm_.set_powered(true, 0);
    set(kItmTer, UINT32_MAX);
    set(kItmTcr, control);
  }
  void set(std::uint32_t address, std::uint32_t value, std::uint64_t now = 0) {
    itm_.write(address, 4, value, now, /*by_debugger=*/true);
  }
  void stimulate(std::uint64_t now, unsigned size = 4, std::uint32_t value = 0x04030201) {
    itm_.write(itm_stim(1), size, value, now, false);
  }
  bool ready(std::uint64_t now) { return itm_.read(itm_stim(1), now) == 1; }
  std::vector<std::byte> sent(std::uint64_t now) {
    itm_.advance(now);
    return tpiu_.take_output();
  }

  Dwt dwt_;
  Tpiu tpiu_;
  Itm itm_{dwt_, tpiu_};
};

TEST_F(ItmTest, DoesNothingWithoutPower) {
  set(kItmTer, 1);
  EXPECT_EQ(itm_.read(kItmTer, 0), 0U);
  power();
  EXPECT_EQ(itm_.read(kItmTer, 0), UINT32_MAX);
}

TEST_F(ItmTest, PutsOneByteOnTheWireEachByteTime) {
  power();
  stimulate(1000);
  EXPECT_EQ(sent(1000), bytes({0x0B}));
  EXPECT_EQ(sent(1099), bytes({}));
  EXPECT_EQ(sent(1100), bytes({1}));
  EXPECT_EQ(sent(1350), bytes({2, 3}));
  EXPECT_EQ(sent(5000), bytes({4}));
}

TEST_F(ItmTest, IsReadyWhileAWholePacketFits) {
  power();
  EXPECT_TRUE(ready(0));
  // 16 bytes, and one on the wire: after the third word there is room for two.
  for (int i = 0; i != 3; ++i) {
    EXPECT_TRUE(ready(0));
    stimulate(0);
  }
  EXPECT_FALSE(ready(0));
  EXPECT_FALSE(ready(3 * kByte - 1));
  EXPECT_TRUE(ready(3 * kByte));
}

TEST_F(ItmTest, IsNotReadyForPortsThatAreOff) {
  power();
  set(kItmTer, ~2U);
  EXPECT_FALSE(ready(0));
  stimulate(0);
  EXPECT_EQ(sent(10000), bytes({}));
  set(kItmTer, 2);
  set(kItmTcr, 0);
  EXPECT_FALSE(ready(0));
}

TEST_F(ItmTest, ReportsLostWritesOnceAtThePlaceOfTheLoss) {
  power();
  for (int i = 0; i != 3; ++i) stimulate(0, 4, 0);
  for (int i = 0; i != 5; ++i) stimulate(1, 4, 0xFFFFFFFF);
  stimulate(2000, 1, 7);
  itm_.drain();
  const auto output = tpiu_.take_output();
  const auto expected =
      bytes({0x0B, 0, 0, 0, 0, 0x0B, 0, 0, 0, 0, 0x0B, 0, 0, 0, 0, 0x70, 0x09, 7});
  EXPECT_EQ(output, expected);
}

TEST_F(ItmTest, BusyUntilTheLastBitIsSent) {
  power();
  stimulate(0, 1);
  EXPECT_NE(itm_.read(kItmTcr, 199) & kItmTcrBusy, 0U);
  EXPECT_EQ(itm_.read(kItmTcr, 200) & kItmTcrBusy, 0U);
}

TEST_F(ItmTest, KeepsItsFifoWhilePowerIsOff) {
  power();
  stimulate(0);
  EXPECT_EQ(sent(100), bytes({0x0B, 1}));
  itm_.set_powered(false, 150);
  EXPECT_EQ(sent(100000), bytes({}));
  itm_.set_powered(true, 100000);
  EXPECT_EQ(sent(100200), bytes({2, 3, 4}));
}

TEST_F(ItmTest, ATimestampFollowsEachPacket) {
  power(kItmTcrItmEna | kItmTcrTsEna);
  stimulate(5, 1, 0xAA);
  stimulate(5, 1, 0xBB);
  stimulate(5000, 1, 0xCC);
  itm_.drain();
  EXPECT_EQ(tpiu_.take_output(),
            bytes({0x09, 0xAA, 0x50, 0x09, 0xBB, 0xC0, 0x00, 0x09, 0xCC, 0xC0, 0x83, 0x27}));
}

TEST_F(ItmTest, WithTimestampsItIsReadyOnlyIfThatFitsToo) {
  power(kItmTcrItmEna | kItmTcrTsEna);
  stimulate(0);  // seven bytes with its timestamp, one of them on the wire
  EXPECT_TRUE(ready(0));
  stimulate(0);
  EXPECT_FALSE(ready(0));
}

TEST_F(ItmTest, ThePrescalerKeepsTheRest) {
  power(kItmTcrItmEna | kItmTcrTsEna | 1U << kItmTcrTsPrescaleShift);  // by 4
  stimulate(6, 1, 1);                                                  // 1 tick, 2 cycles over
  stimulate(12, 1, 2);                                                 // 8 cycles since 4: 2 ticks
  itm_.drain();
  EXPECT_EQ(tpiu_.take_output(), bytes({0x09, 1, 0x10, 0x09, 2, 0x20}));
}

TEST_F(ItmTest, TheLockKeepsTheProgramOutButNotADebugger) {
  power();
  EXPECT_EQ(itm_.read(kItmLsr, 0), 3U);
  itm_.write(kItmTer, 4, 5, 0, /*by_debugger=*/false);
  EXPECT_EQ(itm_.read(kItmTer, 0), UINT32_MAX);
  itm_.write(kItmLar, 4, kLarUnlock, 0, false);
  EXPECT_EQ(itm_.read(kItmLsr, 0), 1U);
  itm_.write(kItmTer, 4, 5, 0, false);
  EXPECT_EQ(itm_.read(kItmTer, 0), 5U);
  itm_.write(kItmLar, 4, 0, 0, false);
  EXPECT_EQ(itm_.read(kItmLsr, 0), 3U);
}

TEST_F(ItmTest, ANewRateCountsFromTheNextByte) {
  power();
  stimulate(0, 1, 1);
  tpiu_.write(kTpiuAcpr, 19);
  EXPECT_EQ(sent(100), bytes({0x09, 1}));
  stimulate(100, 1, 2);
  EXPECT_EQ(sent(299), bytes({}));
  EXPECT_EQ(sent(300), bytes({0x09}));
}

}  // namespace
}  // namespace drone::board
