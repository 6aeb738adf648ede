// SPDX-License-Identifier: MIT
#pragma once

// Drone.toml, read and validated. Every mistake is reported with file, line, column and what would
// be right (Error, kInput). docs/project.md describes the file.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "drone/heap/options.hpp"
#include "drone/heap/pool_spec.hpp"
#include "drone/heaptrace/wire_format.hpp"

namespace drone::project {

/// The name of the file.
inline constexpr std::string_view kManifestName = "Drone.toml";

/// [heap], the program's own heap, or one of those beside it, [heap.NAME].
struct HeapSection {
  std::uint32_t size = 0;                   ///< bytes; 0 only if there is no such section
  std::uint32_t alignment = 4;              ///< base alignment, 4 or 8
  std::vector<heap::PoolSpec> pools = {};   ///< ascending block size; they fill `size` or less
  std::string name = {};                    ///< of [heap.NAME]: a-z, 0-9 and _; empty for [heap]
  std::string memory = "ram";               ///< the region of [memory] that it lies in
  unsigned port = heaptrace::kDefaultPort;  ///< ITM stimulus port of its trace
  heap::Options options = {};

  friend bool operator==(const HeapSection&, const HeapSection&) = default;
};

struct MemoryRegion {
  std::uint32_t origin = 0;
  std::uint32_t size = 0;  ///< bytes

  friend bool operator==(const MemoryRegion&, const MemoryRegion&) = default;
};

enum class ProbeInterface { kEmulator, kOpenOcd, kBlackMagic, kJLink };

/// One way to reach a target, as Drone.toml names it.
struct ProbeInterfaceInfo {
  ProbeInterface interface;
  std::string_view name;         ///< value of [probe] interface
  std::string_view description;  ///< one line
  bool available;                ///< whether this version of drone can use it
};

/// All of them, the default first.
std::span<const ProbeInterfaceInfo> probe_interfaces();

struct ProbeSection {
  ProbeInterface interface = ProbeInterface::kEmulator;

  friend bool operator==(const ProbeSection&, const ProbeSection&) = default;
};

struct ItmSection {
  std::uint32_t baud = 2'000'000;
  std::uint32_t clock = 0;  ///< trace clock, Hz
  bool timestamps = true;   ///< local timestamps

  friend bool operator==(const ItmSection&, const ItmSection&) = default;
};

struct Manifest {
  std::filesystem::path path;
  std::string device;  ///< as given to `drone new`; selects the emulated core. May be empty
  std::string core;    ///< of the device: "cortex-m3" or "cortex-m4"; without a device, the latter
  HeapSection heap;    ///< without pools and size if the file has no [heap]
  std::vector<HeapSection> named_heaps;        ///< in the order of the file
  std::map<std::string, MemoryRegion> memory;  ///< "flash" and "ram" are always there
  ProbeSection probe;
  ItmSection itm;

  friend bool operator==(const Manifest&, const Manifest&) = default;
};

/// The Drone.toml of the project that `directory` is in: there, or in the nearest folder above.
std::optional<std::filesystem::path> find_manifest(const std::filesystem::path& directory);

/// How messages name a file: as seen from the current folder, if it lies inside that.
std::string display_name(const std::filesystem::path& path);

Manifest load_manifest(const std::filesystem::path& path);

/// The same for text in memory; `path` is used in messages only. `replaced` names the heap, empty
/// for [heap], whose pools are going to be replaced: they are not held against its alignment, its
/// size and its region, which may have changed since they were chosen.
Manifest parse_manifest(std::string_view text, const std::filesystem::path& path,
                        std::optional<std::string_view> replaced = {});

/// A heap of a file that is a Drone.toml, or has sections [heap] and [heap.NAME] alone, as `drone
/// heap generate` prints them: the one of that name, empty for [heap]. Without a name, if there is
/// only one, that one. Throws Error (kInput) for mistakes, and if there is no such heap; `path` is
/// used in messages only.
HeapSection parse_layout(std::string_view text, const std::filesystem::path& path,
                         std::optional<std::string_view> name);

/// [heap], then the named heaps.
std::vector<const HeapSection*> all_heaps(const Manifest& manifest);

/// "heap" or "heap.NAME": how a heap's section is headed.
std::string section_name(const HeapSection& heap);

/// Where a heap's trace is recorded unless told otherwise, in the project's folder: "heaptrace", or
/// "NAME.heaptrace".
std::string trace_file_name(const HeapSection& heap);

/// What a section says of its heap beside size, alignment and pools, as lines of Drone.toml. What
/// is as without a line is left out; the port of a named heap has to stand.
std::string heap_settings(const HeapSection& heap);

/// The bytes that a heap's blocks take together.
std::uint64_t pool_bytes(const HeapSection& heap);

/// The bytes that a heap takes of its region: those of its blocks, and of their guard words.
std::uint64_t memory_bytes(const HeapSection& heap);

/// Bytes written as "10K", "1M", plain digits or "0x2800"; at most 4294967295.
/// Throws Error (kUsage) that says what is accepted.
std::uint32_t parse_size(std::string_view text);

/// The shortest way to write a size that parse_size reads back: "10K", "1M", "1000".
std::string format_size(std::uint64_t bytes);

/// Whether a trace clock can be divided to a baud rate within 3 %, what UARTs tolerate: the trace
/// port divides by a whole number, 1 to 65536.
bool makes_baud(std::uint32_t clock_hz, std::uint32_t baud);

}  // namespace drone::project
