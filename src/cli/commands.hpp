// SPDX-License-Identifier: MIT
#pragma once

#include <span>

#include "cli/environment.hpp"
#include "support/exit_status.hpp"

namespace drone::cli {

/// Parses a command line and runs the command that it names. `arguments` includes the program's
/// name. Throws Error for whatever the command cannot do; usage mistakes and `--help` are dealt
/// with here.
ExitStatus run_command_line(std::span<const char* const> arguments, Environment& environment);

}  // namespace drone::cli
