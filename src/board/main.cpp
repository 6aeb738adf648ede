// SPDX-License-Identifier: MIT
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <exception>
#include <iostream>
#include <span>

#include "board/board.hpp"
#include "support/error.hpp"

namespace {

/// Being asked to end becomes something that can be waited for.
int end_signals() {
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, number);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  return ::signalfd(-1, &set, SFD_CLOEXEC);
}

}  // namespace

int main(int argc, char** argv) {
  using drone::ExitStatus;
  try {
    const auto options = drone::board::parse_options(
        std::span<const char* const>(argv, static_cast<std::size_t>(argc)).subspan(1));
    if (options.help) {
      std::cerr << drone::board::kUsage;
      return 0;
    }
    drone::board::Board board(options, STDOUT_FILENO, end_signals(), std::cerr);
    return board.run();
  } catch (const drone::Error& error) {
    std::cerr << "error: " << error.message() << '\n';
    if (!error.hint().empty()) std::cerr << "hint: " << error.hint() << '\n';
    return static_cast<int>(error.status());
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << '\n';
    return static_cast<int>(ExitStatus::kInput);
  }
}
