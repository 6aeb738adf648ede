// SPDX-License-Identifier: MIT
#include "project/header.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error.hpp"

namespace drone::project {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

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

/// [heap]: pools as {block size in bytes, number of blocks}.
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
    .options = {.checks = drone::heap::Checks::kPointers, .statistics = false},
};
/// The stimulus port of its trace.
inline constexpr unsigned kHeapTracePort = 31;

/// What the traces' timestamps count.
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

/// The example with a heap of 1536 bytes and as many of guard words in the region "ccm".
Manifest with_second_heap() {
  Manifest manifest = example();
  manifest.named_heaps = {{.size = 2048,
                           .alignment = 8,
                           .pools = {{16, 64}, {64, 8}},
                           .name = "fast_2",
                           .memory = "ccm",
                           .port = 30,
                           .options = {heap::Checks::kFull, true}}};
  return manifest;
}

TEST(Header, HoldsTheConstantsOfEachHeap) {
  const std::string header = header_text(with_second_heap());
  EXPECT_THAT(header, HasSubstr(R"(
/// [heap.fast_2]: pools as {block size in bytes, number of blocks}.
inline constexpr drone::heap::Layout<2> kFast2HeapLayout{
    .size = 2048,
    .alignment = 8,
    .pools = {{
        {16, 64},
        {64, 8},
    }},
    .options = {.checks = drone::heap::Checks::kFull, .statistics = true},
};
/// The stimulus port of its trace.
inline constexpr unsigned kFast2HeapTracePort = 30;
)"));
  EXPECT_LT(header.find(" kHeapLayout{"), header.find(" kFast2HeapLayout{")) << "[heap] is first";
}

TEST(Header, SaysWhereTheMemoryOfAHeapOutsideOfRamIs) {
  const std::string header = header_text(with_second_heap());
  EXPECT_THAT(header, HasSubstr(R"(
#ifdef __arm__

// [heap.fast_2] lies in [memory.ccm], where memory.ld makes its memory.
extern "C" alignas(drone::heap::kMaxAlignment) std::array<std::byte, 3072> drone_fast_2_heap_memory;
static_assert(drone::heap::PoolTables<drone_project::kFast2HeapLayout>::kArenaSize == 3072);
template <>
inline constexpr std::array<std::byte, 3072>& drone::heap::arena<drone_project::kFast2HeapLayout> =
    drone_fast_2_heap_memory;

#endif  // __arm__
)"));
  EXPECT_THAT(header, HasSubstr("#include \"drone/heap/storage.hpp\"\n"));
  Manifest in_ram = with_second_heap();
  in_ram.named_heaps[0].memory = "ram";
  EXPECT_THAT(header_text(in_ram), Not(HasSubstr("heap_memory")));
  EXPECT_THAT(header_text(in_ram), HasSubstr("kFast2HeapLayout"));
}

TEST(Header, NamesConstantsAfterTheHeap) {
  const auto prefix = [](const char* name) { return constant_prefix({.name = name}); };
  EXPECT_EQ(prefix(""), "kHeap");
  EXPECT_EQ(prefix("dtcm"), "kDtcmHeap");
  EXPECT_EQ(prefix("fast_ram"), "kFastRamHeap");
  EXPECT_EQ(prefix("sram_2_b_"), "kSram2BHeap");
}

TEST(MemoryText, MakesTheMemoryOfHeapsOutsideOfRam) {
  EXPECT_THAT(memory_text(with_second_heap()), EndsWith(R"(
/* The memory of [heap.fast_2]. Nothing is loaded into it, and nothing has to clear it. */
SECTIONS
{
  .drone_fast_2_heap_memory (NOLOAD) : ALIGN(64)
  {
    drone_fast_2_heap_memory = .;
    . += 0xc00;
  } > ccm
}
)"));
  Manifest main = example();
  main.heap.memory = "ccm";
  EXPECT_THAT(memory_text(main), HasSubstr("  .drone_heap_memory (NOLOAD) : ALIGN(64)\n"));
}

}  // namespace
}  // namespace drone::project
