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

/// Where the template argument list that begins at `open` ends: behind its '>'. The end of the text
/// if it has none.
std::size_t end_of_arguments(std::string_view name, std::size_t open) {
  std::size_t angles = 0;
  std::size_t others = 0;  // in parentheses, braces and brackets '<' and '>' may be operators
  for (std::size_t i = open; i != name.size(); ++i) {
    const char c = name[i];
    if (c == '(' || c == '{' || c == '[') ++others;
    if ((c == ')' || c == '}' || c == ']') && others != 0) --others;
    if (others != 0) continue;
    if (c == '<') ++angles;
    if (c == '>' && name[i - 1] != '-' && --angles == 0) return i + 1;
  }
  return name.size();
}

}  // namespace

std::string shorten_template_arguments(std::string_view name) {
  constexpr std::size_t kFewCharacters = 24;
  constexpr std::string_view kOperator = "operator";
  std::string text;
  for (std::size_t i = 0; i != name.size();) {
    if (name.substr(i, kOperator.size()) == kOperator) {
      // The symbol of an operator: <, <<, <=>, -> and so on begin no list.
      std::size_t end = i + kOperator.size();
      while (end != name.size() && std::string_view("<>=-").find(name[end]) != name.npos) ++end;
      // "operator< <int>" and "operator<< <int>" have a space before the list; "operator()<int>"
      // has other characters.
      text += name.substr(i, end - i);
      i = end;
    } else if (name[i] == '<') {
      const std::size_t end = end_of_arguments(name, i);
      text += end - i <= kFewCharacters ? name.substr(i, end - i) : "<...>";
      i = end;
    } else {
      text += name[i++];
    }
  }
  return text;
}

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
    text = shorten_template_arguments(demangled(name));
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
