// SPDX-License-Identifier: MIT
#include "cli/capture.hpp"

#include <poll.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace drone::cli {
namespace {

/// So much is written out at a time: what a capture that is killed has read and not written.
constexpr std::size_t kPieceBytes = 1 << 16;

constexpr std::chrono::milliseconds kTick{100};

bool has_failed(const GuardedSink* sink) { return sink->error().has_value(); }

}  // namespace

Capture::Capture(const ItmPlan& plan, Environment& environment, const Interrupts& interrupts)
    : plan_(plan),
      interrupts_(interrupts),
      display_descriptor_(plan.shown.empty() ? -1 : environment.out_descriptor),
      display_(environment, interrupts),
      limit_(plan.events),
      shown_(display_),
      input_(plan.input),
      out_is_terminal_(environment.out_is_terminal) {
  for (const PortFile& file : plan.files) {
    GuardedSink& sink = port_files_.emplace_back(file.file).sink;
    outputs_.push_back(&sink);
    for (const unsigned port : file.ports) demux_.add_route(port, sink);
  }
  for (const HeaptraceFile& trace : plan.heaptraces) {
    TraceRecorder& recorder = recorders_.emplace_back(trace, limit_);
    outputs_.push_back(&recorder.sink());
    traces_.push_back(
        {trace.file, recorder.writer(), recorder.sink(), recorder.was_there(), trace.reader});
  }
  if (plan.raw) outputs_.push_back(&raw_.emplace(*plan.raw).sink);
  outputs_.push_back(&shown_);
  for (const unsigned port : plan.shown) demux_.add_route(port, shown_);
}

bool Capture::has_files() const { return outputs_.size() != 1; }

void Capture::run(probe::SwoStream& stream, std::optional<std::size_t> queue_bytes) {
  may_wait_for_display_ = may_wait_for_display(stream);
  BoundedByteQueue queue(queue_bytes.value_or(stream.can_wait() ? kReadAheadBytes : kQueueBytes));
  probe::SourceReader reader(stream, queue);
  pump(queue, reader);
  stream_error_ = reader.error();
  close();
  if (may_wait_for_display_ && end() == CaptureEnd::kSource) display_.wait_for_reader();
  display_.close();
}

bool Capture::may_wait_for_display(const probe::SwoStream& stream) const {
  if (!stream.can_wait()) return false;
  std::error_code failure;
  return !has_files() || !out_is_terminal_ ||
         (plan_.source == SourceKind::kFile &&
          std::filesystem::is_regular_file(plan_.source_file, failure));
}

/// Nothing is taken meanwhile, but whatever ends the capture is heeded.
bool Capture::waits_for_display() const {
  return may_wait_for_display_ && !end_ && !display_.closed() &&
         display_.pending_bytes() > Display::kMostPending / 2;
}

void Capture::pump(BoundedByteQueue& queue, probe::SourceReader& reader) {
  Clock::time_point next_tick = Clock::now();
  if (plan_.duration) deadline_ = next_tick + *plan_.duration;
  while (true) {
    wait(queue, deadline_ && !end_ ? std::min(next_tick, *deadline_) : next_tick);
    const BoundedByteQueue::Piece piece =
        waits_for_display() ? BoundedByteQueue::Piece() : queue.take(kPieceBytes);
    if (piece.kind == BoundedByteQueue::Kind::kEnd) break;
    take(piece);
    const Clock::time_point now = Clock::now();
    if (now >= next_tick) {
      tick(now);
      next_tick = now + kTick;
    }
    if (display_.closed()) tell_of_closed_display();
    if (end_) continue;
    end_ = reason_to_end(now);
    if (end_) {
      reader.stop();
    } else {
      tell_of_failures();
    }
  }
}

/// Until something came, the user wants an end, or the reader of standard output has gone (the
/// target may be silent meanwhile).
void Capture::wait(const BoundedByteQueue& queue, Clock::time_point until) {
  pollfd events[] = {{waits_for_display() ? -1 : queue.descriptor(), POLLIN, 0},
                     {end_ ? -1 : interrupts_.descriptor(), POLLIN, 0},
                     {display_.closed() ? -1 : display_descriptor_,
                      static_cast<short>(display_.wants_to_write() ? POLLOUT : 0), 0}};
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
  const int timeout_ms = static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, kTick.count()));
  if (::poll(events, std::size(events), timeout_ms) <= 0) return;
  if ((events[2].revents & ~POLLOUT) != 0) display_.mark_closed();
  if ((events[2].revents & POLLOUT) != 0) shown_.flush();
}

void Capture::take(const BoundedByteQueue::Piece& piece) {
  if (piece.kind == BoundedByteQueue::Kind::kNothing) return;
  idle_ = false;
  if (piece.kind == BoundedByteQueue::Kind::kBytes) {
    take_bytes(piece.bytes);
  } else {
    lost_bytes_ += piece.lost;
    for (CaptureWatcher* watcher : watchers_) watcher->on_gap(piece.lost);
    input_.gap(piece.lost, itm_input_);
  }
  deliver();
}

void Capture::take_bytes(std::span<const std::byte> bytes) {
  if (bytes_ == 0) {
    // What the ports' files held before is given up now, also where nothing will be written to
    // them; the heaptrace files have to wait for an event.
    for (OutputFile& file : port_files_) file.sink.write({});
  }
  bytes_ += bytes.size();
  // First of all, untouched: it is there to find out what the others did wrong.
  if (raw_) raw_->sink.write(bytes);
  for (CaptureWatcher* watcher : watchers_) watcher->on_bytes(bytes);
  input_.feed(bytes, itm_input_);
}

bool Capture::wants_packets() const {
  return std::any_of(watchers_.begin(), watchers_.end(),
                     [](const CaptureWatcher* watcher) { return watcher->wants_packets(); });
}

