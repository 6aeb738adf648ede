// SPDX-License-Identifier: MIT
#pragma once

// Names for addresses, from the symbols and line tables of an ELF file.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace drone::board {

/// A demangled name that fits a line: of its template argument lists, those of more than a few
/// characters become "<...>".
std::string shorten_template_arguments(std::string_view name);

class Symbols {
 public:
  /// Never throws for a file without symbols: then addresses have no names.
  explicit Symbols(const std::filesystem::path& path);
  ~Symbols();
  Symbols(const Symbols&) = delete;
  Symbols& operator=(const Symbols&) = delete;

  /// "publish(Message const&)+0x12 (src/main.cpp:42)", as much of it as is known; else empty. Long
  /// template arguments are left out.
  std::string describe(std::uint32_t address) const;

 private:
  struct Session;
  std::unique_ptr<Session> session_;
};

}  // namespace drone::board
