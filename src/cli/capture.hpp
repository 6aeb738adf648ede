// SPDX-License-Identifier: MIT
#pragma once

// The capture itself: from a stream of SWO bytes, through one decoder, to everything that a plan
// names, until the stream ends or the user ends it.

#include <cstdint>
#include <deque>
#include <exception>
#include <optional>
#include <vector>

#include "cli/display.hpp"
#include "cli/environment.hpp"
#include "cli/itm_plan.hpp"
#include "cli/trace_head.hpp"
#include "heaptrace/writer.hpp"
#include "itm/decoder.hpp"
#include "itm/port_demux.hpp"
#include "probe/probe.hpp"
#include "support/capture_file.hpp"
#include "support/error.hpp"
#include "support/interrupts.hpp"

namespace drone::cli {

/// A sink whose failure does not end the capture in the middle: it is kept for later, and what
/// comes after it is dropped.
class GuardedSink final : public ByteSink {
 public:
  explicit GuardedSink(ByteSink& sink) : sink_(sink) {}
  void write(std::span<const std::byte> bytes) override;
  void flush() override;
  const std::optional<Error>& error() const { return error_; }

 private:
  ByteSink& sink_;
  std::optional<Error> error_;
};

class Capture {
 public:
  /// One heaptrace file of the plan. It is begun, and what it held before given up, when the first
  /// packet of the heap's port comes.
  struct Trace {
    std::filesystem::path file;
    heaptrace::Writer writer;
    const GuardedSink& sink;
    bool was_there = false;   ///< before the capture
    std::string reader = {};  ///< the command that reads it
    TraceHead head = {};      ///< until it is begun

    bool begun() const { return writer.events() != 0; }
  };

  /// Opens the files of the plan, and touches none of what they hold. Throws Error (kInput).
  Capture(const ItmPlan& plan, Environment& environment, const Interrupts& interrupts);

  /// Takes the stream to its end, or until the user requests one, a file cannot be written, or
  /// standard output is closed while nothing is recorded (a recording goes on, and says so); then
  /// the stream is stopped and what is there still is taken, for two seconds at most. All outputs
  /// are then closed in order. Failures are kept for rethrow().
  void run(probe::SwoStream& stream);

  const itm::PortDemux& ports() const { return demux_; }
  const std::deque<Trace>& traces() const { return traces_; }
  std::uint64_t bytes() const { return bytes_; }  ///< that came from the stream
  /// Whoever read standard output has gone, and nothing else was wanted.
  bool ended_by_reader() const { return display_.closed() && files_.empty(); }

  /// Throws the first failure of an output, or else of the stream, if there was one.
  void rethrow() const;

  /// The outputs' failures, in the order of the plan.
  std::vector<Error> output_errors() const;

 private:
  bool must_end() const;
  void pump(probe::SwoStream& stream);
  void tell_of_closed_display();
  void drain(probe::SwoStream& stream);
  bool read_chunk(probe::SwoStream& stream);
  void take(std::span<const std::byte> bytes);
  void deliver();
  void record(Trace& trace);
  void close();

  const Interrupts& interrupts_;
  std::ostream& err_;
  int display_descriptor_;  ///< to watch for its end: -1 without one, and behind it
  Display display_;
  std::deque<CaptureFile> files_;
  std::deque<GuardedSink>
      outputs_;  ///< as the files, the display last: what is recorded does not wait for it
  std::deque<Trace> traces_;
  std::size_t port_files_;  ///< how many, the first of the files
  itm::Decoder decoder_;
  itm::PortDemux demux_;
  std::vector<itm::Packet> packets_;
  std::vector<std::byte> buffer_;
  std::uint64_t bytes_ = 0;
  std::exception_ptr stream_error_;
};

}  // namespace drone::cli
