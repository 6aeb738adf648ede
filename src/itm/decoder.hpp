// SPDX-License-Identifier: MIT
#pragma once

// Decodes an ITM byte stream into packets (ARMv7-M Architecture Reference Manual, appendix D4).
//
// A header byte says what a packet is, and with that how long:
//
//   0000 0000  zero bytes: a synchronization, if there are five or more and 0x80 ends them
//   0111 0000  overflow
//   0ttt 0000  local timestamp 2, 1 to 6 ticks
//   11tt 0000  local timestamp 1, then 1 to 4 bytes
//   1001 0100  global timestamp 1, then 1 to 4 bytes
//   1011 0100  global timestamp 2, then 4 or 6 bytes
//   cxxx 1s00  extension, then, if c is set, up to 4 bytes
//   pppp p0ss  stimulus port p, ss = 1, 2, 3: then 1, 2, 4 bytes (payload)
//   dddd d1ss  hardware source d, the same
//   cxxx xx00  anything else is reserved; if c is set, bytes follow
//
// Where bytes follow and their number is not given above, bit 7 of each says whether another does.
//
// A packet that ends in a zero byte is told apart from one that was cut short by a synchronization
// only by what comes next: if fewer than five zeros lie between it and 0x80, some of its bytes are
// those of the synchronization. So it is delivered when the byte after it is known.

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "itm/packet.hpp"

namespace drone::itm {

namespace detail {

/// How the bytes after a header are delimited.
enum class Form : std::uint8_t {
  kFixed,      ///< `size` bytes follow
  kContinued,  ///< 1 to `size` bytes follow
  kZero,       ///< perhaps a synchronization
  kReserved,
};

struct Header {
  Form form = Form::kReserved;
  PacketKind kind = PacketKind::kMalformed;
  std::uint8_t source = 0;
  std::uint8_t size = 0;
  std::uint8_t detail = 0;
  std::uint8_t value = 0;  ///< the part of the packet's value that the header carries
};

constexpr Header parse_header(unsigned byte) {
  const auto bits = [byte](unsigned shift, unsigned mask) {
    return static_cast<std::uint8_t>((byte >> shift) & mask);
  };
  if (const unsigned code = byte & 3; code != 0) {
    const bool hardware = (byte & kHardwareBit) != 0;
    return {Form::kFixed,
            hardware ? PacketKind::kHardware : PacketKind::kInstrumentation,
            bits(3, 0x1F),
            static_cast<std::uint8_t>(code == 3 ? 4 : code),
            0,
            0};
  }
  if (byte == 0) return {Form::kZero, PacketKind::kSync, 0, 0, 0, 0};
  if (byte == kOverflowHeader) return {Form::kFixed, PacketKind::kOverflow, 0, 0, 0, 0};
  if (byte == kGlobalTimestamp1Header) {
    return {Form::kContinued, PacketKind::kGlobalTimestamp1, 0, 4, 0, 0};
  }
  if (byte == kGlobalTimestamp2Header) {
    return {Form::kContinued, PacketKind::kGlobalTimestamp2, 0, 6, 0, 0};
  }
  if ((byte & 0x8F) == 0) {
    return {Form::kFixed, PacketKind::kLocalTimestamp, 0, 0, 0, bits(4, 7)};
  }
  if ((byte & 0xCF) == kLocalTimestamp1Header) {
    return {Form::kContinued, PacketKind::kLocalTimestamp, 0, 4, bits(4, 3), 0};
  }
  if ((byte & 0x08) != 0) {
    // A page has one byte; whatever is longer, or has bit 2 set, is some other extension.
    const bool continued = (byte & kContinuationBit) != 0;
    const bool page = !continued && (byte & 0x04) == 0;
    return {continued ? Form::kContinued : Form::kFixed,
            PacketKind::kExtension,
            static_cast<std::uint8_t>(page ? 0 : 1),
            static_cast<std::uint8_t>(continued ? 4 : 0),
            0,
            bits(4, 7)};
  }
  return {};
}

inline constexpr std::array<Header, 256> kHeaders = [] {
  std::array<Header, 256> headers{};
  for (unsigned byte = 0; byte != 256; ++byte) headers[byte] = parse_header(byte);
  return headers;
}();

/// The eight bytes from `bytes` on, the first one lowest.
inline std::uint64_t load_window(const std::byte* bytes) {
  std::uint64_t window = 0;
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(&window, bytes, sizeof(window));
  } else {
    for (unsigned i = 0; i != 8; ++i) {
      window |= static_cast<std::uint64_t>(bytes[i]) << (8 * i);
    }
  }
  return window;
}

}  // namespace detail

