// SPDX-License-Identifier: MIT
#include "layout/simulation.hpp"

namespace drone::layout {

using heaptrace::Event;
using heaptrace::EventKind;

void Timeline::begin_piece() {
  in_last_ = 0;
  if (pieces_.size() != kMostPieces) return;
  for (std::size_t i = 0; i != kMostPieces / 2; ++i) {
    const InUse& first = pieces_[2 * i];
    const InUse& second = pieces_[2 * i + 1];
    pieces_[i] = second.block_bytes > first.block_bytes ? second : first;
  }
  pieces_.resize(kMostPieces / 2);
  piece_length_ *= 2;
}

void Simulation::add(std::span<const Event> events) {
  for (const Event& event : events) add(event);
}

/// The bytes that a block was granted last; nothing if it is not live. `in_trace` is what the trace
/// says.
std::optional<std::uint32_t> Simulation::held(std::uint32_t block, std::uint32_t in_trace) const {
  const auto found = otherwise_.find(block);
  return found == otherwise_.end() ? in_trace : found->second;
}

void Simulation::add(const Event& event) {
  ++events_;
  const std::uint64_t failed_before = replay_.result().failed;
  replay_.add({&event, 1});
  const bool failed = replay_.result().failed != failed_before;
  if (failed && event.kind == EventKind::kFailed) {
    ++failed_in_both_;
  } else if (failed) {
    FailedInReplay& row = failed_[{event.size, event.alignment}];
    if (row.count++ == 0) row = {event.size, event.alignment, 1, events_};
  }

  switch (event.kind) {
    case EventKind::kAlloc:
      if (failed) {
        otherwise_[event.block] = std::nullopt;
      } else {
        otherwise_.erase(event.block);
        requested_bytes_ += event.size;
      }
      break;
    case EventKind::kDealloc:
      requested_bytes_ -= held(event.block, event.old_size).value_or(0);
      otherwise_.erase(event.block);
      break;
    case EventKind::kResize: {
      const std::optional<std::uint32_t> before = held(event.block, event.old_size);
      if (!before) break;
      if (failed) {
        otherwise_[event.block] = before;
      } else {
        otherwise_.erase(event.block);
        requested_bytes_ += event.size;
        requested_bytes_ -= *before;
      }
      break;
    }
    case EventKind::kRealign:
      if (!failed) break;
      requested_bytes_ -= held(event.block, event.size).value_or(0);
      otherwise_[event.block] = std::nullopt;
      break;
    case EventKind::kFailed:
      break;
    case EventKind::kReset:
      otherwise_.clear();
      requested_bytes_ = 0;
      break;
  }

  std::uint64_t block_bytes = 0;
  for (std::size_t i = 0; i != pools_.size(); ++i) {
    block_bytes += pools_[i].block_size * replay_.used()[i];
  }
  const InUse now = {events_, block_bytes, requested_bytes_};
  if (now.block_bytes > peak_.block_bytes) peak_ = now;
  if (now.lost() > worst_.lost()) worst_ = now;
  timeline_.add(now);
}

SimulationResult Simulation::result() const {
  SimulationResult result;
  result.replay = replay_.result();
  result.served = replay_.served();
  for (const auto& [request, row] : failed_) result.failed.push_back(row);
  result.failed_in_both = failed_in_both_;
  result.events = events_;
  result.peak = peak_;
  result.worst = worst_;
  result.timeline = timeline_;
  return result;
}

}  // namespace drone::layout
