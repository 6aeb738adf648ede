// SPDX-License-Identifier: MIT
#pragma once

// drone-board as a process, for tests.

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "itm/packet.hpp"

namespace drone::board_test {

/// The path of a test program: "order" or, for fault.cpp, "NULL_WRITE".
std::string firmware(const std::string& name);

class BoardProcess {
 public:
  /// Starts `drone-board` with the test board's memories, 84 MHz unless `arguments` have another
  /// --clock, and these arguments.
  explicit BoardProcess(const std::vector<std::string>& arguments);
  /// Kills it if it still runs.
  ~BoardProcess();
  BoardProcess(const BoardProcess&) = delete;
  BoardProcess& operator=(const BoardProcess&) = delete;

  /// Reads stdout until there are `size` bytes, or it ends, or the time is over; returns all there
  /// were so far.
  const std::vector<std::byte>& read_trace(std::size_t size, std::chrono::milliseconds timeout);
  /// Nobody reads stdout any more.
  void close_trace();
  void signal(int number) const;
  /// Reads both outputs to their end; the exit status, or -1 if it did not exit by itself in 60 s.
  int wait();
  bool running();

  const std::vector<std::byte>& trace() const { return trace_; }
  const std::string& log() const { return log_; }

 private:
  bool pump(int timeout_ms);

  pid_t pid_ = -1;
  int out_ = -1;
  int err_ = -1;
  int status_ = -1;
  std::vector<std::byte> trace_;
  std::string log_;
};

struct Result {
  int status = -1;
  std::vector<std::byte> trace;
  std::string log;
};

/// Runs a test program to its end at full speed.
Result run_board(const std::string& name, const std::vector<std::string>& arguments = {});

std::vector<itm::Packet> decode(const std::vector<std::byte>& trace);
/// What the program said: the values of port 1.
std::vector<std::uint64_t> said(const std::vector<std::byte>& trace, unsigned port = 1);

}  // namespace drone::board_test
