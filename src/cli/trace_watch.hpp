// SPDX-License-Identifier: MIT
#pragma once

// Reads along while heaps are recorded: for the status line, and for the verdict at the end.

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "cli/capture_watcher.hpp"
#include "cli/display.hpp"
#include "cli/itm_plan.hpp"
#include "cli/status_line.hpp"
#include "heaptrace/event_reader.hpp"
#include "heaptrace/growth.hpp"
#include "heaptrace/reader.hpp"
#include "support/error.hpp"

namespace drone::cli {

/// Reads what goes into one heaptrace file.
class TraceWatch {
 public:
  using Clock = heaptrace::Growth::Clock;

  /// `heap_size` as Drone.toml has it; else it is the trace's own.
  TraceWatch(unsigned port, std::optional<std::uint32_t> heap_size);
  TraceWatch(const TraceWatch&) = delete;
  TraceWatch& operator=(const TraceWatch&) = delete;

  void add(std::span<const itm::Packet> packets, Clock::time_point now);

  /// Brings growth() up to date.
  void flush(Clock::time_point now);

  /// The stream has ended.
  void finish();

  /// Complete after finish().
  heaptrace::Summary summary() const { return reader_.summary(); }
  const heaptrace::EventReader& reader() const { return reader_; }
  const heaptrace::Growth& growth() const { return growth_; }
  std::optional<std::uint64_t> heap_size() const;
  /// Of what summary() counts as malformed.
  std::uint64_t malformed_bytes() const { return malformed_bytes_; }

  /// The trace cannot be read on by this drone; what comes is recorded all the same.
  const std::optional<Error>& error() const { return error_; }

 private:
  std::optional<std::uint32_t> heap_size_;
  Clock::time_point now_;
  heaptrace::Growth growth_;
  heaptrace::EventReader reader_;
  std::uint64_t malformed_bytes_ = 0;
  std::optional<Error> error_;
};

/// Shows a status line: redrawn on a terminal, elsewhere a line now and then.
class RecordingWatcher final : public CaptureWatcher {
 public:
  using Clock = TraceWatch::Clock;

  static constexpr std::chrono::milliseconds kRedraw{200};
  static constexpr std::chrono::seconds kPlainLine{10};

  /// `heap_sizes` are those of the plan's traces, as far as Drone.toml has them. `colored` is for
  /// terminals.
  RecordingWatcher(const ItmPlan& plan, const std::vector<std::optional<std::uint32_t>>& heap_sizes,
                   Display& display, bool colored);

  void on_bytes(std::span<const std::byte> bytes) override { bytes_ += bytes.size(); }
  bool wants_packets() const override { return false; }  // but those of the traces
  void on_trace_packets(std::size_t trace, std::span<const itm::Packet> packets) override;
  void on_tick(Clock::time_point now) override;

  /// The capture has ended.
  void finish();

  const TraceWatch& trace(std::size_t index) const { return traces_[index]; }
  std::chrono::milliseconds elapsed() const { return elapsed_; }

  /// How it stands at `now`.
  RecordingStatus status(Clock::time_point now) const;

 private:
  struct Sample {
    Clock::time_point time;
    std::uint64_t events;
  };

  std::uint64_t events() const;
  void take_sample(Clock::time_point now);

  Display& display_;
  bool colored_;
  std::deque<TraceWatch> traces_;
  std::uint64_t bytes_ = 0;
  std::optional<Clock::time_point> started_;
  std::chrono::milliseconds elapsed_{0};
  Clock::time_point now_;
  Clock::time_point shown_;        ///< when the status was last shown
  std::uint64_t shown_bytes_ = 0;  ///< what it said then
  std::deque<Sample> samples_;     ///< of the last two seconds
};

}  // namespace drone::cli
