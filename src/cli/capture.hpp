// SPDX-License-Identifier: MIT
#pragma once

// The capture itself: from a stream of SWO bytes to everything that a plan names, until the stream
// ends or the user ends it.
//
// A thread of its own takes the bytes of the source, and waits for nothing else; they go through a
// bounded queue to the thread that decodes and writes. So a slow disk or terminal does not hold up
// the source. Where it lasts so long that the queue is full, a source that can wait (a file, a
// pipe, the emulated board at full speed) is made to, and nothing is lost. What any other source
// sends then is lost: the bytes are counted, and a GAP stands in their place in every heaptrace
// file.
//
//   source ─► queue ─┬─► raw file
//                    └─► InputStage ─┬─► Decoder ─► port files, display
//                                    └─► a TraceRecorder for each heap ─► heaptrace file

#include <chrono>
#include <cstdint>
#include <deque>
#include <exception>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/capture_watcher.hpp"
#include "cli/display.hpp"
#include "cli/environment.hpp"
#include "cli/guarded_sink.hpp"
#include "cli/itm_plan.hpp"
#include "cli/trace_recorder.hpp"
#include "heaptrace/noted_heaps.hpp"
#include "heaptrace/writer.hpp"
#include "itm/input_stage.hpp"
#include "itm/port_demux.hpp"
#include "probe/probe.hpp"
#include "probe/source_reader.hpp"
#include "support/bounded_byte_queue.hpp"
#include "support/capture_file.hpp"
#include "support/error.hpp"
#include "support/interrupts.hpp"

namespace drone::cli {

/// What ended a capture.
enum class CaptureEnd {
  kSource,       ///< it ended or failed
  kInterrupted,  ///< the user did, by a signal
  kDuration,     ///< the plan's
  kEvents,       ///< as many as the plan's have come
  kReaderGone,   ///< whoever read standard output, and nothing else was wanted
  kOutputs,      ///< none can be written any more
};

class Capture {
 public:
  /// What is kept of a source that cannot wait: over half a minute at 2 MB/s, more than any probe
  /// sends over SWO at 20 Mbit/s. A laptop's disk that wakes up, or a machine that swaps, is back
  /// sooner; and it is memory that no computer misses.
  static constexpr std::size_t kQueueBytes = std::size_t{64} << 20;
  /// What is read ahead of a source that can: enough for both threads to run.
  static constexpr std::size_t kReadAheadBytes = std::size_t{4} << 20;

  /// One heaptrace file of the plan.
  struct Trace {
    std::filesystem::path file;
    const heaptrace::Writer& writer;
    const GuardedSink& sink;
    bool was_there = false;   ///< before the capture
    std::string reader = {};  ///< the command that reads it

    bool begun() const { return writer.events() != 0; }
  };

  /// One file of the plan that ports are written to.
  struct PortBytes {
    const PortFile& plan;
    std::uint64_t bytes = 0;  ///< that went into it
  };

  /// Opens the files of the plan, which must outlive the capture, and touches none of what they
  /// hold. Throws Error (kInput).
  Capture(const ItmPlan& plan, Environment& environment, const Interrupts& interrupts);
  Capture(ItmPlan&& plan, Environment& environment, const Interrupts& interrupts) = delete;

  /// Who looks on; must outlive the capture. To be called before run().
  void add_watcher(CaptureWatcher& watcher) { watchers_.push_back(&watcher); }

  /// What the program's ELF file says of its heaps: the files of those whose own introduction is
  /// missed begin with it. To be called before run().
  void describe_heaps(std::span<const heaptrace::NotedHeap> heaps);

  /// Takes the stream to its end, or until one of the other reasons to end; then the stream is
  /// stopped and what is there still is taken, for two seconds at most. An output that fails does
  /// not end a capture that has other files to write: a line says so, and it goes on without. What
  /// has come is with the operating system within 100 ms, or 64 KB. All outputs are closed in order
  /// at the end. Failures are kept for rethrow().
  ///
  /// `queue_bytes` replaces the two sizes above, for tests.
  void run(probe::SwoStream& stream, std::optional<std::size_t> queue_bytes = std::nullopt);

