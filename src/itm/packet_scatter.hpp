// SPDX-License-Identifier: MIT
#pragma once

// The fast way from ITM bytes to each port's payload, for what nearly all of a stream is: source
// packets, local timestamps and overflows. No packet is made of them.
//
// What limits a decoder is that a packet's length is in its header, and that the next header can be
// loaded only when the length is known. So for a block of bytes the length that a packet would have
// is computed at every place first, which processors do for many places at a time; what is left of
// the chain is to add up lengths. Payloads are copied as four bytes whatever their size, so that
// nothing depends on what a header says but where the next copy goes.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "support/byte_stream.hpp"

namespace drone::itm {

class PacketScatter {
 public:
  /// `sink` gets the payload of `port` (0 to 31). Payloads for one sink stay in stream order.
  void add_route(unsigned port, ByteSink& sink);

  /// There are not more sinks than can be served here, 255.
  bool serves_all() const { return serves_all_; }

  /// Only if it serves all. `bytes` begin a packet. Takes whole packets from their front, hands on
  /// their payload, and returns how many bytes that were: up to a packet of another kind, or up to
  /// the last one, if what comes behind it may tell that it was cut by a synchronization. Throws
  /// whatever a sink throws.
  std::size_t take(std::span<const std::byte> bytes);

  /// What was taken since the last call, by header: of source packets and overflows, how many.
  using Counts = std::array<std::uint32_t, 256>;
  const Counts& counts() const { return counts_; }
  void clear_counts() { counts_.fill(0); }

 private:
  /// A sink, and what it is to get.
  struct Lane {
    ByteSink* sink;
    std::size_t used;
  };
  /// Where a header's payload goes: its lane, and how much of it counts there.
  struct Target {
    std::uint32_t lane = 0;
    std::uint16_t size = 0;
    bool has_more = false;  ///< the port's other lanes get it, too
  };

  /// By lane, where in the buffer its next byte goes.
  using Ends = std::array<std::uint32_t, 256>;

  std::size_t take_block(const std::byte* begin, std::size_t size);
  std::byte* lane_bytes(std::size_t lane);
  void put_in_other_lanes(std::uint8_t header, const std::byte* payload, Ends& ends);

  std::vector<Lane> lanes_ = {{nullptr, 0}};  ///< the first is nobody's
  std::array<Target, 256> targets_{};
  std::array<std::vector<std::uint32_t>, 32> other_lanes_;
  std::vector<std::byte> buffer_;  ///< of all lanes
  bool serves_all_ = true;
  Counts counts_{};
};

}  // namespace drone::itm
