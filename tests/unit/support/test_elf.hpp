// SPDX-License-Identifier: MIT
#pragma once

#include <elf.h>

#include <cstdint>
#include <string>

namespace drone::test {

/// A minimal Arm executable that loads `size` zero bytes at `address`.
inline std::string make_elf(std::uint32_t address, std::uint32_t size) {
  Elf32_Ehdr header{};
  std::string(ELFMAG).copy(reinterpret_cast<char*>(header.e_ident), SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS32;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_EXEC;
  header.e_machine = EM_ARM;
  header.e_version = EV_CURRENT;
  header.e_entry = address | 1;
  header.e_phoff = sizeof(Elf32_Ehdr);
  header.e_ehsize = sizeof(Elf32_Ehdr);
  header.e_phentsize = sizeof(Elf32_Phdr);
  header.e_phnum = 1;
  Elf32_Phdr segment{};
  segment.p_type = PT_LOAD;
  segment.p_offset = sizeof(header) + sizeof(segment);
  segment.p_vaddr = segment.p_paddr = address;
  segment.p_filesz = segment.p_memsz = size;
  std::string file(reinterpret_cast<const char*>(&header), sizeof(header));
  file.append(reinterpret_cast<const char*>(&segment), sizeof(segment));
  file.append(size, '\0');
  return file;
}

/// The same file with `notes` in a section of its own, as they stand there.
inline std::string with_notes(std::string file, const std::string& notes) {
  Elf32_Shdr section{};
  section.sh_type = SHT_NOTE;
  section.sh_offset = static_cast<Elf32_Off>(file.size());
  section.sh_size = static_cast<Elf32_Word>(notes.size());
  file += notes;
  Elf32_Ehdr header{};
  file.copy(reinterpret_cast<char*>(&header), sizeof(header));
  header.e_shoff = static_cast<Elf32_Off>(file.size());
  header.e_shentsize = sizeof(Elf32_Shdr);
  header.e_shnum = 1;
  file.replace(0, sizeof(header), reinterpret_cast<const char*>(&header), sizeof(header));
  return file.append(reinterpret_cast<const char*>(&section), sizeof(section));
}

/// One note: its header, and name and description padded to words.
inline std::string make_note(const std::string& owner, std::uint32_t type,
                             const std::string& description) {
  const auto padded = [](std::string text) {
    text.resize((text.size() + 3) / 4 * 4);
    return text;
  };
  const Elf32_Nhdr header{static_cast<Elf32_Word>(owner.size() + 1),
                          static_cast<Elf32_Word>(description.size()), type};
  std::string note(reinterpret_cast<const char*>(&header), sizeof(header));
  return note + padded(owner + '\0') + padded(description);
}

}  // namespace drone::test
