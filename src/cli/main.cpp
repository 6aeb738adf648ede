// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <unistd.h>

#include <exception>
#include <filesystem>
#include <iostream>
#include <span>

#include "cli/commands.hpp"
#include "support/error.hpp"

int main(int argc, char** argv) {
  using drone::ExitStatus;
  // A standard stream that is closed must not become the next file that is opened.
  int fd = -1;
  do {
    fd = ::open("/dev/null", O_RDWR);
  } while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0) ::close(fd);
  ExitStatus status = ExitStatus::kDone;
  try {
    drone::cli::Environment environment{
        .out = std::cout,
        .err = std::cerr,
        .directory = std::filesystem::current_path(),
        .out_is_terminal = ::isatty(STDOUT_FILENO) == 1,
        .err_is_terminal = ::isatty(STDERR_FILENO) == 1,
        .out_descriptor = STDOUT_FILENO,
    };
    status = drone::cli::run_command_line(
        std::span<const char* const>(argv, static_cast<std::size_t>(argc)), environment);
    std::cout.flush();
    if (!std::cout) throw drone::Error(ExitStatus::kInput, "cannot write to standard output");
  } catch (const drone::Error& error) {
    std::cout.flush();
    std::cerr << "error: " << error.message() << '\n';
    if (!error.hint().empty()) std::cerr << "hint: " << error.hint() << '\n';
    status = error.status();
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << '\n';
    status = ExitStatus::kInput;
  }
  return static_cast<int>(status);
}
