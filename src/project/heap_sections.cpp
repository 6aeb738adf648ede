// SPDX-License-Identifier: MIT
#include "project/heap_sections.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <utility>

#include "drone/heap/layout.hpp"
#include "drone/heap/pool_spec.hpp"
#include "project/header.hpp"
#include "project/nearest.hpp"

namespace drone::project {
namespace {

constexpr std::uint64_t kMostBlocks = 0xFFFFFE;
constexpr unsigned kPortCount = 32;

constexpr auto kHeapKeys = std::to_array<std::string_view>(
    {"size", "alignment", "pools", "memory", "port", "checks", "statistics"});
constexpr auto kPoolKeys = std::to_array<std::string_view>({"block", "capacity"});
constexpr auto kCheckNames = std::to_array<std::pair<std::string_view, heap::Checks>>({
    {"off", heap::Checks::kOff},
    {"pointers", heap::Checks::kPointers},
    {"full", heap::Checks::kFull},
});

constexpr std::string_view kPoolExample = "{ block = \"32\", capacity = 10 }";

bool is_heap_key(std::string_view key) {
  return std::find(kHeapKeys.begin(), kHeapKeys.end(), key) != kHeapKeys.end();
}

/// `previous` is the pool before, null for the first.
heap::PoolSpec read_pool(const Section& pool, std::uint32_t alignment,
                         const heap::PoolSpec* previous) {
  const std::string hint = "a pool is written " + std::string(kPoolExample);
  const Node block_node = pool.require("block", hint);
  const Node capacity_node = pool.require("capacity", hint);
  const std::uint32_t block =
      pool.bytes(block_node, "block", "a multiple of the alignment, at most 4294967292");
  const std::uint32_t capacity =
      pool.integer(capacity_node, "capacity", "10",
                   "at least 1, and all pools together at most " + std::to_string(kMostBlocks));
  if (block == 0) {
    pool.fail(block_node, "a block of 0 bytes holds nothing",
              "the smallest is " + std::to_string(alignment));
  }
  if (block % alignment != 0) {
    const std::uint32_t below = block - block % alignment;
    const std::uint64_t above = std::uint64_t{below} + alignment;
    pool.fail(block_node,
              "block " + std::to_string(block) + " is no multiple of the alignment, " +
                  std::to_string(alignment),
              below == 0
                  ? "the nearest is " + std::to_string(above)
                  : "the nearest are " + std::to_string(below) + " and " + std::to_string(above));
  }
  if (capacity == 0) {
    pool.fail(capacity_node, "a pool of 0 blocks serves nothing",
              "give it at least 1, or leave the pool out");
  }
  if (previous != nullptr && block == previous->block_size) {
    pool.fail(block_node, "block " + std::to_string(block) + " stands twice",
              "one pool with the capacities added up does the same");
  }
  if (previous != nullptr && block < previous->block_size) {
    pool.fail(block_node,
              "block " + std::to_string(block) + " stands after block " +
                  std::to_string(previous->block_size),
              "sort the pools by block, the smallest first");
  }
  return {block, capacity};
}

std::uint64_t sum_blocks(const HeapSection& heap, bool is_guarded) {
  std::uint64_t used = 0;
  for (const heap::PoolSpec& pool : heap.pools) {
    const std::uint64_t bytes =
        std::uint64_t{heap::block_stride(pool.block_size, is_guarded)} * pool.capacity;
    // Two pools can take all of 64 bits.
    used += std::min(bytes, std::numeric_limits<std::uint64_t>::max() - used);
  }
  return used;
}

/// Reads `pools` into a heap whose size and alignment are known; if they are going to be replaced,
/// they need not suit them.
void read_pools(const Section& section, HeapSection& heap, bool are_replaced = false) {
  const std::string hint = "pools = [" + std::string(kPoolExample) + "]";
  const Node pools_node = section.require("pools", hint);
  const std::vector<Node> pools = section.list(pools_node, "pools", "a list of pools", hint);
  if (pools.empty()) section.fail(pools_node, "a heap needs at least one pool", hint);
  if (pools.size() > heap::kMaxPools) {
    section.fail(pools_node, "a heap has at most " + std::to_string(heap::kMaxPools) + " pools",
                 "there are " + std::to_string(pools.size()));
  }
  std::uint64_t blocks = 0;
  for (const Node& node : pools) {
    if (!node.is_table()) section.fail_type(node, "pools", "a list of pools", hint);
    const Section pool(node, section.name() + ".pools", section.file(), kPoolKeys);
    heap.pools.push_back(read_pool(pool, are_replaced ? 1 : heap.alignment,
                                   heap.pools.empty() ? nullptr : &heap.pools.back()));
    blocks += heap.pools.back().capacity;
  }
  const std::uint64_t used = pool_bytes(heap);
  if (used > heap.size && !are_replaced) {
    section.fail(pools_node,
                 "the pools take " + std::to_string(used) + " bytes, " +
                     std::to_string(used - heap.size) + " more than the heap's " +
                     std::to_string(heap.size),
                 "take blocks away, or set size to at least " + std::to_string(used));
  }
  if (blocks > kMostBlocks) {
    section.fail(pools_node,
                 "the pools have " + std::to_string(blocks) + " blocks, and a trace can number " +
                     std::to_string(kMostBlocks),
                 "fewer and larger blocks");
  }
}

heap::Checks read_checks(const Section& section, Node node) {
  const std::string name = section.text(node, "checks", "checks = \"pointers\"");
  std::vector<std::string_view> names;
  for (const auto& [known, checks] : kCheckNames) {
    if (name == known) return checks;
    names.push_back(known);
  }
  section.fail(node, "unknown checks " + in_quotes(name), "one of: " + join(names));
}

std::string_view checks_name(heap::Checks wanted) {
  const auto* const found =
      std::find_if(kCheckNames.begin(), kCheckNames.end(),
                   [wanted](const auto& known) { return known.second == wanted; });
  return found->first;
}

/// The region that a heap lies in, by name.
std::string read_region_name(const Section& section, Node node, const Manifest& manifest) {
  std::string name = section.text(node, "memory", "memory = \"ram\"");
  std::vector<std::string_view> regions;
  for (const auto& [region, extent] : manifest.memory) {
    if (region != "flash") regions.push_back(region);
  }
  if (name == "flash") {
    section.fail(node, "[memory.flash] cannot hold a heap: a program does not write there",
                 "there are: " + join(regions));
  }
  if (manifest.memory.count(name) == 0) {
    section.fail(node, "there is no [memory." + name + "]",
                 did_you_mean(name, regions,
                              "there are: " + join(regions) +
                                  "; another one is a table [memory.NAME] with origin and size"));
  }
  return name;
}

std::string port_hint(const std::vector<const HeapSection*>& others) {
  unsigned port = kPortCount;
  const auto is_taken = [&](unsigned number) {
    return std::any_of(others.begin(), others.end(),
                       [&](const HeapSection* other) { return other->port == number; });
  };
  while (port-- != 0) {
    if (!is_taken(port))
      return "every heap has an ITM port of its own: port = " + std::to_string(port);
  }
  return "the ITM has ports 0 to 31";
}

/// `others` are the heaps read before.
unsigned read_port(const Section& section, const HeapSection& heap,
                   const std::vector<const HeapSection*>& others) {
  const std::optional<Node> node = section.find("port");
  if (!node) {
    if (heap.name.empty()) return heap.port;
    section.fail_missing("port", port_hint(others));
  }
  const std::uint32_t port = section.integer(*node, "port", "31", "from 0 to 31");
  if (port >= kPortCount) {
    section.fail(*node, "there is no ITM port " + std::to_string(port), "from 0 to 31");
  }
  for (const HeapSection* const other : others) {
    if (other->port != port) continue;
    section.fail(*node,
                 "port " + std::to_string(port) + " is that of [" + section_name(*other) + "]",
                 port_hint(others));
  }
  return port;
}

void read_size(const Section& section, Node node, HeapSection& heap) {
  heap.size = section.bytes(node, "size", kAnySize);
  if (heap.size == 0) section.fail(node, "a heap of 0 bytes holds nothing", "size = \"10K\"");
}

void read_alignment(const Section& section, HeapSection& heap) {
  if (const auto node = section.find("alignment")) {
    constexpr std::string_view kPossible =
        "4 (the default) or 8; a single request can name up to 64 by itself";
    heap.alignment = section.bytes(*node, "alignment", kPossible);
    if (heap.alignment != 4 && heap.alignment != 8) {
      section.fail(*node, "alignment " + std::to_string(heap.alignment) + " is not possible",
                   std::string(kPossible));
    }
  }
}

HeapSection read_heap(const Section& section, std::string name, const Manifest& manifest,
                      const std::vector<const HeapSection*>& others,
                      std::optional<std::string_view> replaced) {
  HeapSection heap;
  heap.name = std::move(name);
  read_size(section, section.require("size", "for example size = \"10K\""), heap);
  read_alignment(section, heap);
  read_pools(section, heap, heap.name == replaced);
  if (const auto node = section.find("memory")) {
    heap.memory = read_region_name(section, *node, manifest);
  }
  heap.port = read_port(section, heap, others);
  if (const auto node = section.find("checks")) heap.options.checks = read_checks(section, *node);
  if (const auto node = section.find("statistics")) {
    heap.options.statistics = section.boolean(*node, "statistics");
  }
  return heap;
}

HeapSection read_bare_heap(const Section& section, std::string name) {
  HeapSection heap;
  heap.name = std::move(name);
  const std::optional<Node> size = section.find("size");
  heap.size = std::numeric_limits<std::uint32_t>::max();
  if (size) read_size(section, *size, heap);
  read_alignment(section, heap);
  read_pools(section, heap);
  if (section.find("port")) heap.port = read_port(section, heap, {});
  if (!size) heap.size = static_cast<std::uint32_t>(pool_bytes(heap));
  return heap;
}

/// What a heap needs of its region: what it may have by `size`, or more with guard words. Of pools
/// that are going to be replaced it is not known.
std::uint64_t room_for(const HeapSection& heap, std::optional<std::string_view> replaced) {
  if (heap.name == replaced) return heap.size;
  return std::max<std::uint64_t>(heap.size, memory_bytes(heap));
}

/// The heaps in a region must fit it, `heap` being the latest.
void check_room(const Section& section, const HeapSection& heap, const Manifest& manifest,
                std::optional<std::string_view> replaced) {
  const std::uint64_t room = manifest.memory.at(heap.memory).size;
  std::uint64_t taken = 0;
  for (const HeapSection* const each : all_heaps(manifest)) {
    if (each->memory == heap.memory) taken += room_for(*each, replaced);
  }
  if (taken <= room) return;
  const std::string region = "[memory." + heap.memory + "]";
  const std::string_view guarded =
      memory_bytes(heap) > heap.size ? " (checks = \"full\" adds to them)" : "";
  const std::string message =
      taken == room_for(heap, replaced)
          ? fmt::format("the heap's {} bytes{} are {} more than {} has", taken, guarded,
                        taken - room, region)
          : fmt::format("the heaps in {} take {} bytes together, {} more than it has", region,
                        taken, taken - room);
  section.fail(*section.find("size"), message,
               heap.memory == "ram"
                   ? fmt::format("the RAM's {} bytes also hold the stack and the variables", room)
                   : fmt::format("{} has {} bytes", region, room));
}

/// The heaps beside [heap], in the order of the file. Refuses keys that are neither heaps nor
/// known.
std::vector<Section::Entry> named_sections(const Section& heap) {
  std::vector<Section::Entry> named;
  for (const Section::Entry& entry : heap.entries()) {
    if (is_heap_key(entry.key)) {
      if (!entry.value.is_table()) continue;
      heap.fail(entry.place, in_quotes(entry.key) + " cannot name a heap: it is a key of [heap]",
                "name it otherwise: [heap." + entry.key + "_heap]");
    }
    if (!entry.value.is_table()) heap.fail_unknown(entry, kHeapKeys);
    const auto is_lower = [](char c) { return c >= 'a' && c <= 'z'; };
    const auto is_possible = [&](char c) {
      return is_lower(c) || (c >= '0' && c <= '9') || c == '_';
    };
    if (entry.key.empty() || !is_lower(entry.key.front()) ||
        !std::all_of(entry.key.begin(), entry.key.end(), is_possible)) {
      heap.fail(entry.place, in_quotes(entry.key) + " cannot name a heap",
                "a to z, digits and _ only, beginning with a letter: [heap.dtcm]");
    }
    named.push_back(entry);
  }
  std::sort(named.begin(), named.end(),
            [](const auto& a, const auto& b) { return a.place < b.place; });
  return named;
}

}  // namespace

void read_heaps(const Section& root, Manifest& manifest, std::optional<std::string_view> replaced) {
  // A project whose allocator is only traced (docs/adopting.md) has none.
  if (!root.find("heap")) return;
  const Section main = root.section("heap", {}, "begin it with a line [heap]");
  const std::vector<Section::Entry> named = named_sections(main);
  const std::vector<Section::Entry> entries = main.entries();
  if (!named.empty() && entries.size() == named.size()) {
    main.fail(named.front().place,
              "[heap] is missing: [heap." + named.front().key + "] is a heap beside it",
              "the heap behind new and malloc is [heap]: write that section, too, or only that");
  }
  manifest.heap = read_heap(main, {}, manifest, {}, replaced);
  check_room(main, manifest.heap, manifest, replaced);
  for (const Section::Entry& entry : named) {
    const Section section = main.section(entry.key, kHeapKeys, {});
    HeapSection heap = read_heap(section, entry.key, manifest, all_heaps(manifest), replaced);
    for (const HeapSection& other : manifest.named_heaps) {
      if (constant_prefix(other) != constant_prefix(heap)) continue;
      main.fail(entry.place,
                fmt::format("[{}] and [{}] would both be {}Layout in the program",
                            section_name(other), section_name(heap), constant_prefix(heap)),
                "name one of them otherwise");
    }
    manifest.named_heaps.push_back(std::move(heap));
    check_room(section, manifest.named_heaps.back(), manifest, replaced);
  }
}

std::vector<HeapSection> read_bare_heaps(const Section& root) {
  const Section main = root.section("heap", {}, "begin it with a line [heap]");
  const std::vector<Section::Entry> named = named_sections(main);
  std::vector<HeapSection> heaps;
  if (named.empty() || main.entries().size() != named.size()) {
    heaps.push_back(read_bare_heap(main, {}));
  }
  for (const Section::Entry& entry : named) {
    heaps.push_back(read_bare_heap(main.section(entry.key, kHeapKeys, {}), entry.key));
  }
  return heaps;
}

std::vector<const HeapSection*> all_heaps(const Manifest& manifest) {
  std::vector<const HeapSection*> heaps{&manifest.heap};
  for (const HeapSection& heap : manifest.named_heaps) heaps.push_back(&heap);
  return heaps;
}

std::string section_name(const HeapSection& heap) {
  return heap.name.empty() ? "heap" : "heap." + heap.name;
}

std::string trace_file_name(const HeapSection& heap) {
  return heap.name.empty() ? "heaptrace" : heap.name + ".heaptrace";
}

std::string heap_settings(const HeapSection& heap) {
  const HeapSection usual;
  std::string lines;
  if (heap.memory != usual.memory) lines += fmt::format("memory = \"{}\"\n", heap.memory);
  if (heap.port != usual.port || !heap.name.empty()) lines += fmt::format("port = {}\n", heap.port);
  if (heap.options.checks != usual.options.checks) {
    lines += fmt::format("checks = \"{}\"\n", checks_name(heap.options.checks));
  }
  if (heap.options.statistics != usual.options.statistics) {
    lines += fmt::format("statistics = {}\n", heap.options.statistics);
  }
  return lines;
}

std::uint64_t pool_bytes(const HeapSection& heap) { return sum_blocks(heap, false); }

std::uint64_t memory_bytes(const HeapSection& heap) {
  return sum_blocks(heap, heap.options.checks == heap::Checks::kFull);
}

}  // namespace drone::project
