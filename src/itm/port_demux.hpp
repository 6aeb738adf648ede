// SPDX-License-Identifier: MIT
#pragma once

// An ITM stream in, each stimulus port's payload bytes out.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "itm/decoder.hpp"
#include "itm/packet.hpp"
#include "itm/packet_scatter.hpp"
#include "support/byte_stream.hpp"

namespace drone::itm {

inline constexpr unsigned kPortCount = 32;

/// What of a stream was lost, as far as its packets tell.
struct StreamLosses {
  std::uint64_t overflows = 0;        ///< the target's own: its FIFO was full
  std::uint64_t malformed = 0;        ///< stretches of bytes that are no packet
  std::uint64_t malformed_bytes = 0;  ///< their length
  std::uint64_t gaps = 0;             ///< places where bytes were lost before they came
  std::uint64_t gap_bytes = 0;        ///< how many, where that is known

  bool any() const { return overflows != 0 || malformed != 0 || gaps != 0; }
};

/// Hands payload bytes on to the sinks of their port in stream order, and counts what passes.
class PortDemux {
 public:
  /// `sink` gets the payload of `port` (0 to 31) from now on; it must outlive the demultiplexer's
  /// use. A sink may take several ports, a port go to several sinks.
  void add_route(unsigned port, ByteSink& sink);

  /// Decodes `bytes`, which follow those fed before, and hands on what is certain now, faster than
  /// through packets, and exactly the same. Throws whatever a sink throws.
  void feed(std::span<const std::byte> bytes);

  /// The same by way of packets, which are appended to `packets`. The two may take turns.
  void feed(std::span<const std::byte> bytes, std::vector<Packet>& packets);

  /// As those of Decoder; what packets that makes is appended to `packets`, if there are any.
  void gap(std::uint64_t bytes, std::vector<Packet>* packets = nullptr);
  std::size_t finish(std::vector<Packet>* packets = nullptr);

  /// For streams that are decoded elsewhere: takes their packets. Throws whatever a sink throws.
  void write(std::span<const Packet> packets);

  /// Instrumentation packets seen, by port.
  const std::array<std::uint64_t, kPortCount>& packets() const { return packets_; }
  bool any_packet() const;
  const StreamLosses& losses() const { return losses_; }

 private:
  void write(const Packet& packet);
  void count_scattered();

  Decoder decoder_;
  PacketScatter scatter_;
  std::array<std::vector<ByteSink*>, kPortCount> routes_;
  std::array<std::uint64_t, kPortCount> packets_{};
  StreamLosses losses_;
};

}  // namespace drone::itm
