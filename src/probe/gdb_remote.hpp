// SPDX-License-Identifier: MIT
#pragma once

// The asking end of the GDB remote serial protocol, over a Unix socket.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "probe/trace_setup.hpp"
#include "support/descriptor.hpp"
#include "support/gdb_packet.hpp"

namespace drone::probe {

/// One connection. Every wait is bounded. Functions throw Error (kProbe) that says what was asked
/// and what came back.
class GdbRemote final : public MemoryAccess {
 public:
  /// Connects to the socket `name` in `folder`, however long the folder's path is (a socket's own
  /// address holds 107 characters). None if nobody listens there. No answer is waited for longer
  /// than `patience`.
  static std::unique_ptr<GdbRemote> connect(
      const std::filesystem::path& folder, const std::string& name,
      std::chrono::milliseconds patience = std::chrono::seconds(5));

  /// Sends `command` and returns the answer. What the target reports on its own meanwhile (a stop,
  /// console output) is skipped.
  std::string ask(std::string_view command);

  /// Runs a command of the server's own ("reset halt"). Returns what it printed.
  std::string monitor(std::string_view command);

  void write32(std::uint32_t address, std::uint32_t value) override;
  std::uint32_t read32(std::uint32_t address) override;

  /// Lets the program run on.
  void resume();

  /// Asks the server to end, and does not wait: it may first have much to say elsewhere.
  void kill();

 private:
  GdbRemote(Descriptor socket, std::chrono::milliseconds patience)
      : socket_(std::move(socket)), patience_(patience) {}
  void send(std::string_view bytes);
  GdbPacketParser::Message receive(std::chrono::steady_clock::time_point deadline,
                                   std::string_view command);
  void await_ack(const std::string& packet, std::string_view command);

  Descriptor socket_;
  std::chrono::milliseconds patience_;
  GdbPacketParser parser_;
};

}  // namespace drone::probe
