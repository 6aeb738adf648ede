// SPDX-License-Identifier: MIT
#pragma once

#include <cstdlib>
#include <string>
#include <string_view>

#include "cli/environment.hpp"

namespace drone::cli {

/// Whether what goes to stderr is coloured: as --color says, else on a terminal, unless NO_COLOR is
/// set and not empty (no-color.org).
inline bool colors_errors(const Environment& environment) {
  if (environment.color != ColorMode::kAuto) return environment.color == ColorMode::kAlways;
  const char* const no_color = std::getenv("NO_COLOR");
  return environment.err_is_terminal && (no_color == nullptr || *no_color == '\0');
}

/// "error:" and "hint:" as they stand before a message.
inline std::string label(const Environment& environment, std::string_view word) {
  std::string text(word);
  text += ':';
  if (!colors_errors(environment)) return text;
  const char* const color = word == "error" ? "\x1b[1;31m" : "\x1b[1;36m";
  return color + text + "\x1b[0m";
}

}  // namespace drone::cli
