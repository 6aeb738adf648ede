// SPDX-License-Identifier: MIT
#pragma once

// Decodes the ITM stream of a traced heap, and doubts a framing that makes no sense for that heap.
//
// A byte that is lost on the way takes the framing with it: the packet that it belonged to swallows
// the next header, payload is read as headers, and some events that nobody sent come out before the
// framing happens to be right again. So packets are judged (plausibility.hpp) before they are
// handed on, and where one is a surprise, other framings of the bytes around it are compared with
// the one at hand: for each packet boundary p from a few packets before the surprise on, and each
// of the bytes q behind p, "what lies from p to q is damaged, and at q a packet begins". The
// shortest description wins, the damage itself being charged for its bytes and its place. If that
// is not the framing at hand, the bytes from p to q become kMalformed, and decoding goes on at q.
// Where several explanations are nearly as good, what they do not agree upon is damaged.
//
// All of it depends on the bytes alone, not on chunks or time.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "heaptrace/plausibility.hpp"
#include "itm/decoder.hpp"

namespace drone::heaptrace {

/// The packets of an ITM stream, as itm::Decoder yields them; but where a byte was lost or damaged,
/// what the heap's port then seems to say is told from what it did say, and the doubtful stretch
/// becomes kMalformed. Holds back the last packets, and about 50 bytes behind a surprise, until it
/// is sure of them. Lengths of packets add up to the bytes fed, as the decoder's do. A stream of
/// noise takes longer, by a bounded factor.
class ResyncDecoder {
 public:
  using Sink = std::function<void(const itm::Packet&)>;

  /// `port` is the heap's.
  ResyncDecoder(unsigned port, Sink sink);

  void feed(std::span<const std::byte> itm);

  /// `bytes` (0: unknown) of the stream were lost here.
  void gap(std::uint64_t bytes);

  /// The stream has ended: hands on what was held back. Returns how many bytes at the end belong to
  /// a packet that is not whole.
  std::size_t finish();

 private:
  /// A packet that was decoded and not handed on yet.
  struct Held {
    itm::Packet packet;
    Plausibility::Undo undo;
    float bits = 0;
  };
  struct Repair {
    std::size_t first = 0;     ///< index of the held packet that the damage begins with
    std::uint64_t resume = 0;  ///< where the next packet begins
  };

  /// A sink that holds packets.
  auto hold() {
    return [this](itm::Packet packet) {
      packet.offset += decoder_base_;
      held_.push_back({packet, {}, 0});
    };
  }
  void decode(std::span<const std::byte> bytes);
  void judge(bool ended);
  void begin_stream(bool ended);
  bool resolve(std::size_t suspect, std::uint64_t end);
  bool find_repair(std::size_t first, std::size_t suspect, std::uint64_t end, Repair& repair);
  bool agrees_on_events(const Repair& repair) const;
  /// A framing of some bytes.
  struct Description {
    float bits = 0;
    std::uint64_t first_surprise = 0;  ///< offset of the first packet that is one, or of the end
  };
  static bool is_credible(const Description& description, std::uint64_t begin, std::uint64_t end);
  Description describe(std::uint64_t begin, std::uint64_t end, float limit);
  std::uint64_t boundary_from(std::uint64_t begin, std::uint64_t least, std::uint64_t end);
  void apply(const Repair& repair);
  void release(std::size_t count);
  std::uint64_t end_offset() const { return base_ + bytes_.size(); }
  std::span<const std::byte> bytes_between(std::uint64_t begin, std::uint64_t end) const {
    return std::span(bytes_).subspan(begin - base_, end - begin);
  }

  unsigned port_;
  Sink sink_;
  Plausibility plausibility_;
  itm::Decoder decoder_;
  std::uint64_t decoder_base_ = 0;  ///< offset of the first byte that the decoder was fed
  bool at_begin_ = true;            ///< of the stream, or behind a gap: not known to be a boundary
  std::vector<std::byte> bytes_;    ///< from the first held packet on
  std::uint64_t base_ = 0;          ///< offset of the first of them
  std::vector<Held> held_;
  std::size_t judged_ = 0;                ///< how many of them, from the first, were taken as said
  std::size_t learned_ = 0;               ///< how many of those were learned from
  unsigned hopeless_ = 0;                 ///< surprises in a row that no framing explained
  std::uint64_t rest_until_ = 0;          ///< offset up to which surprises are let pass
  std::vector<Plausibility::Undo> undo_;  ///< of a framing that is tried
};

}  // namespace drone::heaptrace
