// SPDX-License-Identifier: MIT
#include "board/symbols.hpp"

#include <cxxabi.h>
#include <elfutils/libdwfl.h>
#include <fmt/format.h>

#include <cstdlib>

namespace drone::board {

namespace {

// Debug information is looked for in the file itself, nowhere else.
int no_separate_file(Dwfl_Module*, void**, const char*, Dwarf_Addr, const char*, const char*,
                     GElf_Word, char**) {
  return -1;
}

std::string demangled(const char* name) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(
      abi::__cxa_demangle(name, nullptr, nullptr, &status), std::free);
  return status == 0 ? text.get() : name;
}

std::string shown_path(const std::filesystem::path& file) {
  std::error_code error;
  const auto here = std::filesystem::current_path(error);
  const auto relative = file.lexically_normal().lexically_relative(here);
  return relative.empty() || *relative.begin() == ".." ? file.string() : relative.string();
}

}  // namespace

struct Symbols::Session {
  Dwfl_Callbacks callbacks{};
  Dwfl* dwfl = nullptr;
};

Symbols::Symbols(const std::filesystem::path& path) : session_(std::make_unique<Session>()) {
  session_->callbacks.find_debuginfo = no_separate_file;
  session_->callbacks.section_address = dwfl_offline_section_address;
  session_->dwfl = dwfl_begin(&session_->callbacks);
  if (session_->dwfl == nullptr) return;
  dwfl_report_begin(session_->dwfl);
  dwfl_report_offline(session_->dwfl, "", path.c_str(), -1);
  dwfl_report_end(session_->dwfl, nullptr, nullptr);
}

Symbols::~Symbols() {
  if (session_->dwfl != nullptr) dwfl_end(session_->dwfl);
}

std::string Symbols::describe(std::uint32_t address) const {
  Dwfl_Module* module = session_->dwfl ? dwfl_addrmodule(session_->dwfl, address) : nullptr;
  if (module == nullptr) return {};
  std::string text;
  GElf_Off offset = 0;
  GElf_Sym symbol{};
  // The symbol of a Thumb function has bit 0 set.
  const char* name =
      dwfl_module_addrinfo(module, address | 1, &offset, &symbol, nullptr, nullptr, nullptr);
  if (name != nullptr && name[0] != '$') {
    text = demangled(name);
    offset &= ~GElf_Off{1};
    if (offset != 0) text += fmt::format("+0x{:x}", offset);
  }
  if (Dwfl_Line* line = dwfl_module_getsrc(module, address)) {
    int number = 0;
    const char* file = dwfl_lineinfo(line, nullptr, &number, nullptr, nullptr, nullptr);
    if (file != nullptr) {
      text += fmt::format("{}({}:{})", text.empty() ? "" : " ", shown_path(file), number);
    }
  }
  return text;
}

}  // namespace drone::board
