// SPDX-License-Identifier: MIT
#pragma once

// Runs command lines without a process.

#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "support/error.hpp"

namespace drone::cli::test {

struct Outcome {
  ExitStatus status{};
  std::string out;
  std::string err;  ///< what the program prints there, an Error as its message and hint
};

/// `drone ARGUMENTS...` in a directory.
inline Outcome run(const std::filesystem::path& directory, std::vector<const char*> arguments) {
  std::ostringstream out;
  std::ostringstream err;
  Environment environment{.out = out, .err = err, .directory = directory};
  arguments.insert(arguments.begin(), "drone");
  Outcome outcome;
  try {
    outcome.status = run_command_line(arguments, environment);
  } catch (const Error& error) {
    outcome.status = error.status();
    err << error.message() << '\n' << error.hint() << '\n';
  }
  outcome.out = out.str();
  outcome.err = err.str();
  return outcome;
}

}  // namespace drone::cli::test
