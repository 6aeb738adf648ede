// SPDX-License-Identifier: MIT
#pragma once

// From packets to events: the table "Reading" of docs/trace-format.md.

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "drone/heaptrace/wire_format.hpp"
#include "heaptrace/described_heap.hpp"
#include "heaptrace/event.hpp"
#include "heaptrace/live_blocks.hpp"
#include "heaptrace/reader.hpp"
#include "heaptrace/sequence_check.hpp"
#include "itm/packet.hpp"

namespace drone::heaptrace {

/// Takes the packets of one stream, in order; hands on the events of the heap's port.
class EventReader {
 public:
  using Consume = std::function<void(std::span<const Event>)>;

  /// With `use_description` off, no event is held against what the stream says about its heap.
  EventReader(unsigned port, bool use_description, Consume consume);

  /// Throws Error (kInput) for a format version that this drone does not read.
  void add(const itm::Packet& packet);

  /// Does what add() does with the packets that `bytes` begin with, as long as they are of the most
  /// frequent kinds and say nothing out of the ordinary: fast. Returns how many bytes it took; what
  /// follows is for a decoder and add(). `bytes` begin at a packet of the first stimulus page.
  std::size_t take(std::span<const std::byte> bytes);

  /// Hands on the events that were kept back for a batch. Of those that came since the last
  /// flush(), the ones from a failed request on whose alignment may still be named wait for the
  /// next one: an ALIGN follows its ALLOC at once, but the two may come in different chunks.
  void flush();

  /// The stream has ended: hands on the last events.
  void finish();

  /// So far, as in summary().
  const Losses& losses() const { return summary_.losses; }
  std::uint64_t events() const { return summary_.events; }
  std::optional<std::uint32_t> heap_size() const { return heap_.description().heap_size; }

  /// All but `bytes` and `description_ignored`. Complete after finish().
  Summary summary() const;

  /// Packets of the port that no tracer writes, whatever the heap.
  std::uint64_t foreign_writes() const { return foreign_writes_; }
  /// Events that SEQUENCE counts.
  std::uint64_t counted_events() const { return counted_events_; }
  /// Whether nearly every event says what the described heap cannot have.
  bool contradicts_description() const;

 private:
  struct Form;
  struct Tables;
  struct Cursor;
  Tables tables(const DescribedHeap::NarrowLimits& limits);
  static Cursor take_lives(const Tables& tables, Cursor cursor);
  bool take_sequence(std::uint64_t window);
  void note_taken(std::uint32_t writes);
  void add_write(Write write);
  void add_record(const Record& record);
  void add_version(std::uint32_t version);
  void add_alloc(std::uint32_t block, std::uint32_t size);
  void add_resize(std::uint32_t block, std::uint32_t size);
  void add_dealloc(std::uint32_t block);
  void add_align(std::uint32_t low_16_bits, std::uint32_t log2);
  void add_wide_size(std::uint32_t size);
  void add_sequence(std::uint32_t sequence);
  bool is_possible(std::uint32_t block, std::uint32_t size, std::uint32_t alignment = 1);
  void drop_wide();
  void note_damage();
  void note_unknown_block();
  void note_transport_loss();
  void note_place();
  void emit(const Event& event);
  void make_room();
  void hand_on(std::size_t count);
  Event* latest_failed_unnamed();
  bool was_allocated_after(std::uint32_t block, const Event& event) const;

  unsigned port_;
  bool use_description_;
  Consume consume_;

  std::uint64_t offset_ = 0;  ///< of the packet at hand
  Summary summary_;
  std::array<std::uint64_t, 256> packets_per_port_{};
  DescribedHeap heap_;
  SequenceCheck sequence_;
  LiveBlocks live_;
  std::uint32_t order_ = 0;       ///< of Life: counts allocations of blocks beyond 16 bits, twice
  bool seen_from_reset_ = false;  ///< this run began with a VERSION
  std::optional<Record> wide_;    ///< a WIDE_ALLOC or WIDE_RESIZE whose WIDE_SIZE is to come
  std::uint64_t counted_events_ = 0;
  std::uint64_t foreign_writes_ = 0;
  std::uint64_t judged_ = 0;      ///< events held against the description
  std::uint64_t impossible_ = 0;  ///< those that contradict it

  std::vector<Event> events_;  ///< a batch; the first `pending_` are not handed on yet
  std::size_t pending_ = 0;
  std::uint64_t handed_on_ = 0;  ///< number of events before those
  std::uint64_t flushed_ = 0;    ///< number of events there were at the last flush()
};

}  // namespace drone::heaptrace
