// SPDX-License-Identifier: MIT
#include "project/header.hpp"

#include <gtest/gtest.h>

#include "support/error.hpp"

namespace drone::project {
namespace {

Manifest example() {
  Manifest manifest;
  manifest.heap = {10240, 4, {{4, 201}, {12, 222}, {28, 115}, {32, 83}, {128, 7}}};
  manifest.memory = {{"flash", {0x08000000, 512 * 1024}},
                     {"ram", {0x20000000, 128 * 1024}},
                     {"ccm", {0x10000000, 64 * 1024}}};
  manifest.itm.clock = 84'000'000;
  return manifest;
}

TEST(Header, HoldsTheLayoutAndTheTraceClock) {
  EXPECT_EQ(header_text(example()),
            R"(// Generated from Drone.toml by `drone print header`: do not edit.
#pragma once

#include <cstdint>

#include "drone/heap/layout.hpp"

namespace drone_project {

/// Pools as {block size in bytes, number of blocks}.
inline constexpr drone::heap::Layout<5> kHeapLayout{
    .size = 10240,
    .alignment = 4,
    .pools = {{
        {4, 201},
        {12, 222},
        {28, 115},
        {32, 83},
        {128, 7},
    }},
};

/// What the trace's timestamps count.
inline constexpr std::uint32_t kTraceClockKhz = 84000;

}  // namespace drone_project
)");
}

TEST(Header, NeedsPools) {
  Manifest manifest = example();
  manifest.path = "Drone.toml";
  manifest.heap = {};
  try {
    header_text(manifest);
    FAIL() << "made a header for a heap without pools";
  } catch (const Error& error) {
    EXPECT_EQ(error.message(), "Drone.toml: \"heap\" is missing");
    EXPECT_EQ(error.status(), ExitStatus::kInput);
  }
}

TEST(Header, RoundsTheTraceClockToTheNearestKilohertz) {
  Manifest manifest = example();
  manifest.itm.clock = 2'097'152;
  EXPECT_NE(header_text(manifest).find("kTraceClockKhz = 2097;"), std::string::npos);
  manifest.itm.clock = 4'294'967'295;
  EXPECT_NE(header_text(manifest).find("kTraceClockKhz = 4294967;"), std::string::npos);
}

TEST(MemoryText, IsTheLinkersMemoryCommand) {
  EXPECT_EQ(memory_text(example()),
            R"(/* Generated from Drone.toml by `drone print memory`: do not edit. */
MEMORY
{
  ccm (rwx) : ORIGIN = 0x10000000, LENGTH = 0x10000
  flash (rx) : ORIGIN = 0x08000000, LENGTH = 0x80000
  ram (rwx) : ORIGIN = 0x20000000, LENGTH = 0x20000
}
)");
}

}  // namespace
}  // namespace drone::project
