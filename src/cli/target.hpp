// SPDX-License-Identifier: MIT
#pragma once

// The commands that act on the target through the project's probe, capture aside.

#include <filesystem>
#include <optional>

#include "cli/environment.hpp"
#include "support/exit_status.hpp"

namespace drone::cli {

struct FlashOptions {
  std::filesystem::path elf;
};
ExitStatus run_flash(const FlashOptions& options, Environment& environment);

ExitStatus run_reset(Environment& environment);

struct GdbOptions {
  std::optional<std::filesystem::path> elf;  ///< default: what was flashed last
  bool reset = false;
};
ExitStatus run_gdb(const GdbOptions& options, Environment& environment);

}  // namespace drone::cli
