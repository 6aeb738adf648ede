// SPDX-License-Identifier: MIT
#pragma once

// Whoever looks on while a capture runs: the status line, the diagnosis of silence, the verdict.

#include <chrono>
#include <cstddef>
#include <span>

#include "itm/packet.hpp"

namespace drone::cli {

/// Called by the thread that decodes, in stream order.
class CaptureWatcher {
 public:
  virtual ~CaptureWatcher() = default;

  /// Bytes as they came from the source.
  virtual void on_bytes(std::span<const std::byte>) {}

  /// `bytes` (0: unknown) were lost because this process was too slow for the source.
  virtual void on_gap(std::uint64_t) {}

  /// Whether on_packets() is of any use now. As long as no watcher says so, no packets are made,
  /// and a capture that writes ports alone is about three times as fast.
  virtual bool wants_packets() const { return true; }

  /// Packets of the stream, for all ports; none while no watcher wants any.
  virtual void on_packets(std::span<const itm::Packet>) {}

  /// Packets on their way into heaptrace file number `trace` of the plan: doubtful stretches are
  /// kMalformed there.
  virtual void on_trace_packets(std::size_t /*trace*/, std::span<const itm::Packet>) {}

  /// At least every 100 ms while the capture runs, whether anything comes or not.
  virtual void on_tick(std::chrono::steady_clock::time_point) {}
};

}  // namespace drone::cli
