// SPDX-License-Identifier: MIT
#pragma once

// drone-board's command line.

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "board/cpu.hpp"

namespace drone::board {

struct Options {
  CoreKind core = CoreKind::kCortexM4;
  std::vector<MemoryRegion> regions;  ///< the flash first
  std::uint32_t clock_hz = 0;
  bool real_time = true;
  std::string gdb;  ///< where to serve debuggers; empty: nowhere
  bool start_halted = false;
  bool help = false;
  std::filesystem::path elf;
};

inline constexpr std::string_view kUsage =
    "usage: drone-board [--core cortex-m3|cortex-m4] --memory NAME:ORIGIN:SIZE...\n"
    "                   --clock HZ [--speed real|max] [--gdb PATH|tcp:PORT] [--halt] ELF\n"
    "\n"
    "Runs the firmware ELF on an emulated board. What its SWO pin sends goes to stdout.\n"
    "\n"
    "  --core     the processor (cortex-m4)\n"
    "  --memory   a memory; the first one is the flash and read-only to the program.\n"
    "             Numbers are decimal or 0x, sizes may end in K or M\n"
    "  --clock    processor cycles, and so instructions, a second\n"
    "  --speed    real: at the pace of that clock (default); max: as fast as it goes\n"
    "  --gdb      serve debuggers at this socket\n"
    "  --halt     wait at the reset vector until a debugger continues\n";

/// `arguments` without the program's name. Throws Error (kUsage).
Options parse_options(std::span<const char* const> arguments);

}  // namespace drone::board
