// SPDX-License-Identifier: MIT
#pragma once

// What would have happened: a trace replayed on any layout, with all there is to say of it. Where
// only the verdict matters, replay.hpp is enough.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "heaptrace/event.hpp"
#include "layout/replay.hpp"

namespace drone::layout {

/// What is in use at one moment. What the blocks have beyond the requested bytes is lost inside
/// them: internal fragmentation.
struct InUse {
  std::uint64_t event = 0;            ///< the number of the event before it, from 1 on
  std::uint64_t block_bytes = 0;      ///< of the blocks in use
  std::uint64_t requested_bytes = 0;  ///< what the program asked for in them

  std::uint64_t lost() const { return block_bytes - requested_bytes; }

  friend bool operator==(const InUse&, const InUse&) = default;
};

/// The use of a heap over time, in a bounded number of pieces of equal length: when they are full,
/// each two become one. A piece keeps its moment of the most block bytes, of several the first.
class Timeline {
 public:
  static constexpr std::size_t kMostPieces = 960;

  void add(const InUse& now) {
    if (in_last_ == piece_length_) begin_piece();
    if (pieces_.empty() || in_last_ == 0) pieces_.push_back(now);
    if (now.block_bytes > pieces_.back().block_bytes) pieces_.back() = now;
    ++in_last_;
  }

  /// Events that a piece is long; the last one may be shorter.
  std::uint64_t piece_length() const { return piece_length_; }
  const std::vector<InUse>& pieces() const { return pieces_; }

 private:
  void begin_piece();

  std::uint64_t piece_length_ = 1;
  std::uint64_t in_last_ = 0;  ///< events in the last piece
  std::vector<InUse> pieces_;
};

/// Requests of one size and alignment that failed.
struct FailedInReplay {
  std::uint32_t size = 0;       ///< requested bytes
  std::uint32_t alignment = 0;  ///< bytes
  std::uint64_t count = 0;
  std::uint64_t first_event = 0;  ///< the number of the event that asked, from 1 on

  friend bool operator==(const FailedInReplay&, const FailedInReplay&) = default;
};

struct SimulationResult {
  ReplayResult replay;
  std::vector<std::uint64_t> served;   ///< by pool: requests, spills included
  std::vector<FailedInReplay> failed;  ///< that had not failed in the trace; ascending size
  std::uint64_t failed_in_both = 0;    ///< requests that had failed in the trace, too
  std::uint64_t events = 0;
  InUse peak;   ///< the most block bytes
  InUse worst;  ///< the most bytes lost inside blocks
  Timeline timeline;
};

/// Replays a trace as Replay does, and follows what the program holds in its blocks. Memory by live
/// blocks, not by the length of the trace.
class Simulation {
 public:
  /// `pools` in ascending block size; `base_alignment` 4 or 8.
  Simulation(std::span<const heap::PoolSpec> pools, std::uint32_t base_alignment)
      : pools_(pools.begin(), pools.end()), replay_(pools, base_alignment) {}

  void add(std::span<const heaptrace::Event> events);
  SimulationResult result() const;

 private:
  void add(const heaptrace::Event& event);
  std::optional<std::uint32_t> held(std::uint32_t block, std::uint32_t in_trace) const;

  std::vector<heap::PoolSpec> pools_;
  Replay replay_;
  /// Blocks that are not what the trace says, because a request failed here: the bytes that they
  /// were granted last, nothing if they are not live.
  std::unordered_map<std::uint32_t, std::optional<std::uint32_t>> otherwise_;
  std::uint64_t requested_bytes_ = 0;
  std::uint64_t events_ = 0;
  std::map<std::pair<std::uint32_t, std::uint32_t>, FailedInReplay> failed_;  ///< size, alignment
  std::uint64_t failed_in_both_ = 0;
  InUse peak_;
  InUse worst_;
  Timeline timeline_;
};

}  // namespace drone::layout
