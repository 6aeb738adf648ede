// SPDX-License-Identifier: MIT
#pragma once

// Drone.toml, read and validated. Every mistake is reported with file, line, column and what would
// be right (Error, kInput).

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drone/heap/pool_spec.hpp"

namespace drone::project {

struct HeapSection {
  std::uint32_t size = 0;             ///< bytes
  std::uint32_t alignment = 4;        ///< base alignment, 4 or 8
  std::vector<heap::PoolSpec> pools;  ///< ascending block size; they fill `size` or less
};

struct MemoryRegion {
  std::uint32_t origin = 0;
  std::uint32_t size = 0;  ///< bytes
};

enum class ProbeInterface { kEmulator, kOpenOcd, kBlackMagic, kJLink };

struct ProbeSection {
  ProbeInterface interface = ProbeInterface::kEmulator;
};

struct ItmSection {
  std::uint32_t baud = 2'000'000;
  std::uint32_t clock = 0;  ///< trace clock, Hz
  bool timestamps = true;   ///< local timestamps
};

struct Manifest {
  std::filesystem::path path;
  std::string device;  ///< as given to `drone new`; selects the emulated core
  HeapSection heap;
  std::map<std::string, MemoryRegion> memory;  ///< "flash" and "ram" are always there
  ProbeSection probe;
  ItmSection itm;
};

/// The Drone.toml of the project that `directory` is in: there, or in the nearest folder above.
std::optional<std::filesystem::path> find_manifest(const std::filesystem::path& directory);

Manifest load_manifest(const std::filesystem::path& path);

/// The same for text in memory; `path` is used in messages only.
Manifest parse_manifest(std::string_view text, const std::filesystem::path& path);

/// Bytes written as "10K", "1M" or plain digits. Throws Error (kUsage) that says what is accepted.
std::uint32_t parse_size(std::string_view text);

/// The shortest way to write a size that parse_size reads back: "10K", "1M", "1000".
std::string format_size(std::uint64_t bytes);

}  // namespace drone::project
