// SPDX-License-Identifier: MIT
#include "probe/trace_setup.hpp"

#include <gmock/gmock.h>

#include <utility>
#include <vector>

#include "support/error.hpp"

namespace drone::probe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

class RecordedWrites final : public MemoryAccess {
 public:
  void write32(std::uint32_t address, std::uint32_t value) override {
    writes.emplace_back(address, value);
  }
  std::uint32_t read32(std::uint32_t) override { return 0; }
  std::vector<std::pair<std::uint32_t, std::uint32_t>> writes;
};

// Addresses and bits as Arm's manual has them, not as our header spells them.
TEST(TraceSetup, WritesTheRegistersAsAProbeDoes) {
  RecordedWrites target;
  set_up_trace(target,
               {.port_mask = 0x80000003, .trace_clock_hz = 16'000'000, .swo_baud = 115'200});
  EXPECT_THAT(
      target.writes,
      ElementsAre(Pair(0xE000EDFC, 0x01000000), Pair(0xE0000FB0, 0xC5ACCE55), Pair(0xE0000E80, 0),
                  Pair(0xE0040004, 1), Pair(0xE0040010, 138), Pair(0xE00400F0, 2),
                  Pair(0xE0040304, 0x100), Pair(0xE0001000, 0x401), Pair(0xE0000E80, 0x0001000F),
                  Pair(0xE0000E40, 0), Pair(0xE0000E00, 0x80000003)));
}

TEST(TraceSetup, LeavesTimestampsOffWhereTheyAreNotWanted) {
  RecordedWrites target;
  set_up_trace(target, {.port_mask = 1,
                        .trace_clock_hz = 16'000'000,
                        .swo_baud = 2'000'000,
                        .local_timestamps = false});
  EXPECT_THAT(target.writes, ::testing::Contains(Pair(0xE0000E80, 0x0001000D)));
}

TEST(TraceSetup, DividesTheClockToTheNearestRate) {
  EXPECT_EQ(swo_divisor(84'000'000, 2'000'000), 42U);
  EXPECT_EQ(swo_divisor(72'000'000, 2'250'000), 32U);
  EXPECT_EQ(swo_divisor(16'000'000, 115'200), 139U);
  EXPECT_EQ(swo_divisor(2'000'000, 2'000'000), 1U);
  EXPECT_EQ(swo_divisor(1'950'000, 2'000'000), 1U) << "2.5 % slow";
  EXPECT_EQ(swo_divisor(4'000'000'000, 4'000'000'000), 1U);
}

std::string hint_of(std::uint32_t clock, std::uint32_t baud) {
  try {
    swo_divisor(clock, baud);
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), ExitStatus::kProbe);
    return error.hint();
  }
  ADD_FAILURE() << clock << " was divided to " << baud;
  return {};
}

TEST(TraceSetup, NamesTheRatesThatWorkForOneThatDoesNot) {
  EXPECT_THAT(hint_of(16'000'000, 6'000'000), HasSubstr("8000000 or 5333333"));
  EXPECT_THAT(hint_of(1'900'000, 2'000'000), HasSubstr("1900000 or 950000"));
  EXPECT_THAT(hint_of(168'000'000, 9600), HasSubstr("work: 20507;"));
}

TEST(TraceSetup, RefusesAClockOrARateOfZero) {
  EXPECT_THAT(hint_of(0, 2'000'000), HasSubstr("[itm]"));
  EXPECT_THAT(hint_of(16'000'000, 0), HasSubstr("[itm]"));
}

TEST(TraceSetup, WritesNothingWhenTheRateCannotBeMade) {
  RecordedWrites target;
  EXPECT_THROW(
      set_up_trace(target, {.port_mask = 1, .trace_clock_hz = 16'000'000, .swo_baud = 6'000'000}),
      Error);
  EXPECT_TRUE(target.writes.empty());
}

}  // namespace
}  // namespace drone::probe
