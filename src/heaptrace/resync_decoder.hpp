// SPDX-License-Identifier: MIT
#pragma once

// Decodes the ITM stream of a traced heap, and doubts a framing that makes no sense for that heap.

#include <cstdint>
#include <functional>
#include <span>

#include "itm/decoder.hpp"

namespace drone::heaptrace {

/// The packets of an ITM stream, as itm::Decoder yields them; but where a byte was lost or damaged,
/// what the heap's port then seems to say is told from what it did say, and the doubtful stretch
/// becomes kMalformed. Holds back some packets until it is sure of them.
class ResyncDecoder {
 public:
  using Sink = std::function<void(const itm::Packet&)>;

  /// `port` is the heap's.
  ResyncDecoder(unsigned port, Sink sink) : port_(port), sink_(std::move(sink)) {}

  void feed(std::span<const std::byte> itm) { decoder_.feed(itm, sink_); }

  /// `bytes` (0: unknown) of the stream were lost here.
  void gap(std::uint64_t bytes) { decoder_.gap(bytes, sink_); }

  /// The stream has ended: hands on what was held back.
  void finish() { decoder_.finish(sink_); }

 private:
  unsigned port_;
  Sink sink_;
  itm::Decoder decoder_;
};

}  // namespace drone::heaptrace
