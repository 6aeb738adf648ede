// SPDX-License-Identifier: MIT
#pragma once

// Writes a heaptrace file (docs/trace-format.md, section 4) from the packets of a capture: an ITM
// stream that holds a synchronization, then the heap's events and whatever else is needed to read
// them, in stream order.

#include <cstdint>
#include <span>
#include <vector>

#include "itm/packet.hpp"
#include "support/byte_stream.hpp"

namespace drone::heaptrace {

/// Takes every packet of a stream and writes what belongs into the trace of one port: its
/// instrumentation packets, all timestamps, overflows; for malformed stretches a GAP of their
/// length. The file may end after any byte that was written and is a trace until there.
class Writer {
 public:
  /// `port` 0 to 31. `sink` must outlive the writer.
  Writer(ByteSink& sink, unsigned port) : sink_(sink), port_(port) {}

  /// Hands `packets` to the sink, the file's head before the first of all. Not flushed. Throws what
  /// the sink throws.
  void write(std::span<const itm::Packet> packets);

  /// The same for a description of the heap that the capture knows and the stream did not say: no
  /// event of the target.
  void describe(std::span<const itm::Packet> packets);

  /// Says that `bytes` (0: nobody knows how many) of the stream were lost here.
  void gap(std::uint64_t bytes);

  /// Says that the capture was closed in order, and flushes. Nothing may be written after it.
  void close();

  unsigned port() const { return port_; }
  std::uint64_t events() const { return events_; }  ///< of the target: its writes to the port
  std::uint64_t bytes() const { return bytes_; }    ///< written in all

 private:
  void begin();
  void append(const itm::Packet& packet);
  void append_gap(std::uint64_t bytes);
  void hand_over();

  ByteSink& sink_;
  unsigned port_;
  bool begun_ = false;
  std::uint64_t events_ = 0;
  std::uint64_t bytes_ = 0;
  std::vector<std::byte> buffer_;
};

}  // namespace drone::heaptrace
