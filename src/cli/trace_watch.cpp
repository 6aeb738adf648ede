// SPDX-License-Identifier: MIT
#include "cli/trace_watch.hpp"

#include <algorithm>
#include <climits>

namespace drone::cli {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

/// What events/s is an average of.
constexpr std::chrono::seconds kRateTime{2};

/// The shorter one; absent ones do not count.
void keep_shorter(std::optional<milliseconds>& least, const std::optional<milliseconds>& other) {
  if (other && (!least || *other < *least)) least = other;
}

}  // namespace

TraceWatch::TraceWatch(unsigned port, std::optional<std::uint32_t> heap_size)
    : heap_size_(heap_size), reader_(port, true, [this](std::span<const heaptrace::Event> events) {
        growth_.add(events, now_);
      }) {}

void TraceWatch::add(std::span<const itm::Packet> packets, Clock::time_point now) {
  now_ = now;
  if (error_) return;
  try {
    for (const itm::Packet& packet : packets) {
      reader_.add(packet);
      if (packet.kind == itm::PacketKind::kMalformed && packet.offset != 0) {
        malformed_bytes_ += packet.length;
      }
    }
  } catch (const Error& error) {
    error_ = error;
  }
}

void TraceWatch::flush(Clock::time_point now) {
  now_ = now;
  reader_.flush();
}

void TraceWatch::finish() { reader_.finish(); }

std::optional<std::uint64_t> TraceWatch::heap_size() const {
  if (heap_size_) return *heap_size_;
  return reader_.heap_size();
}

RecordingWatcher::RecordingWatcher(const ItmPlan& plan,
                                   const std::vector<std::optional<std::uint32_t>>& heap_sizes,
                                   Display& display, bool colored)
    : display_(display), colored_(colored), now_(Clock::now()) {
  for (std::size_t i = 0; i != plan.heaptraces.size(); ++i) {
    traces_.emplace_back(plan.heaptraces[i].port, heap_sizes[i]);
  }
}

void RecordingWatcher::on_trace_packets(std::size_t trace, std::span<const itm::Packet> packets) {
  traces_[trace].add(packets, now_);
}

std::uint64_t RecordingWatcher::events() const {
  std::uint64_t events = 0;
  for (const TraceWatch& trace : traces_) events += trace.reader().events();
  return events;
}

void RecordingWatcher::take_sample(Clock::time_point now) {
  samples_.push_back({now, events()});
  while (samples_.size() > 2 && now - samples_[1].time >= kRateTime) samples_.pop_front();
}

void RecordingWatcher::on_tick(Clock::time_point now) {
  now_ = now;
  const bool is_first = !started_;
  if (is_first) started_ = shown_ = now;
  elapsed_ = duration_cast<milliseconds>(now - *started_);
  take_sample(now);
  for (TraceWatch& trace : traces_) trace.flush(now);
  if (display_.can_redraw()) {
    if (!is_first && now - shown_ < kRedraw) return;
    display_.set_status(status_line(status(now), display_.columns() - 1, colored_));
    shown_ = now;
  } else if (now - shown_ >= kPlainLine && bytes_ != shown_bytes_) {
    display_.note(status_line(status(now), UINT_MAX, false));
    shown_ = now;
    shown_bytes_ = bytes_;
  }
}

RecordingStatus RecordingWatcher::status(Clock::time_point now) const {
  RecordingStatus status;
  status.elapsed = elapsed_;
  status.bytes = bytes_;
  status.events = events();
  if (samples_.size() > 1) {
    const std::chrono::duration<double> time = samples_.back().time - samples_.front().time;
    const auto count = static_cast<double>(samples_.back().events - samples_.front().events);
    if (time.count() > 0) status.events_per_second = count / time.count();
  }
  status.heaps = static_cast<unsigned>(traces_.size());
  status.enough = true;
  status.heap_size = 0;
  const auto since = [now](const std::optional<Clock::time_point>& time) {
    return time ? std::optional(duration_cast<milliseconds>(now - *time)) : std::nullopt;
  };
  for (const TraceWatch& trace : traces_) {
    const heaptrace::Growth& growth = trace.growth();
    status.live_bytes += growth.usage().live_bytes();
    status.peak_bytes += growth.usage().peak_bytes();
    const std::optional<std::uint64_t> size = trace.heap_size();
    status.heap_size =
        size && status.heap_size ? std::optional(*status.heap_size + *size) : std::nullopt;
    const heaptrace::Losses& losses = trace.reader().losses();
    status.lost_events += losses.lost_events + losses.dropped_events;
    status.damaged_places +=
        losses.overflows + losses.malformed + losses.gaps + losses.damaged_events;
    keep_shorter(status.since_event, since(growth.last_event()));
    keep_shorter(status.since_growth, since(growth.last_growth()));
    keep_shorter(status.since_new_size, since(growth.last_new_size()));
    status.enough = status.enough && growth.is_enough(now);
  }
  return status;
}

void RecordingWatcher::finish() {
  for (TraceWatch& trace : traces_) trace.finish();
}

}  // namespace drone::cli
