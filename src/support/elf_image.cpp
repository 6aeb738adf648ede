// SPDX-License-Identifier: MIT
#include "support/elf_image.hpp"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "support/byte_stream.hpp"
#include "support/error.hpp"

namespace drone {
namespace {

constexpr std::uintmax_t kMaxFileBytes = 1 << 28;  ///< debug information included

std::string machine_name(unsigned machine) {
  switch (machine) {
    case EM_386:
      return "x86";
    case EM_X86_64:
      return "x86-64";
    case EM_AARCH64:
      return "AArch64";
    case EM_RISCV:
      return "RISC-V";
    case EM_XTENSA:
      return "Xtensa";
    case EM_AVR:
      return "AVR";
    default:
      return "machine " + std::to_string(machine);
  }
}

template <class T>
T read_struct(std::string_view file, std::size_t offset) {
  T value;
  std::memcpy(&value, file.data() + offset, sizeof(value));
  return value;
}

/// Whether `size` bytes at `offset` lie inside the file, whatever the numbers.
bool inside(std::string_view file, std::uint64_t offset, std::uint64_t size) {
  return offset <= file.size() && size <= file.size() - offset;
}

std::string hex(std::uint32_t value) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text = "0x";
  for (int shift = 28; shift >= 0; shift -= 4) text += kDigits[(value >> shift) & 0xF];
  return text;
}

bool is_in(const AddressRange& range, std::uint32_t address) {
  return address >= range.origin && address - range.origin < range.size;
}

/// How many bytes of a range that is too small the image takes, from its origin on: what begins
/// behind the range's end, and in no other, was to follow in it.
std::uint64_t end_in(const AddressRange& range, std::span<const AddressRange> ranges,
                     const ElfImage& image) {
  std::uint64_t end = 0;
  for (const ElfSegment& segment : image.segments) {
    const bool is_elsewhere = std::any_of(ranges.begin(), ranges.end(), [&](const auto& other) {
      return other.origin != range.origin && is_in(other, segment.address);
    });
    if (segment.address < range.origin || is_elsewhere) continue;
    end = std::max(end, segment.address - range.origin + std::uint64_t{segment.bytes.size()});
  }
  return end;
}

struct Executable {
  std::string file;
  Elf32_Ehdr header;
};

[[noreturn]] void refuse_file(const std::filesystem::path& path, const std::string& why) {
  throw Error(ExitStatus::kInput, "'" + path.string() + "' " + why,
              "give the ELF file that the firmware's build makes for the target");
}

/// Reads the file, and makes sure that it is an Arm executable.
Executable read_executable(const std::filesystem::path& path) {
  const auto refuse = [&](const std::string& why) { refuse_file(path, why); };
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) {
    throw Error(ExitStatus::kInput, "there is no file '" + path.string() + "'",
                "build the program first: just build");
  }
  if (std::filesystem::is_directory(status)) refuse("is a folder, not an ELF file");
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    refuse("is no regular file");
  }
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (!error && size > kMaxFileBytes) {
    refuse("has " + std::to_string(size) + " bytes, too many for a microcontroller's program");
  }
  std::string file = read_file(path);
  if (file.size() < EI_NIDENT || file.compare(0, SELFMAG, ELFMAG) != 0)
    refuse("is not an ELF file");
  if (file[EI_DATA] != ELFDATA2LSB) refuse("is a big-endian ELF file, not one for Cortex-M");
  if (file[EI_CLASS] != ELFCLASS32) {
    if (file.size() >= sizeof(Elf64_Ehdr)) {
      refuse("is a 64-bit program for " + machine_name(read_struct<Elf64_Ehdr>(file, 0).e_machine) +
             ", not one for Cortex-M");
    }
    refuse("is not a 32-bit ELF file");
  }
  if (file.size() < sizeof(Elf32_Ehdr)) refuse("is cut off in its ELF header");
  const auto header = read_struct<Elf32_Ehdr>(file, 0);
  if (header.e_machine != EM_ARM) {
    refuse("is a program for " + machine_name(header.e_machine) + ", not one for Cortex-M");
  }
  if (header.e_type != ET_EXEC) refuse("is not linked: it is no executable");
  return {std::move(file), header};
}

