// SPDX-License-Identifier: MIT

// `drone itm`, `flash` and `reset` without the other commands, for the flow tests of a tree in
// which those are not built: `driver itm [--from SOURCE] [--heaptrace FILE] [PORTS]...`.

#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "cli/itm.hpp"
#include "cli/target.hpp"
#include "support/error.hpp"

namespace {

drone::ExitStatus run(const std::vector<std::string>& arguments,
                      drone::cli::Environment& environment) {
  if (arguments.at(0) == "flash") return run_flash({arguments.at(1)}, environment);
  if (arguments.at(0) == "reset") return run_reset(environment);
  if (arguments.at(0) == "gdb") return run_gdb({}, environment);
  drone::cli::ItmOptions options;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    if (arguments[i] == "--from") {
      options.from = arguments.at(++i);
    } else if (arguments[i] == "--speed") {
      options.speed = arguments.at(++i);
    } else if (arguments[i] == "--heaptrace") {
      options.heaptraces.push_back(arguments.at(++i));
    } else if (arguments[i] == "--reset") {
      options.reset = true;
    } else {
      options.ports.push_back(arguments[i]);
    }
  }
  return run_itm(options, environment);
}

}  // namespace

int main(int argc, char** argv) {
  drone::cli::Environment environment{
      .out = std::cout,
      .err = std::cerr,
      .directory = std::filesystem::current_path(),
      .out_is_terminal = ::isatty(STDOUT_FILENO) == 1,
      .err_is_terminal = ::isatty(STDERR_FILENO) == 1,
      .color = drone::cli::ColorMode::kAuto,
      .out_descriptor = STDOUT_FILENO,
  };
  try {
    return static_cast<int>(run({argv + 1, argv + argc}, environment));
  } catch (const drone::Error& error) {
    std::cerr << "error: " << error.message() << '\n';
    if (!error.hint().empty()) std::cerr << "hint: " << error.hint() << '\n';
    return static_cast<int>(error.status());
  }
}
