// SPDX-License-Identifier: MIT
#pragma once

// Framing of the GDB remote serial protocol (GDB manual, "Remote Serial Protocol", "Overview"):
// `$data#checksum` with `}` escapes, acknowledged by `+` or `-`, and the interrupt byte 0x03. Both
// ends use it: the emulated board answers, the probes ask.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace drone {

/// `data` framed and escaped, ready to send.
std::string encode_gdb_packet(std::string_view data);

/// Splits a byte stream into what the other end said. Accepts chunks of any length and any bytes.
class GdbPacketParser {
 public:
  enum class Kind : std::uint8_t {
    kPacket,     ///< `data` is its content, unescaped; its checksum was right
    kBadPacket,  ///< a packet whose checksum was wrong
    kAck,
    kNack,
    kInterrupt,  ///< the byte 0x03 outside a packet
  };
  struct Message {
    Kind kind{};
    std::string data;
  };

  void feed(std::span<const std::byte> bytes);

  /// The next message in order, none until more bytes come.
  std::optional<Message> next();

 private:
  std::vector<Message> ready_;
  std::size_t taken_ = 0;
  std::string data_;
  std::uint8_t sum_ = 0;
  std::uint8_t received_sum_ = 0;
  enum class State : std::uint8_t { kIdle, kData, kEscape, kSum1, kSum2 } state_ = State::kIdle;
};

/// Two lower-case hexadecimal digits a byte, as the protocol writes memory and commands.
std::string to_hex(std::string_view bytes);
/// The reverse; none for an odd length or other characters.
std::optional<std::string> from_hex(std::string_view hex);

}  // namespace drone
