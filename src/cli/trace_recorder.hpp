// SPDX-License-Identifier: MIT
#pragma once

// Records one heap: from the bytes of an ITM stream to its heaptrace file.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "cli/guarded_sink.hpp"
#include "cli/itm_plan.hpp"
#include "cli/trace_head.hpp"
#include "heaptrace/resync_decoder.hpp"
#include "heaptrace/writer.hpp"
#include "itm/packet.hpp"
#include "support/capture_file.hpp"

namespace drone::cli {

/// How many events the heaptrace files of a capture may hold, all together.
class EventLimit {
 public:
  explicit EventLimit(std::optional<std::uint64_t> most) : left_(most) {}
  bool is_set() const { return left_.has_value(); }
  bool is_reached() const { return left_ == 0; }
  void count() {
    if (left_) --*left_;
  }

 private:
  std::optional<std::uint64_t> left_;
};

/// The file is begun, and what it held before given up, when a VERSION or 16 events of the heap's
/// port have come, most of which a tracer writes; or at the end, if there were fewer: noise does
/// not cost an old recording. What a capture wrote into a stream that is recorded again is not an
/// event: a GAP stays what it is, an END is left out.
///
/// Once the limit is reached the file is complete with the last event and the local timestamp that
/// follows it directly, if one does; what comes behind is left out.
class TraceRecorder {
 public:
  /// Opens the file. `limit` must outlive the recorder. Throws Error (kInput).
  TraceRecorder(const HeaptraceFile& file, EventLimit& limit);
  TraceRecorder(const TraceRecorder&) = delete;
  TraceRecorder& operator=(const TraceRecorder&) = delete;

  /// The description of the heap, for a file whose first event is not the target's own
  /// introduction: the capture came too late for it.
  void set_description(std::vector<itm::Packet> packets) { description_ = std::move(packets); }

  void feed(std::span<const std::byte> itm) { decoder_.feed(itm); }

  /// `bytes` (0: unknown) of the stream were lost here.
  void gap(std::uint64_t bytes) { decoder_.gap(bytes); }

  /// The stream has ended: what was held back is decoded.
  void finish() { decoder_.finish(); }

  /// Where in the stream the next packet begins that was decoded and not taken; kNowhere: there is
  /// none.
  static constexpr std::uint64_t kNowhere = UINT64_MAX;
  std::uint64_t next_offset() const {
    return taken_ == decoded_.size() ? kNowhere : decoded_[taken_].offset;
  }

  /// Where the last one begins that was decoded.
  std::uint64_t last_offset() const { return last_offset_; }

  /// Takes the next packet into the recording, unless the limit has been reached.
  void take_one();

  /// Hands what was taken since the last time to the file, and returns it; valid until the next
  /// call of any function. Not flushed.
  std::span<const itm::Packet> deliver();

  /// Writes END if there was any event.
  void close();

  bool is_complete() const { return complete_; }
  bool was_there() const { return !file_.created(); }  ///< the file, before the capture
  const heaptrace::Writer& writer() const { return writer_; }
  GuardedSink& sink() { return sink_; }

 private:
  /// Events that show whether the port is a heap's.
  static constexpr std::size_t kProof = 16;
  static constexpr std::size_t kMostTaken = 1024;  ///< packets that are kept though they were taken

  void prove(std::span<const itm::Packet> packets);
  void begin();
  bool is_plausible() const { return foreign_ * 2 <= events_; }
  std::optional<itm::Packet> without_marks(const itm::Packet& packet) const;
  bool begun() const { return writer_.events() != 0; }
  bool is_event(const itm::Packet& packet) const;

  EventLimit& limit_;
  CaptureFile file_;
  GuardedSink sink_;
  heaptrace::Writer writer_;
  heaptrace::ResyncDecoder decoder_;
  TraceHead head_;                     ///< until it is begun: what came before `unproven_`
  std::vector<itm::Packet> unproven_;  ///< from an event on
  std::size_t events_ = 0;             ///< of these
  std::size_t foreign_ = 0;            ///< of the events: no tracer writes them
  bool proven_ = false;
  std::vector<itm::Packet> description_;
  std::vector<itm::Packet> decoded_;
  std::size_t taken_ = 0;  ///< of them
  std::uint64_t last_offset_ = 0;
  std::vector<itm::Packet> recorded_;
  bool delivered_ = false;  ///< `recorded_` was
  bool complete_ = false;
};

}  // namespace drone::cli
