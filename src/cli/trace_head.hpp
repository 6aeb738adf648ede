// SPDX-License-Identifier: MIT
#pragma once

// What a heaptrace file holds before its first event, kept while there may never be one: an old
// recording is not given up for timestamps alone.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "itm/packet.hpp"

namespace drone::cli {

/// Sums up packets of a stream in constant space. What matters to a reader of the events behind
/// them is kept: the time that has passed, the overflows, the bytes that were no packet.
class TraceHead {
 public:
  /// `packets` without any of the heap's port. Others than timestamps and losses are left out.
  void add(std::span<const itm::Packet> packets);

  /// The sum, as packets: losses first, then timestamps. Empty when there were none.
  std::vector<itm::Packet> packets() const;

 private:
  void add_global_timestamp1(const itm::Packet& packet);

  std::uint64_t overflows_ = 0;
  std::uint64_t malformed_bytes_ = 0;
  std::uint64_t gaps_ = 0;
  std::uint64_t gap_bytes_ = 0;
  std::uint64_t ticks_ = 0;
  std::optional<itm::Packet> local_;  ///< the last one
  std::optional<itm::Packet> global1_;
  std::optional<itm::Packet> global2_;
};

}  // namespace drone::cli
