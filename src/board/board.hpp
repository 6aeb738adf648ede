// SPDX-License-Identifier: MIT
#pragma once

// The board as a process: it runs the machine in pace with the clock on the wall, writes what the
// SWO pin sends to a descriptor, and serves debuggers meanwhile. One thread, one poll().

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "board/gdb_server.hpp"
#include "board/machine.hpp"
#include "board/options.hpp"

namespace drone::board {

class Board final : private GdbTarget {
 public:
  /// `trace` is the descriptor for SWO bytes, `signals` one that becomes readable when the process
  /// is asked to end; `log` takes reports. Loads the program. Throws Error.
  Board(const Options& options, int trace, int signals, std::ostream& log);

  /// Runs until the program or somebody ends it; returns the exit status.
  int run();

 private:
  using Clock = std::chrono::steady_clock;

  // GdbTarget
  Machine& machine() override { return machine_; }
  bool halted() const override { return halted_; }
  int signal() const override { return signal_; }
  void halt(int signal) override;
  void resume() override;
  void step() override;
  Answer monitor(std::string_view command) override;
  void kill() override { exit_status_ = 0; }
  void debuggers_changed() override;

  void load(const std::filesystem::path& elf);
  void run_slice();
  void ended(RunEnd end);
  void sleep_without_end();
  void pace();
  void restart_pace();
  void wait(std::optional<Clock::duration> timeout);
  void collect_trace();
  void write_trace();
  void finish();
  void report_fault();

  Options options_;
  Machine machine_;
  std::optional<GdbServer> server_;
  int trace_;
  int signals_;
  std::ostream& log_;
  std::filesystem::path elf_;

  std::vector<std::byte> unwritten_;
  bool trace_closed_ = false;
  std::optional<int> exit_status_;
  bool halted_ = false;
  bool hold_ = false;  // halted on purpose: losing a debugger's connection does not change that
  bool fault_reported_ = false;
  int signal_ = kSignalTrap;
  Clock::time_point pace_start_{};
  std::uint64_t pace_cycle_ = 0;
  Clock::time_point started_{};
};

}  // namespace drone::board
