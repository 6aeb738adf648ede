// SPDX-License-Identifier: MIT
#include "board/options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error.hpp"

namespace drone::board {
namespace {

using testing::HasSubstr;

Options parse(const std::vector<const char*>& words) { return parse_options(words); }

std::string refusal(const std::vector<const char*>& words) {
  try {
    parse_options(words);
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), ExitStatus::kUsage);
    return error.message();
  }
  return "accepted";
}

TEST(Options, TakesEverythingInBothForms) {
  const Options options = parse({"--core=cortex-m3", "--memory", "flash:0x08000000:512K",
                                 "--memory", "ram:536870912:0x2000", "--clock=84000000", "--speed",
                                 "max", "--gdb", "/tmp/x", "--halt", "a.elf"});
  EXPECT_EQ(options.core, CoreKind::kCortexM3);
  ASSERT_EQ(options.regions.size(), 2U);
  EXPECT_EQ(options.regions[0].origin, 0x08000000U);
  EXPECT_EQ(options.regions[0].size, 512U * 1024);
  EXPECT_FALSE(options.regions[0].writable);
  EXPECT_EQ(options.regions[1].origin, 0x20000000U);
  EXPECT_EQ(options.regions[1].size, 0x2000U);
  EXPECT_TRUE(options.regions[1].writable);
  EXPECT_EQ(options.clock_hz, 84000000U);
  EXPECT_FALSE(options.real_time);
  EXPECT_TRUE(options.start_halted);
  EXPECT_EQ(options.gdb, "/tmp/x");
  EXPECT_EQ(options.elf, "a.elf");
}

TEST(Options, DefaultsToACortexM4InRealTime) {
  const Options options = parse({"--memory", "flash:0:64K", "--clock", "1000", "--", "-a.elf"});
  EXPECT_EQ(options.core, CoreKind::kCortexM4);
  EXPECT_TRUE(options.real_time);
  EXPECT_FALSE(options.start_halted);
  EXPECT_EQ(options.elf, "-a.elf");
}

TEST(Options, SaysWhatIsWrongOrMissing) {
  EXPECT_THAT(refusal({}), HasSubstr("no memory"));
  EXPECT_THAT(refusal({"--memory", "ram:0:1K", "--clock", "1000", "a"}), HasSubstr("named flash"));
  EXPECT_THAT(refusal({"--memory", "flash:0:1K", "a"}), HasSubstr("--clock is missing"));
  EXPECT_THAT(refusal({"--memory", "flash:0:1K", "--clock", "1000"}), HasSubstr("ELF"));
  EXPECT_THAT(refusal({"--memory", "flash:0"}), HasSubstr("NAME:ORIGIN:SIZE"));
  EXPECT_THAT(refusal({"--memory", "flash:x:1K"}), HasSubstr("origin"));
  EXPECT_THAT(refusal({"--memory", "flash:0x100000000:1K"}), HasSubstr("origin"));
  EXPECT_THAT(refusal({"--memory", "flash:0:1G"}), HasSubstr("size"));
  EXPECT_THAT(refusal({"--memory", "flash:0:99999999999999999999"}), HasSubstr("size"));
  EXPECT_THAT(refusal({"--clock", "0"}), HasSubstr("clock"));
  EXPECT_THAT(refusal({"--clock"}), HasSubstr("needs a value"));
  EXPECT_THAT(refusal({"--core", "cortex-m0"}), HasSubstr("cortex-m0"));
  EXPECT_THAT(refusal({"--speed", "fast"}), HasSubstr("fast"));
  EXPECT_THAT(refusal({"--what"}), HasSubstr("--what"));
  EXPECT_THAT(refusal({"a", "b"}), HasSubstr("'b'"));
}

}  // namespace
}  // namespace drone::board
