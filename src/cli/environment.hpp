// SPDX-License-Identifier: MIT
#pragma once

// What a command touches of the world, so that tests can hand it another one.

#include <filesystem>
#include <iosfwd>

namespace drone::cli {

enum class ColorMode { kAuto, kAlways, kNever };

struct Environment {
  std::ostream& out;                ///< results, and nothing else
  std::ostream& err;                ///< everything else
  std::filesystem::path directory;  ///< what relative paths start from
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  ColorMode color = ColorMode::kAuto;
  int out_descriptor = -1;  ///< of `out`, where it has one: for raw bytes, unbuffered
  int err_descriptor = -1;  ///< of `err`, the same
};

}  // namespace drone::cli
