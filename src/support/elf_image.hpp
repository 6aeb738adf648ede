// SPDX-License-Identifier: MIT
#pragma once

// What an ELF file loads into a microcontroller's memory.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace drone {

/// Bytes that are written at `address` (the load address: for initialised data, its copy in flash).
struct ElfSegment {
  std::uint32_t address = 0;
  std::vector<std::byte> bytes;
};

struct ElfImage {
  std::uint32_t entry = 0;
  std::vector<ElfSegment> segments;  ///< in file order; none empty
};

struct AddressRange {
  std::string name;  ///< for messages: "flash"
  std::uint32_t origin = 0;
  std::uint32_t size = 0;
};

/// Reads the loadable segments of a 32-bit little-endian Arm executable.
/// Throws Error (kInput) for anything else, a file of more than 256 MiB included, and says what it
/// is instead.
ElfImage load_elf_image(const std::filesystem::path& path);

/// What a tool left in an ELF file for another: loaded or not.
struct ElfNote {
  std::string owner;
  std::uint32_t type = 0;
  std::vector<std::byte> description;
};

/// All notes in the sections of an executable, in file order. A section that lies outside of the
/// file, and what follows a note that does not fit its section, are left out. Throws like
/// load_elf_image.
std::vector<ElfNote> load_elf_notes(const std::filesystem::path& path);

/// Checks that every segment lies inside one of `ranges`. Throws Error (kInput) that names the
/// range which is too small, and by how many bytes, or the address that lies outside all of them.
void check_elf_fits(const ElfImage& image, std::span<const AddressRange> ranges,
                    const std::filesystem::path& path);

}  // namespace drone
