// SPDX-License-Identifier: MIT
#include "heaptrace/event_reader.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <string>
#include <utility>

#include "itm/decoder.hpp"
#include "support/error.hpp"

namespace drone::heaptrace {
namespace {

constexpr std::size_t kBatch = 2048;
/// The last events are kept back when a batch is handed on, so that the ALIGN of a failed request
/// still finds it: only events of the interrupts that parted them stand between the two.
constexpr std::size_t kKept = 256;

constexpr std::size_t kMostPlaces = 16;
constexpr std::uint32_t kReservedSize = 0x3FFF;   ///< and all the bits of a narrow one
constexpr std::uint32_t kReservedBlock = 0x7FFF;  ///< and all the bits of a narrow one
constexpr std::uint32_t kReservedWideBlock = 0xFFFFFF;
constexpr std::uint32_t kFailedLowBits = 0xFFFF;
constexpr std::uint32_t kMaxAlignmentLog2 = 31;

/// A VERSION beyond this is damage rather than the future.
constexpr std::uint32_t kMostPlausibleVersion = 255;

/// Fewer judged events than this say nothing about the description.
constexpr std::uint64_t kLeastJudged = 8;

std::uint8_t log2_of(std::uint32_t alignment) { return alignment == 8 ? 3 : 2; }

/// So many bytes are looked at together: a packet and the header behind it.
constexpr std::size_t kWindow = 8;
/// The bytes of a 32-bit write's packet.
constexpr std::size_t kLongest = 5;

/// The length of the local timestamp that these bytes begin with, 0 if they begin with none or it
/// may have been cut.
unsigned timestamp_length(std::uint64_t window) {
  if ((window & 0x8F) == 0 && (window & 0x70) != 0 && (window & 0xFF) != itm::kOverflowHeader) {
    return 1;
  }
  constexpr std::uint64_t kLastMarks = 0x80'80'80'80'00;
  const std::uint64_t last = ~window & kLastMarks;
  if ((window & 0xCF) != itm::kLocalTimestamp1Header || last == 0) return 0;
  const auto size = static_cast<unsigned>(std::countr_zero(last)) / 8;
  return ((window >> (8 * size)) & 0xFFFF) == 0 ? 0 : size + 1;
}

}  // namespace

bool Losses::any() const { return on_the_way() || lost_allocs != 0 || double_allocs != 0; }

bool Losses::on_the_way() const {
  return overflows != 0 || malformed != 0 || gaps != 0 || lost_events != 0 || dropped_events != 0 ||
         damaged_events != 0;
}

EventReader::EventReader(unsigned port, bool use_description, Consume consume)
    : port_(port), use_description_(use_description), consume_(std::move(consume)) {
  events_.resize(kBatch);
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

// Nearly all of a trace goes through the loop of take_lives(). Whether an allocation, a
// deallocation or a resize comes next cannot be predicted, so all take the same way, without a
// branch that tells them apart: what differs between them is in a table. And what is out of the
// ordinary is found by a few comparisons that hardly ever hold.

/// How a packet becomes an event: a line of the table.
struct EventReader::Form {
  EventKind kind{};
  std::uint8_t header = 0;             ///< of the packet
  std::uint32_t said_mask = 0;         ///< of the size in the packet,
  std::uint32_t least_said = 0;        ///< and the least that this may be
  std::uint32_t facts = Life::kNever;  ///< what is known of the block, but for the size,
  std::uint32_t most_had = 0;  ///< and the most that this may be: so it must be live, or must not
  std::uint64_t life = 0;  ///< what becomes of the block: the bits of its life, but for the size
};

struct EventReader::Tables {
  /// By the bits of the first payload byte that hold length and operation; of a short packet only
  /// the lowest does.
  std::array<Form, 8> forms;
  const std::uint16_t* most_bytes;  ///< by block
  Life* lives;                      ///< by block, up to
  std::size_t lives_end;
  std::uint32_t base_alignment;
};

/// Where take_lives() is.
struct EventReader::Cursor {
  const std::byte* next;
  Event* event;             ///< the next one goes there
  std::size_t most;         ///< packets, as far as bytes and room for events are sure to reach
  std::size_t other_bytes;  ///< of timestamps, so far
};

EventReader::Tables EventReader::tables(const DescribedHeap::NarrowLimits& limits) {
  const std::span<Life> lives = live_.low();
  const std::uint32_t base_alignment = heap_.base_alignment();
  const Life no_bytes(order_, 0, log2_of(base_alignment));
  Form dealloc;
  dealloc.kind = EventKind::kDealloc;
  dealloc.header = static_cast<std::uint8_t>(port_ << 3 | 2);
  dealloc.facts = no_bytes.facts();
  dealloc.most_had = Life::kMostBytes;

  Form alloc;
  alloc.kind = EventKind::kAlloc;
  alloc.header = static_cast<std::uint8_t>(port_ << 3 | 3);
  alloc.said_mask = kReservedSize;
  alloc.least_said = 1;
  alloc.facts = 0;
  alloc.life = no_bytes.bits();

  Form resize = alloc;
  resize.kind = EventKind::kResize;
  resize.facts = no_bytes.facts();
  resize.most_had = Life::kMostBytes;
  // A resized life keeps its order: here as long as all have the same.
  if (order_ != 0) resize = {};
  return {{dealloc, alloc, dealloc, resize, dealloc, {}, dealloc, {}},
          limits.most_bytes.data(),
          lives.data(),
          lives.size(),
          base_alignment};
}

/// Takes allocations, deallocations, resizes and local timestamps, until another packet comes or
/// anything is out of the ordinary. A function of its own for the sake of the registers.
[[gnu::noinline]] EventReader::Cursor EventReader::take_lives(const Tables& tables, Cursor cursor) {
  const std::byte* next = cursor.next;
  Event* event = cursor.event;
  // How many bytes more than a short packet it has: 2 or none, by the lowest bit of the header.
  // Taken from the window before, so that where a packet begins need not wait for the one before it
  // to be loaded.
  std::uint64_t next_more = static_cast<std::uint64_t>(*next) << 1 & 2;
  for (; cursor.most != 0; --cursor.most) {
    const std::uint64_t window = itm::detail::load_window(next);
    const std::uint64_t more = next_more;
    const Form& form = tables.forms[static_cast<std::size_t>(next[1]) & 7];
    const std::uint64_t twice_behind = window >> (23 + 8 * more);
    // Zeros behind a packet may be a synchronization that cut it.
    if (static_cast<std::uint8_t>(window) != form.header || (twice_behind & 0x1FE) == 0)
        [[unlikely]] {
      const unsigned length = timestamp_length(window);
      if (length == 0) break;
      next += length;
      cursor.other_bytes += length;
      next_more = window >> (8 * length) << 1 & 2;
      continue;
    }
    next_more = twice_behind & 2;
    const std::uint32_t block = static_cast<std::uint32_t>(window >> (9 + more)) & kReservedBlock;
    const std::uint32_t said_bytes = static_cast<std::uint32_t>(window >> 26) & form.said_mask;
    if (block >= tables.lives_end || said_bytes - form.least_said >= tables.most_bytes[block])
        [[unlikely]] {
      break;
    }
    // Of no life, or of one whose alignment was not named. A resize to the same size is no event.
    Life& life = tables.lives[block];
    const std::uint32_t had_bytes = life.facts() - form.facts;
    if (had_bytes > form.most_had || had_bytes == said_bytes) [[unlikely]] {
      break;
    }
    life = Life::of_bits(form.life + said_bytes);
    *event++ = {form.kind, block, said_bytes, had_bytes, tables.base_alignment};
    next += 3 + more;
  }
  cursor.next = next;
  cursor.event = event;
  return cursor;
}

std::size_t EventReader::take(std::span<const std::byte> bytes) {
  // As long as the first event is to come, or a WIDE_SIZE, or the end of the description.
  if (bytes.size() < kWindow || counted_events_ == 0 || wide_) return 0;
  const std::optional<DescribedHeap::NarrowLimits> limits = heap_.narrow_limits();
  if (!limits) return 0;
  const Tables tables = this->tables(*limits);

  const std::byte* next = bytes.data();
  const std::byte* const last = next + (bytes.size() - kWindow);
  while (next <= last) {
    // A batch is handed on only when there is an event that has no room in it, so by emit().
    const std::size_t most =
        std::min(kBatch - pending_, static_cast<std::size_t>(last - next) / kLongest + 1);
    Event* const first = events_.data() + pending_;
    const Cursor taken = take_lives(tables, {next, first, most, 0});
    const auto writes = static_cast<std::uint32_t>(taken.event - first);
    pending_ += writes;
    note_taken(writes);
    if (limits->known) {
      const auto size = static_cast<std::size_t>(taken.next - next);
      judged_ += (size - taken.other_bytes - 3 * std::size_t{writes}) / 2;  // long ones
    }
    next = taken.next;
    if (taken.most == 0 && pending_ != kBatch) continue;
    if (next > last || !take_sequence(itm::detail::load_window(next))) break;
    next += kLongest;
  }
  return static_cast<std::size_t>(next - bytes.data());
}

/// Whether the next packet is a SEQUENCE that says what was counted.
bool EventReader::take_sequence(std::uint64_t window) {
  const Write expected = encode({Op::kSequence, 0, sequence_.next()});
  if (!sequence_.is_known() || (window & 0xFF) != (port_ << 3 | 3) ||
      ((window >> 8) & 0xFFFFFFFF) != expected.value || ((window >> 40) & 0xFF) == 0) {
    return false;
  }
  note_taken(1);
  return true;
}

void EventReader::note_taken(std::uint32_t writes) {
  if (writes == 0) return;
  packets_per_port_[port_] += writes;
  summary_.events += writes;
  summary_.ended_in_order = false;
  counted_events_ += writes;
  sequence_.count(writes);
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
    const bool may_be_ambiguous = block > 0xFFFF;
    if (may_be_ambiguous) ++order_;
    live_.assign(block, {order_, size, log2_of(event.alignment)});
    if (may_be_ambiguous) ++order_;
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
  if (life->size() == size) return;
  Event event;
  event.kind = EventKind::kResize;
  event.block = block;
  event.size = size;
  event.old_size = life->size();
  event.alignment = 1U << life->alignment_log2();
  life->set_size(size);
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
  event.old_size = life->size();
  event.alignment = 1U << life->alignment_log2();
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
  if (pending_ != 0 && events_[pending_ - 1].alignment <= heap_.base_alignment()) {
    Event& last = events_[pending_ - 1];
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
    if (failed != nullptr && live.life != nullptr && was_allocated_after(live.block, *failed)) {
      failed = nullptr;
    }
  }
  if (failed != nullptr) {
    failed->alignment = alignment;
    return;
  }
  if (live.life == nullptr) return;  // its ALLOC is from before the capture, or was lost
  if (!is_possible(live.block, live.life->size(), alignment)) return note_damage();
  live.life->name_alignment(log2);
  if (alloc != nullptr) {
    alloc->alignment = alignment;
    return;
  }
  Event event;
  event.kind = EventKind::kRealign;
  event.block = live.block;
  event.size = live.life->size();
  event.alignment = alignment;
  emit(event);
}

/// The last failed request of this run whose alignment was not named, if it was not handed on yet.
Event* EventReader::latest_failed_unnamed() {
  for (std::size_t i = pending_; i-- != 0;) {
    Event& event = events_[i];
    if (event.kind == EventKind::kReset) break;
    if (event.kind == EventKind::kFailed && event.alignment <= heap_.base_alignment()) {
      return &event;
    }
  }
  return nullptr;
}

/// Whether a live block was allocated after an event that is not handed on yet.
bool EventReader::was_allocated_after(std::uint32_t block, const Event& event) const {
  const auto pending = std::span(events_).first(pending_);
  return std::any_of(
      pending.begin() + (&event - events_.data()), pending.end(),
      [block](const Event& each) { return each.kind == EventKind::kAlloc && each.block == block; });
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
  make_room();
  events_[pending_++] = event;
}

/// For one more event at least.
void EventReader::make_room() {
  if (pending_ == kBatch) hand_on(kBatch - kKept);
}

void EventReader::hand_on(std::size_t count) {
  if (count == 0) return;
  consume_(std::span(events_).first(count));
  handed_on_ += count;
  pending_ -= count;
  std::copy_n(events_.begin() + static_cast<std::ptrdiff_t>(count), pending_, events_.begin());
}

void EventReader::flush() {
  const std::uint64_t there = handed_on_ + pending_;
  std::size_t count = static_cast<std::size_t>(std::max(flushed_, handed_on_) - handed_on_);
  const auto waits = [this](const Event& event) {
    return event.kind == EventKind::kFailed && event.alignment <= heap_.base_alignment();
  };
  while (count != pending_ && !waits(events_[count])) ++count;
  hand_on(count);
  flushed_ = there;
}

void EventReader::finish() {
  heap_.end_stream();
  hand_on(pending_);
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
