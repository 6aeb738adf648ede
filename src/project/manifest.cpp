// SPDX-License-Identifier: MIT
// toml++ 3.3 meets some malformed text (a line "[.") with an assertion, and in an optimised build
// with an assumption that the compiler may rely on. In this file, its only user, both are checks.
#undef NDEBUG
namespace {
struct MalformedToml {};
}  // namespace
#define TOML_ASSERT(expr)               \
  do {                                  \
    if (!(expr)) throw MalformedToml(); \
  } while (false)
#include "project/manifest.hpp"

#pragma GCC diagnostic push
#if defined(__GNUC__) && !defined(__clang__)
// Assertions about the tree, in functions that are noexcept, end the program as assertions do;
// those about the text, in the parser, can be caught.
#pragma GCC diagnostic ignored "-Wterminate"
#endif
#include <toml++/toml.h>
#pragma GCC diagnostic pop

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <utility>

#include "drone/cortex_m/swo_rate.hpp"
#include "drone/heap/layout.hpp"
#include "project/devices.hpp"
#include "project/nearest.hpp"
#include "support/byte_stream.hpp"
#include "support/error.hpp"

namespace drone::project {
namespace {

constexpr std::uint64_t kAddressSpace = std::uint64_t{1} << 32U;
constexpr std::uint64_t kMostBlocks = 0xFFFFFE;

constexpr auto kProbeInterfaces = std::to_array<ProbeInterfaceInfo>({
    {ProbeInterface::kEmulator, "emulator", "an emulated Cortex-M; needs no hardware", true},
    {ProbeInterface::kOpenOcd, "openocd", "any probe that OpenOCD drives", false},
    {ProbeInterface::kBlackMagic, "bmp", "a Black Magic Probe", false},
    {ProbeInterface::kJLink, "jlink", "a SEGGER J-Link", false},
});

constexpr std::string_view kAnyWhole = "from 0 to 4294967295";
constexpr std::string_view kAnySize = "from 1 to 4294967295 bytes";

std::string in_quotes(std::string_view text) { return '"' + std::string(text) + '"'; }

/// What is to be read from one table: knows the table's place in the file, and which keys it may
/// have.
class Section {
 public:
  Section(const toml::table& table, std::string name, std::string file,
          std::span<const std::string_view> known = {})
      : table_(table), name_(std::move(name)), file_(std::move(file)) {
    if (known.empty()) return;
    for (const auto& [key, node] : table_) {
      if (std::find(known.begin(), known.end(), key.str()) != known.end()) continue;
      fail(key.source(), "unknown key " + in_quotes(key.str()) + in(),
           did_you_mean(key.str(), known, "known here: " + join(known)));
    }
  }

  const toml::table& table() const { return table_; }
  const std::string& name() const { return name_; }
  const std::string& file() const { return file_; }

  [[noreturn]] void fail(const toml::source_region& where, const std::string& message,
                         std::string hint) const {
    throw Error(ExitStatus::kInput,
                file_ + ':' + std::to_string(where.begin.line) + ':' +
                    std::to_string(where.begin.column) + ": " + message,
                std::move(hint));
  }
  [[noreturn]] void fail(const toml::node& where, const std::string& message,
                         std::string hint) const {
    fail(where.source(), message, std::move(hint));
  }
  [[noreturn]] void fail_missing(std::string_view key, std::string hint) const {
    // The root table has no place of its own.
    toml::source_region where = table_.source();
    if (where.begin.line == 0) where.begin = {1, 1};
    fail(where, in_quotes(key) + " is missing" + in(), std::move(hint));
  }
  [[noreturn]] void fail_type(const toml::node& node, std::string_view key, std::string_view wanted,
                              std::string hint) const {
    fail(node,
         in_quotes(key) + in() + " must be " + std::string(wanted) + ", not " + type_name(node),
         std::move(hint));
  }

  const toml::node* find(std::string_view key) const { return table_.get(key); }
  const toml::node& require(std::string_view key, std::string hint) const {
    const toml::node* node = find(key);
    if (node == nullptr) fail_missing(key, std::move(hint));
    return *node;
  }

