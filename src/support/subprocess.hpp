// SPDX-License-Identifier: MIT
#pragma once

// Programs that run beside this one, and end with it.

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "support/descriptor.hpp"

namespace drone {

/// How a process ended: by itself (`code`), or by a signal (`signal` is not 0).
struct ProcessEnd {
  int code = 0;
  int signal = 0;
};

/// "exit status 3" or "signal 9".
std::string describe(const ProcessEnd& end);

struct SubprocessOptions {
  std::filesystem::path directory;  ///< to run in; empty: that of this process
  int output = -1;                  ///< what becomes its standard output; negative: /dev/null
  int input = -1;                   ///< what becomes its standard input; negative: /dev/null
  /// Puts it into a process group of its own: the terminal's Ctrl-C does not reach it, nor does the
  /// terminal stop it when it writes.
  bool own_group = true;
  std::vector<std::string>
      environment;  ///< NAME=VALUE: in place of this process's variable, or added
};

/// One child process. It gets no descriptor but the standard three (standard error is this
/// process's), default signal handling, and SIGKILL when the thread that started it dies.
/// Destruction kills it and waits for it: no orphan, no zombie.
class Subprocess {
 public:
  /// Starts `arguments[0]`, a path, with the rest. Throws Error (kProbe) when that fails.
  Subprocess(const std::vector<std::string>& arguments, const SubprocessOptions& options);
  Subprocess(const Subprocess&) = delete;
  Subprocess& operator=(const Subprocess&) = delete;
  ~Subprocess();

  pid_t id() const { return id_; }

  /// How it ended, if it has.
  std::optional<ProcessEnd> poll();
  /// Waits until it ends, at most `timeout`.
  std::optional<ProcessEnd> wait_for(std::chrono::milliseconds timeout);
  /// Waits until it ends, however long that takes.
  ProcessEnd wait();

  void kill(int signal);

 private:
  pid_t id_ = -1;
  std::optional<ProcessEnd> end_;
};

/// The executable `name`: beside this program, or else in the folders of PATH; none if in neither.
std::optional<std::filesystem::path> find_companion(const std::string& name);

/// The executable `name` in the folders of PATH.
std::optional<std::filesystem::path> find_program(const std::string& name);

}  // namespace drone