/// Appends the notes of one section.
void append_notes(std::string_view section, std::vector<ElfNote>& notes) {
  const auto padded = [](std::uint64_t size) { return (size + 3) / 4 * 4; };
  while (section.size() >= sizeof(Elf32_Nhdr)) {
    const auto header = read_struct<Elf32_Nhdr>(section, 0);
    const std::uint64_t description = sizeof(header) + padded(header.n_namesz);
    if (!inside(section, sizeof(header), header.n_namesz) ||
        !inside(section, description, header.n_descsz)) {
      return;
    }
    const std::string_view name = section.substr(sizeof(header), header.n_namesz);
    const auto bytes = std::as_bytes(std::span(section).subspan(description, header.n_descsz));
    notes.push_back({std::string(name.substr(0, name.find('\0'))),
                     header.n_type,
                     {bytes.begin(), bytes.end()}});
    section.remove_prefix(
        std::min<std::uint64_t>(description + padded(header.n_descsz), section.size()));
  }
}

}  // namespace

ElfImage load_elf_image(const std::filesystem::path& path) {
  const auto refuse = [&](const std::string& why) { refuse_file(path, why); };
  const auto [file, header] = read_executable(path);
  if (header.e_phentsize != sizeof(Elf32_Phdr)) refuse("has program headers of an unknown size");
  if (!inside(file, header.e_phoff, std::uint64_t{header.e_phnum} * sizeof(Elf32_Phdr))) {
    refuse("is cut off in its program headers");
  }

  ElfImage image;
  image.entry = header.e_entry;
  for (std::size_t i = 0; i != header.e_phnum; ++i) {
    const auto segment = read_struct<Elf32_Phdr>(file, header.e_phoff + i * sizeof(Elf32_Phdr));
    if (segment.p_type != PT_LOAD || segment.p_filesz == 0) continue;
    if (!inside(file, segment.p_offset, segment.p_filesz))
      refuse("is cut off: a segment's bytes are missing");
    if (segment.p_filesz - 1 > UINT32_MAX - segment.p_paddr) refuse("has a segment beyond 4 GiB");
    const auto bytes = std::as_bytes(std::span(file).subspan(segment.p_offset, segment.p_filesz));
    image.segments.push_back({segment.p_paddr, {bytes.begin(), bytes.end()}});
  }
  if (image.segments.empty()) refuse("loads nothing into memory");
  return image;
}

std::vector<ElfNote> load_elf_notes(const std::filesystem::path& path) {
  const auto [file, header] = read_executable(path);
  std::vector<ElfNote> notes;
  if (header.e_shentsize != sizeof(Elf32_Shdr)) return notes;
  constexpr std::size_t kMostNotes = 1024;
  for (std::size_t i = 0; i != header.e_shnum && notes.size() < kMostNotes; ++i) {
    const std::uint64_t offset = header.e_shoff + i * sizeof(Elf32_Shdr);
    if (!inside(file, offset, sizeof(Elf32_Shdr))) break;
    const auto section = read_struct<Elf32_Shdr>(file, offset);
    if (section.sh_type != SHT_NOTE || !inside(file, section.sh_offset, section.sh_size)) continue;
    append_notes(std::string_view(file).substr(section.sh_offset, section.sh_size), notes);
  }
  return notes;
}

void check_elf_fits(const ElfImage& image, std::span<const AddressRange> ranges,
                    const std::filesystem::path& path) {
  for (const ElfSegment& segment : image.segments) {
    bool found = false;
    for (const AddressRange& range : ranges) {
      if (!is_in(range, segment.address)) continue;
      found = true;
      const std::uint64_t segment_end =
          std::uint64_t{segment.address - range.origin} + segment.bytes.size();
      if (segment_end > range.size) {
        const std::uint64_t end = end_in(range, ranges, image);
        throw Error(ExitStatus::kInput,
                    "'" + path.string() + "' does not fit " + range.name + ": it takes " +
                        std::to_string(end) + " bytes of " + std::to_string(range.size) + ", " +
                        std::to_string(end - range.size) + " too many",
                    "if the device has more, correct [memory." + range.name + "] in Drone.toml");
      }
    }
    if (!found) {
      throw Error(
          ExitStatus::kInput,
          "'" + path.string() + "' puts " + std::to_string(segment.bytes.size()) + " bytes at " +
              hex(segment.address) + ", where the device has no memory",
          "check [memory] in Drone.toml against the linker script that the program was built with");
    }
  }
}

}  // namespace drone
