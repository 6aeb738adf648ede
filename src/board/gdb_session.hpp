// SPDX-License-Identifier: MIT
#pragma once

// One client of the GDB remote serial protocol: what it says, and what it is answered. Bytes in,
// bytes out; the sockets are gdb_server.hpp's.

#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "support/gdb_packet.hpp"

namespace drone::board {

class Machine;

/// GDB's numbers of signals.
inline constexpr int kSignalInterrupt = 2;
inline constexpr int kSignalTrap = 5;

/// What a debugger can do with the board beyond looking at its machine.
class GdbTarget {
 public:
  virtual ~GdbTarget() = default;
  virtual Machine& machine() = 0;
  virtual bool halted() const = 0;
  /// Why it halted: a signal's number.
  virtual int signal() const = 0;
  virtual void halt(int signal) = 0;
  virtual void resume() = 0;
  /// Executes one instruction of a halted machine, which is halted afterwards.
  virtual void step() = 0;
  struct Answer {
    bool done = true;
    std::string text;  ///< for the user; may be empty
  };
  virtual Answer monitor(std::string_view command) = 0;
  /// Ends the board.
  virtual void kill() = 0;
  /// A session became a debugger, or ceased to be one.
  virtual void debuggers_changed() = 0;
};

class GdbSession {
 public:
  explicit GdbSession(GdbTarget& target) : target_(target) {}
  ~GdbSession();
  GdbSession(const GdbSession&) = delete;
  GdbSession& operator=(const GdbSession&) = delete;

  void receive(std::span<const std::byte> bytes);
  /// The machine halted: a client that waits for that is told.
  void notify_halted();
  /// The program, or the whole board, ended.
  void notify_exit(int status);
  /// What is to be sent.
  std::string& output() { return output_; }

  /// Whether it controls execution (it asked why the target halted), or just looks on.
  bool is_debugger() const { return debugger_; }

 private:
  void packet(const std::string& data);
  void answer(std::string_view data);
  void query(std::string_view data);
  void remote_command(std::string_view hex);
  void read_features(std::string_view range);
  void resume(bool step);
  void verbose_resume(std::string_view actions);
  void detach();
  void remove_breakpoints();
  std::string all_registers() const;
  bool set_all_registers(std::string_view hex);
  std::string read_memory(std::string_view range) const;
  std::string write_memory(std::string_view range, std::string_view bytes);
  std::string breakpoint(std::string_view data);
  std::string stop_reply() const;

  GdbTarget& target_;
  GdbPacketParser parser_;
  std::string output_;
  std::set<std::uint32_t> breakpoints_;
  bool acknowledges_ = true;
  bool debugger_ = false;
  bool waiting_ = false;
};

}  // namespace drone::board
