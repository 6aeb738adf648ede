// SPDX-License-Identifier: MIT
#include "project/manifest.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "drone/cortex_m/swo_rate.hpp"
#include "project/devices.hpp"
#include "project/heap_sections.hpp"
#include "project/nearest.hpp"
#include "project/section.hpp"
#include "support/byte_stream.hpp"
#include "support/error.hpp"

namespace drone::project {
namespace {

constexpr std::uint64_t kAddressSpace = std::uint64_t{1} << 32U;

constexpr auto kProbeInterfaces = std::to_array<ProbeInterfaceInfo>({
    {ProbeInterface::kEmulator, "emulator", "an emulated Cortex-M; needs no hardware", true},
    {ProbeInterface::kOpenOcd, "openocd", "any probe that OpenOCD drives", false},
    {ProbeInterface::kBlackMagic, "bmp", "a Black Magic Probe", false},
    {ProbeInterface::kJLink, "jlink", "a SEGGER J-Link", false},
});
constexpr auto kRootKeys =
    std::to_array<std::string_view>({"device", "heap", "memory", "probe", "itm"});
constexpr auto kRegionKeys = std::to_array<std::string_view>({"origin", "size"});
constexpr auto kProbeKeys = std::to_array<std::string_view>({"interface"});
constexpr auto kItmKeys = std::to_array<std::string_view>({"baud", "clock", "timestamps"});
void read_device(const Section& root, Manifest& manifest) {
  // A Cortex-M4 runs whatever a Cortex-M3 does.
  manifest.core = "cortex-m4";
  const std::optional<Node> node = root.find("device");
  if (!node) return;
  manifest.device = root.text(*node, "device", "device = \"stm32f407vg\"");
  const Device* device = find_device(manifest.device);
  if (device == nullptr) {
    root.fail(*node, "unknown device " + in_quotes(manifest.device),
              unknown_device_hint(manifest.device));
  }
  manifest.core = device->core;
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
  const Node origin = section.require("origin", "for example origin = 0x20000000");
  const Node size = section.require("size", "for example size = \"128K\"");
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
  for (const auto& [name, place, node] : memory.entries()) {
    if (!is_region_name(name)) {
      memory.fail(place, in_quotes(name) + " cannot name a memory region",
                  "letters, digits and _ only, beginning with a letter");
    }
    const Section section = memory.section(name, kRegionKeys, {});
    const MemoryRegion region = read_region(section);
    for (const auto& [other_name, other] : manifest.memory) {
      if (region.origin < std::uint64_t{other.origin} + other.size &&
          other.origin < std::uint64_t{region.origin} + region.size) {
        std::string message = "[memory.";
        message.append(name).append("] overlaps [memory.").append(other_name).append("]");
        section.fail(section.place(), message, "check origin and size of both");
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
  if (!root.find("probe")) return probe;
  const Section section = root.section("probe", kProbeKeys, {});
  const std::optional<Node> node = section.find("interface");
  if (!node) return probe;
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
  const Node clock_node = section.require("clock", "the trace clock in Hz: clock = 16_000_000");
  itm.clock = section.integer(clock_node, "clock", "16_000_000", "from 1 to 4294967295 Hz");
  if (itm.clock == 0)
    section.fail(clock_node, "a clock of 0 Hz stands still", "clock = 16_000_000");
  const std::optional<Node> baud_node = section.find("baud");
  if (baud_node) {
    itm.baud = section.integer(*baud_node, "baud", "2_000_000", "from 1 to 4294967295");
  }
  if (makes_baud(itm.clock, itm.baud)) {
    if (const auto node = section.find("timestamps")) {
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
    section.fail(baud_node.value_or(clock_node),
                 "a trace clock of " + std::to_string(itm.clock) + " Hz is too slow for " +
                     std::to_string(itm.baud) + " baud" + (baud_node ? "" : ", the default"),
                 "the clock, in Hz, is at least " + std::to_string(itm.baud) +
                     " for that; with this one, baud is at most " + std::to_string(itm.clock));
  }
  const std::uint32_t divider = std::clamp(itm.clock / itm.baud, 1U, cortex_m::kMaxSwoDivisor);
  std::string nearest = std::to_string(itm.clock / divider);
  if (itm.baud < itm.clock && divider < cortex_m::kMaxSwoDivisor) {
    nearest += " and " + std::to_string(itm.clock / (divider + 1));
  }
  section.fail(baud_node.value_or(clock_node),
               "a trace clock of " + std::to_string(itm.clock) + " Hz does not divide to " +
                   std::to_string(itm.baud) + " baud within " +
                   std::to_string(cortex_m::kSwoTolerancePercent) + " %",
               "the nearest: " + nearest);
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

std::string display_name(const std::filesystem::path& path) {
  std::error_code error;
  const std::filesystem::path near = std::filesystem::proximate(path, error);
  if (error || near.empty() || *near.begin() == "..") return path.string();
  return near.string();
}

Manifest load_manifest(const std::filesystem::path& path) {
  Manifest manifest = parse_manifest(read_file(path), display_name(path));
  manifest.path = path;
  return manifest;
}

Manifest parse_manifest(std::string_view text, const std::filesystem::path& path,
                        std::optional<std::string_view> replaced) {
  Manifest manifest;
  manifest.path = path;
  const TomlFile file(text, path.string());
  const Section root = file.root(kRootKeys);
  read_device(root, manifest);
  read_memory(root, manifest);
  read_heaps(root, manifest, replaced);
  manifest.probe = read_probe(root);
  manifest.itm = read_itm(root);
  return manifest;
}

HeapSection parse_layout(std::string_view text, const std::filesystem::path& path,
                         std::optional<std::string_view> name) {
  std::vector<HeapSection> heaps;
  {
    const TomlFile file(text, path.string());
    const Section root = file.root(kRootKeys);
    if (!root.find("memory")) heaps = read_bare_heaps(root);
  }
  if (heaps.empty()) {
    const Manifest manifest = parse_manifest(text, path);
    for (const HeapSection* const heap : all_heaps(manifest)) {
      if (!heap->pools.empty()) heaps.push_back(*heap);
    }
  }
  std::string names;
  for (HeapSection& heap : heaps) {
    if (heap.name == name.value_or("")) return std::move(heap);
    names += (names.empty() ? "[" : ", [") + section_name(heap) + ']';
  }
  if (!name && heaps.size() == 1) return std::move(heaps.front());
  const std::string wanted = name && !name->empty() ? "heap." + std::string(*name) : "heap";
  throw Error(ExitStatus::kInput, path.string() + ": there is no [" + wanted + "]",
              names.empty() ? "a project that only traces a heap has no layout"
                            : "there are: " + names + (name ? "" : "; --heap NAME says which"));
}

}  // namespace drone::project
