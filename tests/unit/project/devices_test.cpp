// SPDX-License-Identifier: MIT
#include "project/devices.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace drone::project {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

TEST(Devices, HaveDistinctNamesInLowerCase) {
  std::set<std::string_view> names;
  for (const Device& device : devices()) {
    EXPECT_TRUE(names.insert(device.name).second) << device.name;
    for (const char c : device.name) EXPECT_FALSE(c >= 'A' && c <= 'Z') << device.name;
  }
  EXPECT_GE(names.size(), 25U);
}

TEST(Devices, HaveMemoryThatAnM3OrM4CanHave) {
  for (const Device& device : devices()) {
    SCOPED_TRACE(device.name);
    EXPECT_THAT(device.core, AnyOf("cortex-m3", "cortex-m4"));
    EXPECT_TRUE(device.core == "cortex-m4" || !device.fpu);
    // ARMv7-M's memory map: code below 0x20000000, where flash and some RAM lie, then SRAM.
    EXPECT_LT(device.flash_origin, 0x20000000U);
    EXPECT_LT(device.ram_origin, 0x40000000U);
    EXPECT_GT(device.ram_origin, device.flash_origin);
    EXPECT_EQ(device.flash_size % 1024, 0U);
    EXPECT_EQ(device.ram_size % 1024, 0U);
    EXPECT_GE(device.core_clock_hz, 1'000'000U);
    EXPECT_LE(device.trace_clock_hz, device.core_clock_hz);
    EXPECT_FALSE(device.source.empty());
  }
}

TEST(Devices, AreFoundInAnyCase) {
  ASSERT_NE(find_device("STM32F407vg"), nullptr);
  EXPECT_EQ(find_device("STM32F407vg")->name, "stm32f407vg");
  EXPECT_EQ(find_device("stm32f407"), nullptr);
  EXPECT_EQ(find_device(""), nullptr);
}

TEST(Devices, ThatAreUnknownGetANearOneAndTheList) {
  EXPECT_THAT(unknown_device_hint("stm32f407"), HasSubstr("did you mean \"stm32f407vg\"?"));
  EXPECT_THAT(unknown_device_hint("nrf52833"), HasSubstr("\"nrf52832\""));
  EXPECT_THAT(unknown_device_hint("z80"), HasSubstr("drone print devices"));
  EXPECT_THAT(unknown_device_hint("z80"), testing::Not(HasSubstr("did you mean")));
}

}  // namespace
}  // namespace drone::project