  CaptureEnd end() const { return end_.value_or(CaptureEnd::kSource); }
  Display& display() { return display_; }
  const Display& display() const { return display_; }
  const itm::PortDemux& ports() const { return demux_; }
  const std::deque<Trace>& traces() const { return traces_; }
  std::vector<PortBytes> port_files() const;
  std::uint64_t bytes() const { return bytes_; }  ///< that came from the stream
  /// That the source has sent, and that found the queue full.
  std::uint64_t lost_bytes() const { return lost_bytes_; }
  /// What the stream turned out to be; absent as long as that is not decided.
  const std::optional<itm::InputChoice>& input() const { return input_.choice(); }
  /// Whoever read standard output has gone, and nothing else was wanted.
  bool ended_by_reader() const { return display_.closed() && !has_files(); }

  /// Throws the first failure of an output, or else of the stream, if there was one.
  void rethrow() const;

  /// The outputs' failures, in the order of the plan; the raw file's and the display's last.
  std::vector<Error> output_errors() const;

 private:
  using Clock = std::chrono::steady_clock;

  /// The ITM bytes of the stream, back into the capture.
  class ItmInput final : public itm::ItmBytesSink {
   public:
    explicit ItmInput(Capture& capture) : capture_(capture) {}
    void bytes(std::span<const std::byte> itm) override { capture_.take_itm(itm); }
    void gap(std::uint64_t bytes) override { capture_.take_itm_gap(bytes); }

   private:
    Capture& capture_;
  };

  struct OutputFile {
    explicit OutputFile(const std::filesystem::path& path) : file(path), sink(file) {}
    CaptureFile file;
    GuardedSink sink;
  };

  bool has_files() const;
  void pump(BoundedByteQueue& queue, probe::SourceReader& reader);
  void wait(const BoundedByteQueue& queue, Clock::time_point until);
  bool may_wait_for_display(const probe::SwoStream& stream) const;
  bool waits_for_display() const;
  void take(const BoundedByteQueue::Piece& piece);
  void take_bytes(std::span<const std::byte> bytes);
  bool wants_packets() const;
  void take_itm(std::span<const std::byte> itm);
  void take_itm_gap(std::uint64_t bytes);
  void record(bool ended);
  void deliver(bool ended = false);
  void tick(Clock::time_point now);
  std::optional<CaptureEnd> reason_to_end(Clock::time_point now) const;
  bool has_all_events() const;
  std::uint64_t heap_events() const;
  bool nothing_can_be_written() const;
  void tell_of_closed_display();
  void tell_of_failures();
  void close();

  const ItmPlan& plan_;
  const Interrupts& interrupts_;
  int display_descriptor_;  ///< to watch for its end: -1 without one, and behind it
  Display display_;
  std::deque<OutputFile> port_files_;  ///< as in the plan
  EventLimit limit_;
  std::deque<TraceRecorder> recorders_;  ///< as in the plan
  std::deque<Trace> traces_;
  std::optional<OutputFile> raw_;
  GuardedSink shown_;
  /// All of them, the display last: what is recorded does not wait for it.
  std::vector<GuardedSink*> outputs_;
  std::vector<CaptureWatcher*> watchers_;

  itm::InputStage input_;
  ItmInput itm_input_{*this};
  itm::PortDemux demux_;
  std::vector<itm::Packet> packets_;

  const bool out_is_terminal_;
  bool may_wait_for_display_ = false;
  std::uint64_t bytes_ = 0;
  std::uint64_t lost_bytes_ = 0;
  std::optional<Clock::time_point> deadline_;  ///< of the plan's duration
  bool idle_ = false;                          ///< nothing came since the last tick
  bool events_are_late_ = false;               ///< all events came, and then nothing for a while
  std::size_t told_failures_ = 0;
  std::optional<CaptureEnd> end_;
  std::exception_ptr stream_error_;
};

}  // namespace drone::cli