  /// A number of bytes: an integer, or text that parse_size reads.
  /// `range` says what is possible to who goes below 0 or beyond 32 bits.
  std::uint32_t bytes(const toml::node& node, std::string_view key,
                      std::string_view range = kAnyWhole) const {
    if (const auto* text = node.as_string()) {
      try {
        return parse_size(text->get());
      } catch (const Error& error) {
        fail(node, in_quotes(key) + ": " + error.message(), error.hint());
      }
    }
    return whole(node, key, "a size", "bytes, as a number or as text: 10240, \"10K\"", range);
  }

  /// `example` is a value that is possible, `range` as for bytes().
  std::uint32_t integer(const toml::node& node, std::string_view key, std::string_view example,
                        std::string_view range) const {
    return whole(node, key, "a whole number",
                 "digits without quotes: " + std::string(key) + " = " + std::string(example),
                 range);
  }

  std::string text(const toml::node& node, std::string_view key, const std::string& hint) const {
    const auto* text = node.as_string();
    if (text == nullptr) fail_type(node, key, "text in double quotes", hint);
    return text->get();
  }

  bool boolean(const toml::node& node, std::string_view key) const {
    const auto* value = node.as_boolean();
    if (value == nullptr)
      fail_type(node, key, "true or false", "without quotes: " + std::string(key) + " = true");
    return value->get();
  }

  Section section(std::string_view key, std::span<const std::string_view> known,
                  const std::string& hint) const {
    const toml::node& node = require(key, hint);
    const std::string name = name_.empty() ? std::string(key) : name_ + '.' + std::string(key);
    const toml::table* table = node.as_table();
    if (table == nullptr) fail_type(node, key, "a table", "begin it with a line [" + name + "]");
    return Section(*table, name, file_, known);
  }

 private:
  std::string in() const { return name_.empty() ? std::string() : " in [" + name_ + ']'; }

  std::uint32_t whole(const toml::node& node, std::string_view key, std::string_view wanted,
                      std::string hint, std::string_view range) const {
    const auto* number = node.as_integer();
    if (number == nullptr) fail_type(node, key, wanted, std::move(hint));
    const std::int64_t value = number->get();
    if (value < 0 || value > std::numeric_limits<std::uint32_t>::max()) {
      fail(node, in_quotes(key) + " is out of range: " + std::to_string(value), std::string(range));
    }
    return static_cast<std::uint32_t>(value);
  }

  static std::string type_name(const toml::node& node) {
    switch (node.type()) {
      case toml::node_type::table:
        return "a table";
      case toml::node_type::array:
        return "a list";
      case toml::node_type::string:
        return "text";
      case toml::node_type::integer:
        return "a whole number";
      case toml::node_type::floating_point:
        return "a number with a fraction";
      case toml::node_type::boolean:
        return "true or false";
      default:
        return "a date or time";
    }
  }

