// SPDX-License-Identifier: MIT
#pragma once

// What the tests of `drone heap` and its subcommands begin with: a folder, small traces in it, and
// the command run there.

#include "cli/command_line.hpp"
#include "support/test_bytes.hpp"
#include "support/test_folder.hpp"

namespace drone::cli {

using drone::test::bytes_of;
using drone::test::TestFolder;
using test::Outcome;
using test::run;

/// VERSION, blocks 0 and 1 of 12 bytes that stay, END.
inline constexpr const char* kTwoOf12 =
    "FB 07 01 00 00  FB 01 00 30 00  FB 09 00 30 00  FB FF 00 00 00";
/// The same of a heap that says its size: 4096 and 8192 bytes.
inline constexpr const char* kTwoOf12In4K =
    "FB 07 01 00 00  FB 57 00 10 00  FB 01 00 30 00  FB 09 00 30 00  FB FF 00 00 00";
inline constexpr const char* kTwoOf12In8K =
    "FB 07 01 00 00  FB 57 00 20 00  FB 01 00 30 00  FB 09 00 30 00  FB FF 00 00 00";
/// VERSION, block 0 of 12 bytes, allocated three times; a failed request of 512 bytes; END.
inline constexpr const char* kThreeTimes12 =
    "FB 07 01 00 00  FB 01 00 30 00  FA 00 00  FB 01 00 30 00  FA 00 00  FB 01 00 30 00"
    "  FB F9 FF 03 08  FB FF 00 00 00";
/// VERSION, block 0 of 1024 bytes, END.
inline constexpr const char* kOneKilobyte = "FB 07 01 00 00  FB 01 00 00 10  FB FF 00 00 00";

/// What a Drone.toml has to say beside its heaps.
inline constexpr const char* kBesideHeaps =
    "[memory.flash]\norigin = 0x08000000\nsize = \"512K\"\n"
    "[memory.ram]\norigin = 0x20000000\nsize = \"128K\"\n"
    "[itm]\nclock = 84000000\n";

}  // namespace drone::cli
