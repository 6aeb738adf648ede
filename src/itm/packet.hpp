// SPDX-License-Identifier: MIT
#pragma once

// ITM packets (ARMv7-M Architecture Reference Manual, appendix D4). This page is the one home of
// their encoding: the decoder, the emulated ITM and the heaptrace writer use it.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace drone::itm {

// Headers (D4.2). A source packet's header is `source << 3 | hardware << 2 | size code`, the size
// code being 1, 2, 3 for payloads of 1, 2, 4 bytes; every other packet has 0 in those two bits.
inline constexpr std::uint8_t kOverflowHeader = 0x70;
inline constexpr std::uint8_t kLocalTimestamp1Header = 0xC0;  ///< TC in bits 5:4
inline constexpr std::uint8_t kGlobalTimestamp1Header = 0x94;
inline constexpr std::uint8_t kGlobalTimestamp2Header = 0xB4;
inline constexpr std::uint8_t kSyncEnd = 0x80;  ///< after the zero bytes
inline constexpr std::size_t kSyncZeros = 5;    ///< at least
inline constexpr std::uint8_t kHardwareBit = 1U << 2;
inline constexpr std::uint8_t kContinuationBit = 1U << 7;
inline constexpr std::uint32_t kMaxLocalTicks = (1U << 28) - 1;  ///< what one LTS1 can carry

enum class PacketKind : std::uint8_t {
  kSync,              ///< five or more zero bytes and 0x80
  kOverflow,          ///< 0x70: the target lost packets here
  kLocalTimestamp,    ///< LTS1 and LTS2: value = ticks since the last one, detail = TC (0 to 3)
  kGlobalTimestamp1,  ///< GTS1: value = bits carried, detail = bit 0 clock change, bit 1 wrap
  kGlobalTimestamp2,  ///< GTS2: value = bits 26 upwards
  kExtension,         ///< source = 0 stimulus page (value = page), 1 other
  kInstrumentation,   ///< source = stimulus port (page included), size = 1, 2 or 4, value = payload
  kHardware,          ///< source = discriminator ID, size = 1, 2 or 4, value = payload
  kMalformed,         ///< bytes that are no packet, or one that was cut: see length
  kGap,  ///< value = bytes that were lost here before they came, 0 = unknown; takes no bytes itself
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

/// The first byte of what a write of `size` (1, 2 or 4) bytes to stimulus port `port` (0 to 31)
/// becomes; the bytes written follow, the lowest first.
constexpr std::uint8_t instrumentation_header(unsigned port, unsigned size) {
  return static_cast<std::uint8_t>(port << 3 | (size == 4 ? 3 : size));
}

// Encoding: each appends one packet.

/// What a write of `size` (1, 2 or 4) bytes to stimulus port `port` (0 to 31) becomes.
void append_instrumentation(std::vector<std::byte>& out, unsigned port, std::uint32_t value,
                            unsigned size);

/// A hardware source packet: `id` is the discriminator (0 to 31), `size` 1, 2 or 4.
void append_hardware(std::vector<std::byte>& out, unsigned id, std::uint32_t value, unsigned size);

void append_sync(std::vector<std::byte>& out);

void append_overflow(std::vector<std::byte>& out);

/// `ticks` since the last local timestamp, at most kMaxLocalTicks (more saturate); `tc` 0 to 3 says
/// whether the timestamp or the packet before it was delayed. Takes the one-byte form (LTS2) where
/// it can: 1 to 6 ticks with `tc` 0.
void append_local_timestamp(std::vector<std::byte>& out, std::uint32_t ticks, unsigned tc);

/// Bits 25:0 of the global timestamp. A packet of 1 to 3 `payload_bytes` carries the lowest seven
/// bits a byte, and says that the others are as they were; the two flags are in the fourth byte.
void append_global_timestamp1(std::vector<std::byte>& out, std::uint32_t low_bits, bool wrap,
                              bool clock_change, unsigned payload_bytes = 4);

/// Bits 47:26, or 63:26 if `wide`, of the global timestamp.
void append_global_timestamp2(std::vector<std::byte>& out, std::uint64_t high_bits, bool wide);

}  // namespace drone::itm
