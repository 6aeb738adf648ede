// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "cli/environment.hpp"
#include "support/exit_status.hpp"

namespace drone::cli {

struct NewOptions {
  std::filesystem::path path;
  std::string device;
  std::string probe = "emulator";
  std::optional<std::string> flash_size;
  std::optional<std::string> ram_size;
};

/// Makes a project.
ExitStatus run_new(const NewOptions& options, Environment& environment);

}  // namespace drone::cli
