// SPDX-License-Identifier: MIT
#include "support/host_program.hpp"

#include <elf.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>
#include <system_error>

#include "support/error.hpp"

namespace drone {
namespace {

#if defined(__x86_64__)
constexpr int kMachine64 = EM_X86_64;
constexpr int kMachine32 = EM_386;
#elif defined(__aarch64__)
constexpr int kMachine64 = EM_AARCH64;
constexpr int kMachine32 = EM_ARM;
#else
constexpr int kMachine64 = EM_NONE;
constexpr int kMachine32 = EM_NONE;
#endif

template <class T>
bool read_at(std::ifstream& in, std::uint64_t offset, T& value) {
  in.clear();
  in.seekg(static_cast<std::streamoff>(offset));
  in.read(reinterpret_cast<char*>(&value), sizeof(value));
  return in.good();
}

/// Whether a program header names a loader.
template <class Header, class Segment>
bool names_loader(std::ifstream& in) {
  Header header{};
  if (!read_at(in, 0, header)) return false;
  for (unsigned i = 0; i != header.e_phnum; ++i) {
    Segment segment{};
    const std::uint64_t at = header.e_phoff + std::uint64_t{i} * header.e_phentsize;
    if (!read_at(in, at, segment)) return false;
    if (segment.p_type == PT_INTERP) return true;
  }
  return false;
}

/// The interpreter that a script's first line names, or an empty path.
std::filesystem::path interpreter_of(std::ifstream& in) {
  std::string line;
  in.clear();
  in.seekg(0);
  std::getline(in, line);
  if (!line.starts_with("#!")) return {};
  const std::size_t begin = line.find_first_not_of(" \t", 2);
  if (begin == std::string::npos) return {};
  return line.substr(begin, line.find_first_of(" \t\r", begin) - begin);
}

}  // namespace

HostProgram inspect_host_program(const std::filesystem::path& file) {
  HostProgram program{HostProgramKind::kUnknown, file};
  for (int depth = 0; depth != 5; ++depth) {  // the kernel allows as many interpreters of scripts
    std::ifstream in(program.file, std::ios::binary);
    if (!in) {
      throw Error(ExitStatus::kInput, "cannot read '" + program.file.string() +
                                          "': " + std::generic_category().message(errno));
    }
    Elf32_Ehdr header{};  // both kinds have the same beginning
    if (read_at(in, 0, header) && std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0) {
      const bool is_64 = header.e_ident[EI_CLASS] == ELFCLASS64;
      if (header.e_machine != (is_64 ? kMachine64 : kMachine32)) {
        program.kind = HostProgramKind::kForeign;
      } else if (is_64 ? !names_loader<Elf64_Ehdr, Elf64_Phdr>(in)
                       : !names_loader<Elf32_Ehdr, Elf32_Phdr>(in)) {
        program.kind = HostProgramKind::kStatic;
      } else {
        program.kind = is_64 ? HostProgramKind::kDynamic64 : HostProgramKind::kDynamic32;
      }
      break;
    }
    const std::filesystem::path interpreter = interpreter_of(in);
    if (interpreter.empty()) break;
    program.file = interpreter;
  }
  return program;
}

}  // namespace drone
