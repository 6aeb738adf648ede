// SPDX-License-Identifier: MIT
#include "cli/capture.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <ostream>
#include <system_error>

namespace drone::cli {
namespace {

constexpr std::size_t kChunkBytes = 1 << 18;
constexpr std::chrono::seconds kDrainTime{2};

}  // namespace

void GuardedSink::write(std::span<const std::byte> bytes) {
  if (error_) return;
  try {
    sink_.write(bytes);
  } catch (const Error& error) {
    error_ = error;
  }
}

void GuardedSink::flush() {
  if (error_) return;
  try {
    sink_.flush();
  } catch (const Error& error) {
    error_ = error;
  }
}

Capture::Capture(const ItmPlan& plan, Environment& environment, const Interrupts& interrupts)
    : interrupts_(interrupts),
      err_(environment.err),
      display_descriptor_(plan.shown.empty() ? -1 : environment.out_descriptor),
      display_(environment, interrupts),
      port_files_(plan.files.size()),
      buffer_(kChunkBytes) {
  for (const PortFile& file : plan.files) {
    GuardedSink& sink = outputs_.emplace_back(files_.emplace_back(file.file));
    for (const unsigned port : file.ports) demux_.add_route(port, sink);
  }
  for (const HeaptraceFile& trace : plan.heaptraces) {
    GuardedSink& sink = outputs_.emplace_back(files_.emplace_back(trace.file));
    traces_.push_back({trace.file, heaptrace::Writer(sink, trace.port), sink,
                       !files_.back().created(), trace.reader});
  }
  GuardedSink& shown = outputs_.emplace_back(display_);
  for (const unsigned port : plan.shown) demux_.add_route(port, shown);
}

void Capture::run(probe::SwoStream& stream) {
  try {
    pump(stream);
  } catch (const Error&) {
    stream_error_ = std::current_exception();
  }
  close();
}

bool Capture::must_end() const {
  return interrupts_.requested() || ended_by_reader() ||
         std::any_of(outputs_.begin(), outputs_.end(),
                     [](const GuardedSink& sink) { return sink.error().has_value(); });
}

void Capture::pump(probe::SwoStream& stream) {
  while (!must_end()) {
    // Of standard output only its end is of interest: its reader may go while the target is silent.
    pollfd events[] = {{stream.descriptor(), POLLIN, 0},
                       {interrupts_.descriptor(), POLLIN, 0},
                       {display_descriptor_, 0, 0}};
    if (::poll(events, std::size(events), -1) < 0) continue;
    if (events[2].revents != 0) display_.mark_closed();
    if (events[0].revents != 0 && !read_chunk(stream)) return;
    if (display_.closed()) tell_of_closed_display();
  }
  stream.stop();
  drain(stream);
}

void Capture::tell_of_closed_display() {
  if (display_descriptor_ < 0 || ended_by_reader()) return;
  display_descriptor_ = -1;
  err_ << "note: nobody reads standard output any more; the recording goes on\n" << std::flush;
}

void Capture::drain(probe::SwoStream& stream) {
  const auto deadline = std::chrono::steady_clock::now() + kDrainTime;
  while (true) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return;
    pollfd readable{stream.descriptor(), POLLIN, 0};
    if (::poll(&readable, 1, static_cast<int>(left.count())) < 0) continue;
    if (readable.revents != 0 && !read_chunk(stream)) return;
  }
}

bool Capture::read_chunk(probe::SwoStream& stream) {
  const std::size_t n = stream.read(buffer_);
  take(std::span(buffer_).first(n));
  return n != 0;
}

void Capture::take(std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  if (bytes_ == 0) {
    // What the ports' files held before is given up now, also where nothing will be written to
    // them; the heaptrace files, behind them, have to wait for an event.
    const auto end = outputs_.begin() + static_cast<std::ptrdiff_t>(port_files_);
    for (auto sink = outputs_.begin(); sink != end; ++sink) sink->write({});
  }
  bytes_ += bytes.size();
  decoder_.feed(bytes, packets_);
  deliver();
}

void Capture::deliver() {
  demux_.write(packets_);
  for (Trace& trace : traces_) record(trace);
  packets_.clear();
  for (GuardedSink& sink : outputs_) sink.flush();
}

void Capture::record(Trace& trace) {
  std::span<const itm::Packet> packets(packets_);
  if (!trace.begun()) {
    const auto event = std::find_if(packets.begin(), packets.end(), [&](const itm::Packet& packet) {
      return packet.kind == itm::PacketKind::kInstrumentation &&
             packet.source == trace.writer.port();
    });
    const auto before = static_cast<std::size_t>(event - packets.begin());
    trace.head.add(packets.first(before));
    if (event == packets.end()) return;
    trace.writer.write(trace.head.packets());
    packets = packets.subspan(before);
  }
  trace.writer.write(packets);
}

void Capture::close() {
  if (bytes_ == 0) return;
  decoder_.finish(packets_);
  deliver();
  for (Trace& trace : traces_) {
    if (trace.begun()) trace.writer.close();
  }
}

std::vector<Error> Capture::output_errors() const {
  std::vector<Error> errors;
  for (const GuardedSink& sink : outputs_) {
    if (sink.error()) errors.push_back(*sink.error());
  }
  return errors;
}

void Capture::rethrow() const {
  if (const std::vector<Error> errors = output_errors(); !errors.empty()) throw errors.front();
  if (stream_error_) std::rethrow_exception(stream_error_);
}

}  // namespace drone::cli
