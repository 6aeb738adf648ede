// SPDX-License-Identifier: MIT
#pragma once

// The terminal's foreground: who gets its Ctrl-C.
//
// A command runner such as `just` waits for the command it runs in the same process group, so
// Ctrl-C interrupts both, and the runner reports a failure although the command ended in order. A
// command for which Ctrl-C is the normal end therefore leaves that group and makes a group of its
// own the terminal's foreground for as long as it runs.

namespace drone {

/// While it lives, this process is alone in the terminal's foreground, if it shared it before with
/// a group that another process leads. Does nothing for the leader of a group (a shell's own job),
/// in the background, without a terminal, where SIGINT was ignored (a script's background job), or
/// when standard input or output is a pipe: the other end of a pipeline may want the terminal.
/// Ctrl-Z has no effect meanwhile: nobody would know how to continue this process. One at a time.
class ForegroundGroup {
 public:
  ForegroundGroup();
  ForegroundGroup(const ForegroundGroup&) = delete;
  ForegroundGroup& operator=(const ForegroundGroup&) = delete;
  ~ForegroundGroup();

  bool taken() const;

  /// What the destructor does, callable from a signal handler that ends the process.
  static void give_back() noexcept;
};

}  // namespace drone
