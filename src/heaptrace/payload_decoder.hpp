// SPDX-License-Identifier: MIT
#pragma once

// The bytes of a heap's port without the headers of their packets, as `drone itm 31:FILE` writes
// them. Bit 0 of an event's first byte says how long the event is: 2 bytes if it is 0, 4 if it
// is 1.
//
// Nothing else tells where events begin, so behind a lost byte the framing is wrong until it
// happens to be right again. As in resync_decoder.hpp, events are judged before they are handed on,
// and where one is a surprise, the explanation is looked for that describes the bytes around it in
// the fewest bits: either all is as it stands, or from some event p on up to q bytes are damaged.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "heaptrace/plausibility.hpp"
#include "itm/packet.hpp"

namespace drone::heaptrace {

/// Bytes in, in chunks of any length; the packets out that they were the payload of, the same
/// whatever the chunks: kInstrumentation of the port, and kMalformed for stretches that are no
/// events. Offsets and lengths are those of the payload, and add up.
class PayloadDecoder {
 public:
  using Sink = std::function<void(const itm::Packet&)>;

  PayloadDecoder(unsigned port, Sink sink)
      : port_(port), sink_(std::move(sink)), plausibility_(port) {}

  void feed(std::span<const std::byte> bytes);

  /// The file has ended: hands on what was held back. Returns how many bytes at its end belong to
  /// an event that is not whole.
  std::size_t finish();

 private:
  struct Held {
    itm::Packet packet;
    Plausibility::Undo undo;
    float bits = 0;
  };

  void judge(bool ended);
  void resolve(std::uint64_t end);
  float describe(std::uint64_t begin, std::uint64_t end, float limit);
  bool packet_at(std::uint64_t offset, itm::Packet& packet) const;
  void release(std::size_t count);
  std::uint64_t end_offset() const { return base_ + bytes_.size(); }

  unsigned port_;
  Sink sink_;
  Plausibility plausibility_;
  std::vector<std::byte> bytes_;   ///< from the first held packet on
  std::uint64_t base_ = 0;         ///< offset of the first of them
  std::uint64_t next_ = 0;         ///< offset behind the last held packet
  std::vector<Held> held_;         ///< judged
  unsigned hopeless_ = 0;          ///< surprises in a row that nothing explained
  unsigned repairs_ = 0;           ///< in a row that lay close together
  std::uint64_t last_repair_ = 0;  ///< offset
  std::uint64_t rest_until_ = 0;   ///< offset up to which surprises are let pass
  std::vector<Plausibility::Undo> scratch_;
};

}  // namespace drone::heaptrace