void Capture::take_itm(std::span<const std::byte> itm) {
  if (wants_packets()) {
    demux_.feed(itm, packets_);
  } else {
    demux_.feed(itm);
  }
  for (TraceRecorder& recorder : recorders_) recorder.feed(itm);
}

void Capture::take_itm_gap(std::uint64_t bytes) {
  demux_.gap(bytes, &packets_);
  for (TraceRecorder& recorder : recorders_) recorder.gap(bytes);
}

/// Takes what the recorders have decoded.
void Capture::record(bool ended) {
  if (!limit_.is_set() || recorders_.size() == 1) {
    for (TraceRecorder& recorder : recorders_) {
      while (recorder.next_offset() != TraceRecorder::kNowhere) recorder.take_one();
    }
    return;
  }
  // Which of several heaps has the last event of a limit is a matter of the stream's order, not of
  // the chunks that it comes in, nor of which decoder needs to see more before it is certain.
  std::uint64_t until = TraceRecorder::kNowhere;
  for (const TraceRecorder& recorder : recorders_) {
    if (!ended) until = std::min(until, recorder.last_offset());
  }
  while (true) {
    const auto next = std::min_element(recorders_.begin(), recorders_.end(),
                                       [](const TraceRecorder& a, const TraceRecorder& b) {
                                         return a.next_offset() < b.next_offset();
                                       });
    if (next->next_offset() >= until) return;
    next->take_one();
  }
}

void Capture::deliver(bool ended) {
  record(ended);
  for (CaptureWatcher* watcher : watchers_) watcher->on_packets(packets_);
  packets_.clear();
  for (std::size_t i = 0; i != recorders_.size(); ++i) {
    const std::span<const itm::Packet> packets = recorders_[i].deliver();
    for (CaptureWatcher* watcher : watchers_) watcher->on_trace_packets(i, packets);
  }
  for (GuardedSink* sink : outputs_) sink->flush();
}

void Capture::tick(Clock::time_point now) {
  const bool was_idle = std::exchange(idle_, true);
  if (was_idle && plan_.events) events_are_late_ = heap_events() >= *plan_.events;
  shown_.flush();
  for (CaptureWatcher* watcher : watchers_) watcher->on_tick(now);
}

std::optional<CaptureEnd> Capture::reason_to_end(Clock::time_point now) const {
  if (interrupts_.requested()) return CaptureEnd::kInterrupted;
  if (ended_by_reader()) return CaptureEnd::kReaderGone;
  if (nothing_can_be_written()) return CaptureEnd::kOutputs;
  if (has_all_events()) return CaptureEnd::kEvents;
  if (deadline_ && now >= *deadline_) return CaptureEnd::kDuration;
  return std::nullopt;
}

/// All are in the files, and the last one's timestamp; or all have come, and then nothing: they may
/// be held back until it is certain that they are events.
bool Capture::has_all_events() const {
  return events_are_late_ ||
         (limit_.is_reached() &&
          std::all_of(recorders_.begin(), recorders_.end(),
                      [](const TraceRecorder& recorder) { return recorder.is_complete(); }));
}

/// As many as the ports carried, certain or not.
std::uint64_t Capture::heap_events() const {
  std::uint64_t events = 0;
  for (const Trace& trace : traces_) events += demux_.packets().at(trace.writer.port());
  return events;
}

bool Capture::nothing_can_be_written() const {
  const auto end = has_files() ? outputs_.end() - 1 : outputs_.end();
  return std::all_of(outputs_.begin(), end, has_failed);
}

void Capture::tell_of_closed_display() {
  if (display_descriptor_ < 0 || ended_by_reader()) return;
  display_descriptor_ = -1;
  display_.note("note: nobody reads standard output any more; the recording goes on");
}

void Capture::tell_of_failures() {
  const auto failures =
      static_cast<std::size_t>(std::count_if(outputs_.begin(), outputs_.end(), has_failed));
  if (failures == told_failures_) return;
  told_failures_ = failures;
  std::string text;
  for (const Error& error : output_errors()) text += (text.empty() ? "" : "; ") + error.message();
  display_.note("warning: " + text + "; the capture goes on without");
}

void Capture::close() {
  if (bytes_ == 0 && lost_bytes_ == 0) return;
  input_.finish(itm_input_);
  demux_.finish(&packets_);
  for (TraceRecorder& recorder : recorders_) recorder.finish();
  deliver(true);
  if (end() == CaptureEnd::kSource && limit_.is_reached()) end_ = CaptureEnd::kEvents;
  for (TraceRecorder& recorder : recorders_) recorder.close();
}

void Capture::describe_heaps(std::span<const heaptrace::NotedHeap> heaps) {
  for (TraceRecorder& recorder : recorders_) {
    for (const heaptrace::NotedHeap& heap : heaps) {
      if (heap.port != recorder.writer().port()) continue;
      recorder.set_description(heaptrace::description_packets(heap));
    }
  }
}

std::vector<Capture::PortBytes> Capture::port_files() const {
  std::vector<PortBytes> files;
  for (std::size_t i = 0; i != port_files_.size(); ++i) {
    files.push_back({plan_.files[i], port_files_[i].sink.bytes()});
  }
  return files;
}

std::vector<Error> Capture::output_errors() const {
  std::vector<Error> errors;
  for (const GuardedSink* sink : outputs_) {
    if (sink->error()) errors.push_back(*sink->error());
  }
  return errors;
}

void Capture::rethrow() const {
  if (const std::vector<Error> errors = output_errors(); !errors.empty()) throw errors.front();
  if (stream_error_) std::rethrow_exception(stream_error_);
}

}  // namespace drone::cli
