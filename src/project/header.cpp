// SPDX-License-Identifier: MIT
#include "project/header.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "drone/heap/pool_spec.hpp"
#include "support/error.hpp"

namespace drone::project {
namespace {

bool has_own_memory(const HeapSection& heap) { return heap.memory != "ram"; }

/// The name of a heap's memory for compiler and linker.
std::string memory_symbol(const HeapSection& heap) {
  return heap.name.empty() ? "drone_heap_memory" : "drone_" + heap.name + "_heap_memory";
}

std::string_view checks_constant(heap::Checks checks) {
  switch (checks) {
    case heap::Checks::kOff:
      return "kOff";
    case heap::Checks::kFull:
      return "kFull";
    case heap::Checks::kPointers:
      break;
  }
  return "kPointers";
}

std::string heap_constants(const HeapSection& heap) {
  std::string pools;
  for (const heap::PoolSpec& pool : heap.pools) {
    pools += fmt::format("        {{{}, {}}},\n", pool.block_size, pool.capacity);
  }
  return fmt::format(
      "/// [{0}]: pools as {{block size in bytes, number of blocks}}.\n"
      "inline constexpr drone::heap::Layout<{2}> {1}Layout{{\n"
      "    .size = {3},\n"
      "    .alignment = {4},\n"
      "    .pools = {{{{\n"
      "{5}"
      "    }}}},\n"
      "    .options = {{.checks = drone::heap::Checks::{7}, .statistics = {8}}},\n"
      "}};\n"
      "/// The stimulus port of its trace.\n"
      "inline constexpr unsigned {1}TracePort = {6};\n"
      "\n",
      section_name(heap), constant_prefix(heap), heap.pools.size(), heap.size, heap.alignment,
      pools, heap.port, checks_constant(heap.options.checks), heap.options.statistics);
}

/// Where the memory of a heap outside of "ram" is.
std::string heap_memory(const HeapSection& heap) {
  const std::string array = fmt::format("std::array<std::byte, {}>", memory_bytes(heap));
  return fmt::format(
      "\n"
      "// [{0}] lies in [memory.{1}], where memory.ld makes its memory.\n"
      "extern \"C\" alignas(drone::heap::kMaxAlignment) {2} {3};\n"
      "static_assert(drone::heap::PoolTables<drone_project::{4}Layout>::kArenaSize == {5});\n"
      "template <>\n"
      "inline constexpr {2}& drone::heap::arena<drone_project::{4}Layout> =\n"
      "    {3};\n",
      section_name(heap), heap.memory, array, memory_symbol(heap), constant_prefix(heap),
      memory_bytes(heap));
}

}  // namespace

std::string constant_prefix(const HeapSection& heap) {
  std::string prefix = "k";
  bool begins_word = true;
  for (const char c : heap.name) {
    if (c == '_') {
      begins_word = true;
      continue;
    }
    const bool is_letter = c >= 'a' && c <= 'z';
    prefix += begins_word && is_letter ? static_cast<char>(c - 'a' + 'A') : c;
    begins_word = false;
  }
  return prefix + "Heap";
}

std::string header_text(const Manifest& manifest) {
  if (manifest.heap.pools.empty()) {
    throw Error(ExitStatus::kInput, manifest.path.string() + ": \"heap\" is missing",
                "begin it with a line [heap]; `drone heap generate` prints one");
  }
  std::string constants;
  std::string memory;
  for (const HeapSection* const heap : all_heaps(manifest)) {
    constants += heap_constants(*heap);
    if (has_own_memory(*heap)) memory += heap_memory(*heap);
  }
  std::string text =
      "// Generated from Drone.toml by `drone print header`: do not edit.\n"
      "#pragma once\n"
      "\n";
  if (!memory.empty()) text += "#include <array>\n#include <cstddef>\n";
  text +=
      "#include <cstdint>\n"
      "\n"
      "#include \"drone/heap/layout.hpp\"\n";
  if (!memory.empty()) text += "#include \"drone/heap/storage.hpp\"\n";
  text += fmt::format(
      "\n"
      "namespace drone_project {{\n"
      "\n"
      "{}"
      "/// What the traces' timestamps count.\n"
      "inline constexpr std::uint32_t kTraceClockKhz = {};\n"
      "\n"
      "}}  // namespace drone_project\n",
      constants, (std::uint64_t{manifest.itm.clock} + 500) / 1000);
  if (!memory.empty()) {
    text +=
        "\n"
        "// On another machine, where tests run, every heap is a variable.\n"
        "#ifdef __arm__\n" +
        memory + "\n#endif  // __arm__\n";
  }
  return text;
}

std::string memory_text(const Manifest& manifest) {
  std::string text =
      "/* Generated from Drone.toml by `drone print memory`: do not edit. */\n"
      "MEMORY\n{\n";
  for (const auto& [name, region] : manifest.memory) {
    const std::string_view access = name == "flash" ? " (rx)" : " (rwx)";
    text += fmt::format("  {}{} : ORIGIN = {:#010x}, LENGTH = {:#x}\n", name, access, region.origin,
                        region.size);
  }
  text += "}\n";
  for (const HeapSection* const heap : all_heaps(manifest)) {
    if (!has_own_memory(*heap)) continue;
    text += fmt::format(
        "\n"
        "/* The memory of [{0}]. Nothing is loaded into it, and nothing has to clear it. */\n"
        "SECTIONS\n{{\n"
        "  .{1} (NOLOAD) : ALIGN({2})\n  {{\n"
        "    {1} = .;\n"
        "    . += {3:#x};\n"
        "  }} > {4}\n"
        "}}\n",
        section_name(*heap), memory_symbol(*heap), heap::kMaxAlignment, memory_bytes(*heap),
        heap->memory);
  }
  return text;
}

}  // namespace drone::project