/// Bytes in, packets out. Accepts any bytes, in chunks of any length: the packets are the same
/// whatever the chunks. Needs no synchronization to start. Bytes that fit no packet become
/// kMalformed, contiguous ones together (in pieces of about 1 MiB), and decoding goes on behind
/// them: where the grammar says that they end, or at the synchronization that cut a packet.
/// The packets' lengths add up to the bytes fed, but for an unfinished packet at the end.
/// Holds no memory.
class Decoder {
 public:
  /// Decodes `bytes`, which follow those fed before, and calls `sink(const Packet&)` for each
  /// packet that is certain now.
  template <class Sink>
  void feed(std::span<const std::byte> bytes, Sink&& sink);

  /// The same for who can tell packets from the bytes: wherever at_packet_start(), `take(bytes)`
  /// may take some off the bytes that are there, and returns how many bytes these are.
  template <class Sink, class Take>
  void feed(std::span<const std::byte> bytes, Sink&& sink, Take&& take);

  /// The same as the first, appending to `packets`.
  void feed(std::span<const std::byte> bytes, std::vector<Packet>& packets) {
    feed(bytes, [&packets](const Packet& packet) { packets.push_back(packet); });
  }

  /// `bytes` bytes (0: nobody knows how many) were lost between what was fed and what will be: the
  /// packet that they cut becomes kMalformed, and a kGap follows. What comes next is taken to begin
  /// a packet.
  template <class Sink>
  void gap(std::uint64_t bytes, Sink&& sink) {
    push_gap(bytes);
    drain(sink);
  }

  /// Nothing is pending, and the next byte begins a packet of the first stimulus page. Who can tell
  /// packets from the bytes may then take some, and skip() them here.
  bool at_packet_start() const { return at_clean_boundary() && page_ == 0; }
  void skip(std::size_t bytes) { position_ += bytes; }

  /// The stream has ended: delivers what was held back. Returns how many bytes at its end belong to
  /// a packet that is not whole; a stream may end anywhere, so this is no fault. The decoder then
  /// is as new.
  template <class Sink>
  std::size_t finish(Sink&& sink);
  std::size_t finish(std::vector<Packet>& packets) {
    return finish([&packets](const Packet& packet) { packets.push_back(packet); });
  }

 private:
  enum class State : std::uint8_t {
    kBoundary,   ///< the next byte is a header, or one more of `zeros_`
    kFixed,      ///< in `current_`, `missing_` bytes to come
    kContinued,  ///< in `current_`, until a byte says that it is the last
    kSkip,       ///< in the malformed `current_`, until a byte says that it is the last
  };

  bool at_clean_boundary() const { return state_ == State::kBoundary && zeros_ == 0 && !has_held_; }

  template <class Sink>
  const std::byte* feed_whole_packets(const std::byte* begin, const std::byte* end,
                                      std::size_t most, Sink&& sink);
  template <class Sink>
  void drain(Sink&& sink) {
    for (std::size_t i = 0; i != ready_count_; ++i) sink(static_cast<const Packet&>(ready_[i]));
    ready_count_ = 0;
  }

  // The whole grammar, a byte at a time, into `ready_`.
  void push(std::uint8_t byte);
  void begin_packet(std::uint8_t byte);
  void push_fixed(std::uint8_t byte);
  void push_continued(std::uint8_t byte);
  void end_zeros(std::uint8_t byte);
  void end_packet(Packet packet, std::uint32_t trailing_zeros);
  void end_skip();
  void push_gap(std::uint64_t bytes);
  std::size_t end_stream();
  void release_held();
  void deliver(const Packet& packet);