  const toml::table& table_;
  std::string name_;  // as in the file, without brackets; empty for the file as a whole
  std::string file_;
};

constexpr auto kRootKeys =
    std::to_array<std::string_view>({"device", "heap", "memory", "probe", "itm"});
constexpr auto kHeapKeys = std::to_array<std::string_view>({"size", "alignment", "pools"});
constexpr auto kPoolKeys = std::to_array<std::string_view>({"block", "capacity"});
constexpr auto kRegionKeys = std::to_array<std::string_view>({"origin", "size"});
constexpr auto kProbeKeys = std::to_array<std::string_view>({"interface"});
constexpr auto kItmKeys = std::to_array<std::string_view>({"baud", "clock", "timestamps"});

constexpr std::string_view kPoolExample = "{ block = \"32\", capacity = 10 }";

void read_device(const Section& root, Manifest& manifest) {
  // A Cortex-M4 runs whatever a Cortex-M3 does.
  manifest.core = "cortex-m4";
  const toml::node* node = root.find("device");
  if (node == nullptr) return;
  manifest.device = root.text(*node, "device", "device = \"stm32f407vg\"");
  const Device* device = find_device(manifest.device);
  if (device == nullptr) {
    root.fail(*node, "unknown device " + in_quotes(manifest.device),
              unknown_device_hint(manifest.device));
  }
  manifest.core = device->core;
}

/// `previous` is the pool before, null for the first.
heap::PoolSpec read_pool(const Section& pool, std::uint32_t alignment,
                         const heap::PoolSpec* previous) {
  const std::string hint = "a pool is written " + std::string(kPoolExample);
  const toml::node& block_node = pool.require("block", hint);
  const toml::node& capacity_node = pool.require("capacity", hint);
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

HeapSection read_heap(const Section& root) {
  const Section section = root.section("heap", kHeapKeys, "begin it with a line [heap]");
  HeapSection heap;
  const toml::node& size_node = section.require("size", "for example size = \"10K\"");
  heap.size = section.bytes(size_node, "size", kAnySize);
  if (heap.size == 0) section.fail(size_node, "a heap of 0 bytes holds nothing", "size = \"10K\"");
  if (const toml::node* node = section.find("alignment")) {
    constexpr std::string_view kPossible =
        "4 (the default) or 8; a single request can name up to 64 by itself";
    heap.alignment = section.bytes(*node, "alignment", kPossible);
    if (heap.alignment != 4 && heap.alignment != 8) {
      section.fail(*node, "alignment " + std::to_string(heap.alignment) + " is not possible",
                   std::string(kPossible));
    }
  }

  const std::string hint = "pools = [" + std::string(kPoolExample) + "]";
  const toml::node& pools_node = section.require("pools", hint);
  const toml::array* pools = pools_node.as_array();
  if (pools == nullptr) section.fail_type(pools_node, "pools", "a list of pools", hint);
  if (pools->empty()) section.fail(pools_node, "a heap needs at least one pool", hint);
  if (pools->size() > heap::kMaxPools) {
    section.fail(pools_node, "a heap has at most " + std::to_string(heap::kMaxPools) + " pools",
                 "there are " + std::to_string(pools->size()));
  }
  std::uint64_t used = 0;
  std::uint64_t blocks = 0;
  for (const toml::node& node : *pools) {
    const toml::table* table = node.as_table();
    if (table == nullptr) section.fail_type(node, "pools", "a list of pools", hint);
    const Section pool(*table, "heap.pools", section.file(), kPoolKeys);
    heap.pools.push_back(
        read_pool(pool, heap.alignment, heap.pools.empty() ? nullptr : &heap.pools.back()));
    blocks += heap.pools.back().capacity;
    const std::uint64_t bytes =
        std::uint64_t{heap.pools.back().block_size} * heap.pools.back().capacity;
    // Two pools can take all of 64 bits.
    used += std::min(bytes, std::numeric_limits<std::uint64_t>::max() - used);
  }
  if (used > heap.size) {
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
  return heap;
}

bool is_region_name(std::string_view name) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !name.empty() && is_letter(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

MemoryRegion read_region(const Section& section) {
  MemoryRegion region;
  const toml::node& origin = section.require("origin", "for example origin = 0x20000000");
  const toml::node& size = section.require("size", "for example size = \"128K\"");
  region.origin = section.bytes(origin, "origin");
  region.size = section.bytes(size, "size", kAnySize);
  if (region.origin % 4 != 0) {
    section.fail(origin, "\"origin\" is no multiple of 4", "memory begins at a whole word");
  }
  if (region.size == 0) section.fail(size, "a memory of 0 bytes", "for example size = \"128K\"");
  if (std::uint64_t{region.origin} + region.size > kAddressSpace) {
    section.fail(size, "[" + section.name() + "] ends beyond the 32-bit address space",
                 "the most is " + std::to_string(kAddressSpace - region.origin) + " bytes");
  }
  return region;
}

void read_memory(const Section& root, Manifest& manifest) {
  // Any name may stand in [memory]: each becomes a region of the linker's.
  const Section memory =
      root.section("memory", {}, "write a table [memory.flash] and a table [memory.ram]");
  for (const auto& [key, node] : memory.table()) {
    const std::string name(key.str());
    if (!is_region_name(name)) {
      memory.fail(key.source(), in_quotes(name) + " cannot name a memory region",
                  "letters, digits and _ only, beginning with a letter");
    }
    const Section section = memory.section(name, kRegionKeys, {});
    const MemoryRegion region = read_region(section);
    for (const auto& [other_name, other] : manifest.memory) {
      if (region.origin < std::uint64_t{other.origin} + other.size &&
          other.origin < std::uint64_t{region.origin} + region.size) {
        std::string message = "[memory.";
        message.append(name).append("] overlaps [memory.").append(other_name).append("]");
        section.fail(section.table(), message, "check origin and size of both");
      }
    }
    manifest.memory.emplace(name, region);
  }
  for (const char* name : {"flash", "ram"}) {
    if (manifest.memory.count(name) == 0) {
      memory.fail_missing(name,
                          "write a table [memory." + std::string(name) + "] with origin and size");
    }
  }
}

ProbeSection read_probe(const Section& root) {
  ProbeSection probe;
  if (root.find("probe") == nullptr) return probe;
  const Section section = root.section("probe", kProbeKeys, {});
  const toml::node* node = section.find("interface");
  if (node == nullptr) return probe;
  std::vector<std::string_view> names;
  names.reserve(kProbeInterfaces.size());
  for (const ProbeInterfaceInfo& info : kProbeInterfaces) names.push_back(info.name);
  const std::string name = section.text(*node, "interface", "interface = \"emulator\"");
  const auto info = std::find_if(kProbeInterfaces.begin(), kProbeInterfaces.end(),
                                 [&](const auto& known) { return known.name == name; });
  if (info == kProbeInterfaces.end()) {
    section.fail(*node, "unknown probe interface " + in_quotes(name), "one of: " + join(names));
  }
  probe.interface = info->interface;
  return probe;
}

/// The lowest rate that a trace clock can make.
std::uint32_t least_baud(std::uint32_t clock_hz) {
  std::uint32_t baud = std::max(clock_hz / cortex_m::kMaxSwoDivisor, 1U);
  // The tolerance admits rates a little below what the largest divisor gives.
  while (baud > 1 && makes_baud(clock_hz, baud - 1)) --baud;
  while (!makes_baud(clock_hz, baud)) ++baud;
  return baud;
}

ItmSection read_itm(const Section& root) {
  const Section section =
      root.section("itm", kItmKeys, "write a table [itm] with clock, the trace clock in Hz");
  ItmSection itm;
  const toml::node& clock_node =
      section.require("clock", "the trace clock in Hz: clock = 16_000_000");
  itm.clock = section.integer(clock_node, "clock", "16_000_000", "from 1 to 4294967295 Hz");
  if (itm.clock == 0)
    section.fail(clock_node, "a clock of 0 Hz stands still", "clock = 16_000_000");
  const toml::node* baud_node = section.find("baud");
  if (baud_node != nullptr) {
    itm.baud = section.integer(*baud_node, "baud", "2_000_000", "from 1 to 4294967295");
  }
  if (makes_baud(itm.clock, itm.baud)) {
    if (const toml::node* node = section.find("timestamps")) {
      itm.timestamps = section.boolean(*node, "timestamps");
    }
    return itm;
  }
  const std::uint32_t slowest = least_baud(itm.clock);
  if (itm.baud < slowest) {
    section.fail(*baud_node,
                 "a trace clock of " + std::to_string(itm.clock) + " Hz cannot be divided to " +
                     std::to_string(itm.baud) + " baud",
                 "baud is at least " + std::to_string(slowest) +
                     ": the trace port divides by at most " +
                     std::to_string(cortex_m::kMaxSwoDivisor));
  }
  if (itm.baud > itm.clock) {
    section.fail(baud_node == nullptr ? clock_node : *baud_node,
                 "a trace clock of " + std::to_string(itm.clock) + " Hz is too slow for " +
                     std::to_string(itm.baud) + " baud" +
                     (baud_node == nullptr ? ", the default" : ""),
                 "the clock, in Hz, is at least " + std::to_string(itm.baud) +
                     " for that; with this one, baud is at most " + std::to_string(itm.clock));
  }
  const std::uint32_t divider = std::clamp(itm.clock / itm.baud, 1U, cortex_m::kMaxSwoDivisor);
  std::string nearest = std::to_string(itm.clock / divider);
  if (itm.baud < itm.clock && divider < cortex_m::kMaxSwoDivisor) {
    nearest += " and " + std::to_string(itm.clock / (divider + 1));
  }
  section.fail(baud_node == nullptr ? clock_node : *baud_node,
               "a trace clock of " + std::to_string(itm.clock) + " Hz does not divide to " +
                   std::to_string(itm.baud) + " baud within " +
                   std::to_string(cortex_m::kSwoTolerancePercent) + " %",
               "the nearest: " + nearest);
}

bool is_malformed(std::string_view text) {
  try {
    static_cast<void>(toml::parse(text));
  } catch (const MalformedToml&) {
    return true;
  } catch (const toml::parse_error&) {
  }
  return false;
}

/// The number of the line with which a text becomes malformed. Text is read from front to back, so
/// whatever contains that line is malformed, and what ends before it is not.
std::size_t malformed_line(std::string_view text) {
  std::vector<std::size_t> ends;
  for (std::size_t at = text.find('\n'); at != std::string_view::npos;
       at = text.find('\n', at + 1)) {
    ends.push_back(at + 1);
  }
  const auto first = std::partition_point(ends.begin(), ends.end(), [&](std::size_t end) {
    return !is_malformed(text.substr(0, end));
  });
  return static_cast<std::size_t>(first - ends.begin()) + 1;
}

/// What to do about a mistake that the TOML library describes so.
std::string syntax_hint(std::string_view description) {
  const auto says = [&](std::string_view words) {
    return description.find(words) != std::string_view::npos;
  };
  if (says("redefine") || says("already")) return "a key or table stands in its place once only";
  if (says("not representable")) return "the largest number is 4294967295";
  if (says("UTF-8") || says("utf-8")) return "save the file as UTF-8";
  return "tables begin with a line [name], values are written key = value, text stands in double "
         "quotes";
}

/// UTF-16, by its byte order mark or by the zeros that ASCII text has in it.
bool is_utf16(std::string_view text) {
  return text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff") ||
         (text.size() >= 2 && (text[0] == '\0') != (text[1] == '\0'));
}

toml::table parse_toml(std::string_view text, const std::string& file) {
  if (is_utf16(text)) {
    throw Error(ExitStatus::kInput, file + ":1:1: this is UTF-16", "save the file as UTF-8");
  }
  try {
    return toml::parse(text, file);
  } catch (const toml::parse_error& error) {
    const toml::source_position at = error.source().begin;
    throw Error(ExitStatus::kInput,
                file + ':' + std::to_string(at.line) + ':' + std::to_string(at.column) + ": " +
                    std::string(error.description()),
                syntax_hint(error.description()));
  } catch (const MalformedToml&) {
    throw Error(ExitStatus::kInput,
                file + ':' + std::to_string(malformed_line(text)) + ":1: malformed line",
                syntax_hint({}));
  }
}

std::string display_name(const std::filesystem::path& path) {
  std::error_code error;
  const std::filesystem::path near = std::filesystem::proximate(path, error);
  if (error || near.empty() || *near.begin() == "..") return path.string();
  return near.string();
}

}  // namespace

std::span<const ProbeInterfaceInfo> probe_interfaces() { return kProbeInterfaces; }

bool makes_baud(std::uint32_t clock_hz, std::uint32_t baud) {
  if (baud == 0) return false;
  return cortex_m::makes_swo_baud(clock_hz, baud, cortex_m::nearest_swo_divisor(clock_hz, baud));
}

std::optional<std::filesystem::path> find_manifest(const std::filesystem::path& directory) {
  std::filesystem::path folder = std::filesystem::absolute(directory).lexically_normal();
  for (;;) {
    std::error_code error;
    std::filesystem::path path = folder / kManifestName;
    if (std::filesystem::is_regular_file(path, error)) return path;
    if (!folder.has_relative_path()) return std::nullopt;
    folder = folder.parent_path();
  }
}

Manifest load_manifest(const std::filesystem::path& path) {
  Manifest manifest = parse_manifest(read_file(path), display_name(path));
  manifest.path = path;
  return manifest;
}

Manifest parse_manifest(std::string_view text, const std::filesystem::path& path) {
  Manifest manifest;
  manifest.path = path;
  const toml::table table = parse_toml(text, path.string());
  const Section root(table, {}, path.string(), kRootKeys);
  read_device(root, manifest);
  read_memory(root, manifest);
  if (root.find("heap") != nullptr) manifest.heap = read_heap(root);
  manifest.probe = read_probe(root);
  manifest.itm = read_itm(root);
  const std::uint32_t ram = manifest.memory.at("ram").size;
  if (manifest.heap.size > ram) {
    const Section heap = root.section("heap", {}, {});
    heap.fail(*heap.find("size"),
              "the heap's " + std::to_string(manifest.heap.size) + " bytes are " +
                  std::to_string(manifest.heap.size - ram) + " more than [memory.ram] has",
              "the RAM's " + std::to_string(ram) + " bytes also hold the stack and the variables");
  }
  return manifest;
}

}  // namespace drone::project
