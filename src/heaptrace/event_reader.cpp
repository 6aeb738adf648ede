// SPDX-License-Identifier: MIT
#include "heaptrace/event_reader.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "support/error.hpp"

namespace drone::heaptrace {
namespace {

constexpr std::size_t kBatch = 4096;
/// The last events are kept back when a batch is handed on, so that the ALIGN of a failed request
/// still finds it: only events of the interrupts that parted them stand between the two.
constexpr std::size_t kKept = 256;

constexpr std::size_t kMostPlaces = 16;
constexpr std::uint32_t kReservedSize = 0x3FFF;
constexpr std::uint32_t kReservedBlock = 0x7FFF;
constexpr std::uint32_t kReservedWideBlock = 0xFFFFFF;
constexpr std::uint32_t kFailedLowBits = 0xFFFF;
constexpr std::uint32_t kMaxAlignmentLog2 = 31;

/// A VERSION beyond this is damage rather than the future.
constexpr std::uint32_t kMostPlausibleVersion = 255;

/// Fewer judged events than this say nothing about the description.
constexpr std::uint64_t kLeastJudged = 8;

std::uint8_t log2_of(std::uint32_t alignment) { return alignment == 8 ? 3 : 2; }

}  // namespace

bool Losses::any() const { return on_the_way() || lost_allocs != 0 || double_allocs != 0; }

bool Losses::on_the_way() const {
  return overflows != 0 || malformed != 0 || gaps != 0 || lost_events != 0 || dropped_events != 0 ||
         damaged_events != 0;
}

EventReader::EventReader(unsigned port, bool use_description, Consume consume)
    : port_(port), use_description_(use_description), consume_(std::move(consume)) {
  events_.reserve(kBatch);
}

void EventReader::add(const itm::Packet& packet) {
  offset_ = packet.offset;
  switch (packet.kind) {
    case itm::PacketKind::kInstrumentation:
      ++packets_per_port_[packet.source];
      // No Cortex-M has a second page of ports, so a page is damage; see kExtension.
      if (packet.source % 32 == port_) {
        add_write({static_cast<std::uint32_t>(packet.value), packet.size});
      }
      break;
    case itm::PacketKind::kOverflow:
      ++summary_.losses.overflows;
      note_transport_loss();
      break;
    case itm::PacketKind::kExtension:
      if (packet.source != 0 || packet.value == 0) break;
      [[fallthrough]];
    case itm::PacketKind::kMalformed:
      // The rest of a packet that had begun before the stream did.
      if (packet.offset == 0) break;
      ++summary_.losses.malformed;
      note_transport_loss();
      break;
    case itm::PacketKind::kGap:
      ++summary_.losses.gaps;
      summary_.losses.gap_bytes += packet.value;
      note_transport_loss();
      break;
    default:
      break;
  }
}

void EventReader::add_write(Write write) {
  const auto [record, valid] = decode(write);
  if (!valid) {
    // One event at least was there.
    ++summary_.events;
    ++counted_events_;
    ++foreign_writes_;
    sequence_.count(1);
    drop_wide();
    note_damage();
    return;
  }
  summary_.ended_in_order = record.op == Op::kEnd && record.argument == 0;
  if (record.op != Op::kGap && record.op != Op::kEnd) ++summary_.events;
  if (is_counted(record.op)) {
    if (counted_events_++ == 0 && record.op != Op::kVersion) {
      summary_.began_midway = true;
      summary_.runs = 1;
    }
    sequence_.count(1);
    heap_.note_event();
  }
  if (record.op == Op::kVersion) wide_.reset();  // a reset may fall between the two
  if (record.op != Op::kWideSize) drop_wide();
  add_record(record);
}

void EventReader::add_record(const Record& record) {
  switch (record.op) {
    case Op::kAlloc:
      if (record.argument == 0 || record.argument == kReservedSize) return note_damage();
      return add_alloc(record.block, record.argument);
    case Op::kResize:
      if (record.argument == 0 || record.argument == kReservedSize ||
          record.block == kReservedBlock) {
        return note_damage();
      }
      return add_resize(record.block, record.argument);
    case Op::kDealloc:
      if (record.block == kReservedBlock) return note_damage();
      return add_dealloc(record.block);
    case Op::kSite:
      return;
    case Op::kVersion:
      return add_version(record.argument);
    case Op::kWideAlloc:
    case Op::kWideResize:
      wide_ = record;
      return;
    case Op::kWideSize:
      return add_wide_size(record.argument);
    case Op::kWideDealloc:
      if (record.block == kReservedWideBlock) return note_damage();
      return add_dealloc(record.block);
    case Op::kAlign:
      return add_align(record.block, record.argument);
    case Op::kSequence:
      return add_sequence(record.argument);
    case Op::kDropped:
      summary_.losses.dropped_events += record.argument;
      sequence_.count(record.argument);
      if (record.argument != 0) note_transport_loss();
      return;
    case Op::kPoolBlock:
    case Op::kPoolCapacity:
    case Op::kHeapSize:
    case Op::kClock:
    case Op::kHeapBaseLow:
    case Op::kHeapBaseHigh:
    case Op::kHeapAlignment:
      if (use_description_ && !heap_.add_fact(record)) note_damage();
      return;
    case Op::kGap:
      ++summary_.losses.gaps;
      summary_.losses.gap_bytes += record.argument;
      return note_transport_loss();
    case Op::kEnd:
      if (record.argument != 0) note_damage();
      return;
    default:
      ++summary_.unknown_operations;
      return;
  }
}

void EventReader::add_version(std::uint32_t version) {
  if (version == 0 || version > kMostPlausibleVersion) return note_damage();
  // What is not the stream's first event cannot be of another format: it was damaged.
  if (version != kFormatVersion && counted_events_ > 1) return note_damage();
  if (version != kFormatVersion) {
    throw Error(ExitStatus::kInput,
                "unsupported format version " + std::to_string(version) + " (this drone reads " +
                    std::to_string(kFormatVersion) + ")",
                "rebuild the firmware with this drone, or install a newer drone");
  }
  ++summary_.runs;
  seen_from_reset_ = true;
  sequence_.begin_run();
  heap_.begin_run();
  live_.clear();
  Event reset;
  reset.kind = EventKind::kReset;
  emit(reset);
}

void EventReader::add_alloc(std::uint32_t block, std::uint32_t size) {
  Event event;
  event.size = size;
  event.alignment = heap_.base_alignment();
  if (block == kNoBlock) {
    event.kind = EventKind::kFailed;
  } else {
    if (!is_possible(block, size)) return note_damage();
    if (live_.find(block) != nullptr) {
      ++summary_.losses.double_allocs;
      note_place();
      add_dealloc(block);
    }
    event.kind = EventKind::kAlloc;
    event.block = block;
    Life life;
    life.order = handed_on_ + events_.size();
    life.size = size;
    life.alignment_log2 = log2_of(event.alignment);
    live_.assign(block, life);
  }
  emit(event);
}

void EventReader::add_resize(std::uint32_t block, std::uint32_t size) {
  if (!is_possible(block, size)) return note_damage();
  Life* const life = live_.find(block);
  if (life == nullptr) {
    note_unknown_block();
    add_alloc(block, size);
    return;
  }
  if (life->size == size) return;
  Event event;
  event.kind = EventKind::kResize;
  event.block = block;
  event.size = size;
  event.old_size = std::exchange(life->size, size);
  event.alignment = 1U << life->alignment_log2;
  emit(event);
}

void EventReader::add_dealloc(std::uint32_t block) {
  Life* const life = live_.find(block);
  if (life == nullptr) {
    if (!is_possible(block, 0)) return note_damage();
    note_unknown_block();
    return;
  }
  Event event;
  event.kind = EventKind::kDealloc;
  event.block = block;
  event.size = life->size;
  event.alignment = 1U << life->alignment_log2;
  live_.erase(*life);
  emit(event);
}

void EventReader::add_wide_size(std::uint32_t size) {
  const std::optional<Record> wide = std::exchange(wide_, std::nullopt);
  if (!wide || size == 0 || (wide->op == Op::kWideResize && wide->block == kReservedWideBlock)) {
    return note_damage();
  }
  if (wide->op == Op::kWideAlloc) {
    add_alloc(wide->block, size);
  } else {
    add_resize(wide->block, size);
  }
}

void EventReader::add_align(std::uint32_t low_16_bits, std::uint32_t log2) {
  if (log2 > kMaxAlignmentLog2) return note_damage();
  const std::uint32_t alignment = 1U << log2;
  if (alignment <= heap_.base_alignment()) return;

  // Its ALLOC is the last event, unless an interrupt's events parted the two.
  LiveBlocks::Found live;
  Event* failed = nullptr;
  Event* alloc = nullptr;
  if (!events_.empty() && events_.back().alignment <= heap_.base_alignment()) {
    Event& last = events_.back();
    if (last.kind == EventKind::kFailed && low_16_bits == kFailedLowBits) {
      failed = &last;
    } else if (last.kind == EventKind::kAlloc && (last.block & 0xFFFF) == low_16_bits) {
      alloc = &last;
      live = {last.block, live_.find(last.block)};
    }
  }
  if (failed == nullptr && live.life == nullptr) {
    live = live_.latest_unnamed(low_16_bits);
    if (low_16_bits == kFailedLowBits) failed = latest_failed_unnamed();
    if (failed != nullptr && live.life != nullptr && live.life->order > order_of(*failed)) {
      failed = nullptr;
    }
  }
  if (failed != nullptr) {
    failed->alignment = alignment;
    return;
  }
  if (live.life == nullptr) return;  // its ALLOC is from before the capture, or was lost
  if (!is_possible(live.block, live.life->size, alignment)) return note_damage();
  live.life->alignment_log2 = static_cast<std::uint8_t>(log2);
  live.life->alignment_named = true;
  if (alloc != nullptr) {
    alloc->alignment = alignment;
    return;
  }
  Event event;
  event.kind = EventKind::kRealign;
  event.block = live.block;
  event.size = live.life->size;
  event.alignment = alignment;
  emit(event);
}

/// The last failed request of this run whose alignment was not named, if it was not handed on yet.
Event* EventReader::latest_failed_unnamed() {
  for (auto event = events_.rbegin(); event != events_.rend(); ++event) {
    if (event->kind == EventKind::kReset) break;
    if (event->kind == EventKind::kFailed && event->alignment <= heap_.base_alignment()) {
      return &*event;
    }
  }
  return nullptr;
}

void EventReader::add_sequence(std::uint32_t sequence) {
  const std::int64_t lost = sequence_.check(sequence);
  summary_.losses.lost_events += static_cast<std::uint64_t>(lost);
  if (lost > 0) note_place();
}

bool EventReader::is_possible(std::uint32_t block, std::uint32_t size, std::uint32_t alignment) {
  const DescribedHeap::Verdict verdict = heap_.judge(block, size, alignment);
  if (verdict == DescribedHeap::Verdict::kUnknown) return true;
  ++judged_;
  if (verdict == DescribedHeap::Verdict::kPossible) return true;
  ++impossible_;
  return false;
}

bool EventReader::contradicts_description() const {
  return judged_ >= kLeastJudged && impossible_ >= judged_ - judged_ / 10;
}

void EventReader::note_damage() {
  ++summary_.losses.damaged_events;
  note_place();
}

/// A block that is not live was freed or resized.
void EventReader::note_unknown_block() {
  ++summary_.losses.unknown_deallocs;
  if (!seen_from_reset_) return;
  ++summary_.losses.lost_allocs;
  note_place();
}

void EventReader::note_transport_loss() {
  note_place();
  heap_.note_loss();
  drop_wide();
}

/// The WIDE_SIZE of the event at hand did not come.
void EventReader::drop_wide() {
  if (wide_) note_damage();
  wide_.reset();
}

void EventReader::note_place() {
  std::vector<std::uint64_t>& places = summary_.losses.places;
  if (places.size() == kMostPlaces || (!places.empty() && places.back() == offset_)) return;
  places.push_back(offset_);
}

void EventReader::emit(const Event& event) {
  if (events_.size() == kBatch) hand_on(kBatch - kKept);
  events_.push_back(event);
}

void EventReader::hand_on(std::size_t count) {
  if (count == 0) return;
  consume_({events_.data(), count});
  handed_on_ += count;
  events_.erase(events_.begin(), events_.begin() + static_cast<std::ptrdiff_t>(count));
}

void EventReader::flush() {
  const std::uint64_t there = handed_on_ + events_.size();
  const auto old = static_cast<std::ptrdiff_t>(std::max(flushed_, handed_on_) - handed_on_);
  const auto waits = [this](const Event& event) {
    return event.kind == EventKind::kFailed && event.alignment <= heap_.base_alignment();
  };
  const auto end = std::find_if(events_.begin() + old, events_.end(), waits);
  hand_on(static_cast<std::size_t>(end - events_.begin()));
  flushed_ = there;
}

void EventReader::finish() {
  heap_.end_stream();
  hand_on(events_.size());
}

Summary EventReader::summary() const {
  Summary summary = summary_;
  summary.description = heap_.description();
  for (unsigned port = 0; port != packets_per_port_.size(); ++port) {
    if (packets_per_port_[port] != 0) summary.packets_per_port[port] = packets_per_port_[port];
  }
  return summary;
}

}  // namespace drone::heaptrace
