// SPDX-License-Identifier: MIT
#pragma once

#include <cstdlib>
#include <string_view>

#include "cli/environment.hpp"

namespace drone::cli {

/// Whether what goes to stdout may have block characters: a terminal whose locale is UTF-8.
inline bool shows_utf8(const Environment& environment) {
  if (!environment.out_is_terminal) return false;
  for (const char* const variable : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* const value = std::getenv(variable);
    if (value == nullptr || *value == '\0') continue;
    const std::string_view locale = value;
    return locale.find("UTF-8") != std::string_view::npos ||
           locale.find("utf8") != std::string_view::npos;
  }
  return false;
}

}  // namespace drone::cli
