// SPDX-License-Identifier: MIT
#include "project/header.hpp"

#include <fmt/format.h>

#include <string_view>

#include "support/error.hpp"

namespace drone::project {

std::string header_text(const Manifest& manifest) {
  if (manifest.heap.pools.empty()) {
    throw Error(ExitStatus::kInput, manifest.path.string() + ": \"heap\" is missing",
                "begin it with a line [heap]; `drone heap generate` prints one");
  }
  std::string pools;
  for (const heap::PoolSpec& pool : manifest.heap.pools) {
    pools += fmt::format("        {{{}, {}}},\n", pool.block_size, pool.capacity);
  }
  return fmt::format(
      "// Generated from Drone.toml by `drone print header`: do not edit.\n"
      "#pragma once\n"
      "\n"
      "#include <cstdint>\n"
      "\n"
      "#include \"drone/heap/layout.hpp\"\n"
      "\n"
      "namespace drone_project {{\n"
      "\n"
      "/// Pools as {{block size in bytes, number of blocks}}.\n"
      "inline constexpr drone::heap::Layout<{}> kHeapLayout{{\n"
      "    .size = {},\n"
      "    .alignment = {},\n"
      "    .pools = {{{{\n"
      "{}"
      "    }}}},\n"
      "}};\n"
      "\n"
      "/// What the trace's timestamps count.\n"
      "inline constexpr std::uint32_t kTraceClockKhz = {};\n"
      "\n"
      "}}  // namespace drone_project\n",
      manifest.heap.pools.size(), manifest.heap.size, manifest.heap.alignment, pools,
      (std::uint64_t{manifest.itm.clock} + 500) / 1000);
}

std::string memory_text(const Manifest& manifest) {
  std::string regions;
  for (const auto& [name, region] : manifest.memory) {
    const std::string_view access = name == "flash" ? " (rx)" : " (rwx)";
    regions += fmt::format("  {}{} : ORIGIN = {:#010x}, LENGTH = {:#x}\n", name, access,
                           region.origin, region.size);
  }
  return "/* Generated from Drone.toml by `drone print memory`: do not edit. */\n"
         "MEMORY\n{\n" +
         regions + "}\n";
}

}  // namespace drone::project
