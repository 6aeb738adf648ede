// SPDX-License-Identifier: MIT
#pragma once

// ITM packets (ARMv7-M Architecture Reference Manual, appendix D4). This page is the one home of
// their encoding: the decoder, the emulated ITM and the heaptrace writer use it.

#include <cstddef>
#include <cstdint>

namespace drone::itm {

enum class PacketKind : std::uint8_t {
  kSync,              ///< five or more zero bytes and 0x80
  kOverflow,          ///< 0x70: the target lost packets here
  kLocalTimestamp,    ///< LTS1 and LTS2: value = ticks since the last one, detail = TC (0 to 3)
  kGlobalTimestamp1,  ///< GTS1: value = bits carried, detail = bit 0 clock change, bit 1 wrap
  kGlobalTimestamp2,  ///< GTS2: value = bits 26 upwards
  kExtension,         ///< source = 0 stimulus page (value = page), 1 other
  kInstrumentation,   ///< source = stimulus port (page included), size = 1, 2 or 4, value = payload
  kHardware,          ///< source = discriminator ID, size = 1, 2 or 4, value = payload
  kMalformed,         ///< bytes that are no packet, or one that a synchronization cut: see size
};

/// One packet. `offset` is the position of its first byte in the stream, `size` the payload bytes
/// (instrumentation, hardware), `length` the bytes it takes in the stream (a synchronization may be
/// longer than six, a malformed stretch of any length).
struct Packet {
  PacketKind kind{};
  std::uint8_t source = 0;
  std::uint8_t size = 0;
  std::uint8_t detail = 0;
  std::uint32_t length = 0;
  std::uint64_t value = 0;
  std::uint64_t offset = 0;

  friend bool operator==(const Packet&, const Packet&) = default;
};

}  // namespace drone::itm
