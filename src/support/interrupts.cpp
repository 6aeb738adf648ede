// SPDX-License-Identifier: MIT
#include "support/interrupts.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cassert>
#include <cerrno>
#include <csignal>
#include <system_error>

#include "support/error.hpp"
#include "support/exit_status.hpp"
#include "support/foreground.hpp"

namespace drone {
namespace {

constexpr std::array<int, 3> kEndSignals = {SIGINT, SIGTERM, SIGHUP};
constexpr std::array<int, 2> kIgnoredSignals = {SIGPIPE, SIGXFSZ};

// Shared with the signal handler, hence not members.
std::atomic<int> requests{0};
std::atomic<int> pipe_input{-1};
int pipe_output = -1;
std::array<struct sigaction, kEndSignals.size()> former_ends;
std::array<struct sigaction, kIgnoredSignals.size()> former_ignored;

extern "C" void drone_on_end_signal(int) {
  const int saved = errno;
  if (requests.fetch_add(1) != 0) {
    ForegroundGroup::give_back();
    ::_exit(static_cast<int>(ExitStatus::kInterrupted));
  }
  const char byte = 0;
  (void)!::write(pipe_input, &byte, 1);
  errno = saved;
}

}  // namespace

Interrupts::Interrupts() {
  assert(pipe_input < 0);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
    throw Error(ExitStatus::kInput,
                "cannot make a pipe: " + std::generic_category().message(errno));
  }
  pipe_output = ends[0];
  pipe_input = ends[1];
  requests = 0;
  struct sigaction action {};
  action.sa_handler = drone_on_end_signal;
  for (std::size_t i = 0; i != kEndSignals.size(); ++i) {
    ::sigaction(kEndSignals[i], &action, &former_ends[i]);
  }
  action.sa_handler = SIG_IGN;
  for (std::size_t i = 0; i != kIgnoredSignals.size(); ++i) {
    ::sigaction(kIgnoredSignals[i], &action, &former_ignored[i]);
  }
}

Interrupts::~Interrupts() {
  for (std::size_t i = 0; i != kEndSignals.size(); ++i) {
    ::sigaction(kEndSignals[i], &former_ends[i], nullptr);
  }
  for (std::size_t i = 0; i != kIgnoredSignals.size(); ++i) {
    ::sigaction(kIgnoredSignals[i], &former_ignored[i], nullptr);
  }
  ::close(pipe_output);
  ::close(pipe_input.exchange(-1));
}

bool Interrupts::requested() const { return requests != 0; }

int Interrupts::descriptor() const { return pipe_output; }

}  // namespace drone
