// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <unistd.h>

#include <exception>
#include <filesystem>
#include <iostream>
#include <span>
#include <string_view>

#include "cli/color.hpp"
#include "cli/commands.hpp"
#include "support/error.hpp"

namespace {

/// A standard stream that is closed must not become the next file that is opened. What takes its
/// place cannot be written to, so that results are not lost unnoticed; only messages may be.
void occupy_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    // The lowest free descriptor is this one.
    (void)!::open("/dev/null", fd == STDERR_FILENO ? O_WRONLY : O_RDONLY);
  }
}

}  // namespace

int main(int argc, char** argv) {
  using drone::ExitStatus;
  occupy_standard_streams();
  drone::cli::Environment environment{
      .out = std::cout,
      .err = std::cerr,
      .directory = {},
      .out_is_terminal = ::isatty(STDOUT_FILENO) == 1,
      .err_is_terminal = ::isatty(STDERR_FILENO) == 1,
      .out_descriptor = STDOUT_FILENO,
      .err_descriptor = STDERR_FILENO,
  };
  const auto report = [&environment](std::string_view word, std::string_view message) {
    if (!message.empty()) {
      std::cerr << drone::cli::label(environment, word) << ' ' << message << '\n';
    }
  };
  ExitStatus status = ExitStatus::kDone;
  try {
    environment.directory = std::filesystem::current_path();
    status = drone::cli::run_command_line(
        std::span<const char* const>(argv, static_cast<std::size_t>(argc)), environment);
    std::cout.flush();
    if (!std::cout) throw drone::Error(ExitStatus::kInput, "cannot write to standard output");
  } catch (const drone::Error& error) {
    std::cout.flush();
    report("error", error.message());
    report("hint", error.hint());
    status = error.status();
  } catch (const std::exception& error) {
    report("error", error.what());
    status = ExitStatus::kInput;
  }
  return static_cast<int>(status);
}
