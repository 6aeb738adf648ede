// SPDX-License-Identifier: MIT
#include "support/foreground.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>

#include "support/descriptor.hpp"

namespace drone {
namespace {

// Shared with a signal handler, hence not members.
std::atomic<int> held_terminal{-1};
std::atomic<pid_t> former_group{0};
static_assert(std::atomic<int>::is_always_lock_free);

struct sigaction former_stop_action;

bool is_pipe(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode));
}

bool ignores_interrupts() {
  struct sigaction action {};
  return ::sigaction(SIGINT, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

/// tcsetpgrp from outside the foreground would stop this process with SIGTTOU.
bool set_foreground(int terminal, pid_t group) {
  sigset_t block;
  sigset_t former;
  ::sigemptyset(&block);
  ::sigaddset(&block, SIGTTOU);
  ::sigprocmask(SIG_BLOCK, &block, &former);
  const bool done = ::tcsetpgrp(terminal, group) == 0;
  ::sigprocmask(SIG_SETMASK, &former, nullptr);
  return done;
}

}  // namespace

ForegroundGroup::ForegroundGroup() {
  const pid_t group = ::getpgrp();
  if (taken() || group == ::getpid() || ignores_interrupts()) return;
  if (is_pipe(STDIN_FILENO) || is_pipe(STDOUT_FILENO)) return;
  Descriptor terminal(::open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!terminal || ::tcgetpgrp(terminal.get()) != group) return;
  if (::setpgid(0, 0) != 0) return;
  if (!set_foreground(terminal.get(), ::getpid())) {
    ::setpgid(0, group);
    return;
  }
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGTSTP, &ignore, &former_stop_action);
  former_group = group;
  held_terminal = terminal.release();
}

ForegroundGroup::~ForegroundGroup() {
  const int terminal = held_terminal;
  if (terminal < 0) return;
  give_back();
  ::close(terminal);
  ::sigaction(SIGTSTP, &former_stop_action, nullptr);
}

bool ForegroundGroup::taken() const { return held_terminal >= 0; }

void ForegroundGroup::give_back() noexcept {
  const int terminal = held_terminal.exchange(-1);
  if (terminal < 0) return;
  // A shell that has taken the terminal back meanwhile keeps it.
  if (::tcgetpgrp(terminal) == ::getpgrp()) set_foreground(terminal, former_group);
  ::setpgid(0, former_group);
}

}  // namespace drone
