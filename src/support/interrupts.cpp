// SPDX-License-Identifier: MIT
#include "support/interrupts.hpp"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cassert>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <system_error>

#include "support/error.hpp"
#include "support/exit_status.hpp"
#include "support/foreground.hpp"

namespace drone {
namespace {

constexpr std::array<int, 3> kEndSignals = {SIGINT, SIGTERM, SIGHUP};
constexpr std::int64_t kOneRequestMs = 300;
constexpr std::array<int, 2> kIgnoredSignals = {SIGPIPE, SIGXFSZ};

// Shared with the signal handler, hence not members.
std::atomic<std::int64_t> first_request_ms{0};  ///< 0: none yet
std::atomic<int> pipe_input{-1};
int pipe_output = -1;
std::array<struct sigaction, kEndSignals.size()> former_ends;
std::array<struct sigaction, kIgnoredSignals.size()> former_ignored;

static_assert(std::atomic<std::int64_t>::is_always_lock_free);

/// Never 0. Callable from a signal handler.
std::int64_t now_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::max<std::int64_t>(std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000, 1);
}

extern "C" void drone_on_end_signal(int) {
  const int saved = errno;
  const std::int64_t now = now_ms();
  std::int64_t first = 0;
  if (first_request_ms.compare_exchange_strong(first, now)) {
    const char byte = 0;
    (void)!::write(pipe_input, &byte, 1);
  } else if (now - first >= kOneRequestMs) {
    ForegroundGroup::give_back();
    ::_exit(static_cast<int>(ExitStatus::kInterrupted));
  }
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
  first_request_ms = 0;
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

bool Interrupts::requested() const { return first_request_ms != 0; }

int Interrupts::descriptor() const { return pipe_output; }

}  // namespace drone