  std::uint64_t position_ = 0;  ///< of the next byte
  State state_ = State::kBoundary;
  std::uint8_t page_ = 0;     ///< the stimulus page's first port
  std::uint8_t missing_ = 0;  ///< of kFixed
  bool has_held_ = false;
  std::uint32_t zeros_ = 0;          ///< zero bytes seen at the boundary
  std::uint32_t current_zeros_ = 0;  ///< zero bytes that `current_` ends in so far
  std::uint32_t held_zeros_ = 0;     ///< zero bytes that `held_` ends in
  Packet current_;
  Packet held_;
  std::array<Packet, 4> ready_;
  std::size_t ready_count_ = 0;
};

template <class Sink>
void Decoder::feed(std::span<const std::byte> bytes, Sink&& sink) {
  struct TakeNone {
    std::size_t operator()(std::span<const std::byte>) const { return 0; }
  };
  feed(bytes, sink, TakeNone());
}

template <class Sink, class Take>
void Decoder::feed(std::span<const std::byte> bytes, Sink&& sink, Take&& take) {
  constexpr std::size_t kTogether =
      16;  // packets that are none for `take`, before it is asked again
  const std::byte* next = bytes.data();
  const std::byte* const end = next + bytes.size();
  while (next != end) {
    if (has_held_ && state_ == State::kBoundary && zeros_ == 0 && *next != std::byte{0} &&
        held_.kind != PacketKind::kMalformed) {
      release_held();
      drain(sink);
    }
    if (at_packet_start()) {
      const std::size_t taken = take(std::span(next, end));
      skip(taken);
      next += taken;
      const std::byte* const stop = feed_whole_packets(next, end, taken == 0 ? kTogether : 1, sink);
      position_ += static_cast<std::uint64_t>(stop - next);
      if (stop != next || next == end) {
        next = stop;
        continue;
      }
    }
    push(static_cast<std::uint8_t>(*next++));
    drain(sink);
  }
}

/// The common case, fast: at most `most` source packets, local timestamps and overflows that lie
/// whole in the chunk. Stops at the first header that is something else, or whose packet may have
/// been cut.
template <class Sink>
const std::byte* Decoder::feed_whole_packets(const std::byte* begin, const std::byte* end,
                                             std::size_t most, Sink&& sink) {
  constexpr std::uint64_t kLastMarks = 0x80'80'80'80'00;
  const std::byte* next = begin;
  for (; end - next >= 8 && most != 0; --most) {
    const std::uint64_t window = detail::load_window(next);
    const detail::Header& header = detail::kHeaders[window & 0xFF];
    Packet packet;
    unsigned size = header.size;
    if (header.form == detail::Form::kFixed && header.kind != PacketKind::kExtension) [[likely]] {
      packet.size = header.size;
      packet.value = ((window >> 8) & ((std::uint64_t{1} << (8 * size)) - 1)) | header.value;
    } else if (header.kind == PacketKind::kLocalTimestamp && (~window & kLastMarks) != 0) {
      size = static_cast<unsigned>(std::countr_zero(~window & kLastMarks)) / 8;
      const std::uint64_t ticks = ((window >> 8) & 0x7F) | ((window >> 9) & (0x7F << 7)) |
                                  ((window >> 10) & (0x7F << 14)) | ((window >> 11) & (0x7F << 21));
      packet.value = ticks & ((std::uint64_t{1} << (7 * size)) - 1);
    } else {
      break;
    }
    const bool may_be_cut = ((window >> (8 * size)) & 0xFFFF) == 0;
    if (may_be_cut) break;
    packet.kind = header.kind;
    packet.source = header.source;
    packet.detail = header.detail;
    packet.length = size + 1;
    packet.offset = position_ + static_cast<std::uint64_t>(next - begin);
    sink(static_cast<const Packet&>(packet));
    next += size + 1;
  }
  return next;
}

template <class Sink>
std::size_t Decoder::finish(Sink&& sink) {
  const std::size_t unfinished = end_stream();
  drain(sink);
  *this = Decoder();
  return unfinished;
}

}  // namespace drone::itm
