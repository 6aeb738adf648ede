// SPDX-License-Identifier: MIT
#pragma once

// The lives that a recording of another tool tells of, by that tool's names for blocks: the readers
// of text, mtrace and heaptrack files say what they read, and events come out.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "heaptrace/event.hpp"
#include "heaptrace/reader.hpp"

namespace drone::heaptrace {

/// Turns requests into events whose lives are whole (event.hpp). IDs are any numbers; block numbers
/// are given out here, and used again. Sizes are made such as an event can have: 0 becomes 1, as
/// `malloc(0)` and `operator new(0)` of a host take a block, and what 32 bits cannot hold becomes
/// the most that they can. What does not fit together is counted as docs/trace-format.md, section
/// 5, says. O(1) a call; memory grows with the live blocks.
class ImportedLives {
 public:
  using Consume = std::function<void(std::span<const Event>)>;
  using Id = std::uint64_t;

  /// What a request is aligned to that names no alignment: the least that a heap gives.
  static constexpr std::uint32_t kBaseAlignment = 4;

  explicit ImportedLives(Consume consume);

  /// Where in the file the following comes from.
  void set_place(std::uint64_t offset) { place_ = offset; }

  void alloc(Id id, std::uint64_t size, std::uint32_t alignment = kBaseAlignment);
  /// Returns whether the block was live.
  bool dealloc(Id id);
  /// In place, or as if it were. A block that is not live becomes so.
  void resize(Id id, std::uint64_t size);
  /// A reallocation that took its new block before it gave back the old one.
  void move(Id from, Id to, std::uint64_t size);
  void fail(std::uint64_t size, std::uint32_t alignment = kBaseAlignment);
  /// Another program begins.
  void reset();

  /// An address of the program that was recorded.
  void note_address(std::uint64_t address) { addresses_ |= address; }

  /// Something at the place is no record.
  void note_malformed();
  /// Something at the place is of a kind that is not known.
  void note_unknown_operation() { ++summary_.unknown_operations; }

  /// Hands on the events that are kept back for a batch.
  void flush();

  /// All but `format`, `bytes` and `ended_in_order`.
  Summary summary() const;
  std::uint64_t events() const { return summary_.events; }

 private:
  struct Life {
    Id id = 0;
    std::uint32_t block = 0;
    std::uint32_t size = 0;  ///< 0: no life, the slot is free
    std::uint32_t alignment = 0;
  };

  std::size_t home(Id id) const { return static_cast<std::size_t>((id * kSpread) >> shift_); }
  std::size_t slot_of(Id id) const;
  void begin(std::size_t slot, Id id, std::uint32_t size, std::uint32_t alignment);
  void end(std::size_t slot);
  void erase(std::size_t slot);
  void grow();
  void emit(const Event& event);
  void note_place();

  static constexpr std::uint64_t kSpread = 0x9E3779B97F4A7C15;  ///< 2^64 by the golden ratio

  Consume consume_;
  std::vector<Life> lives_;  ///< a hash table with linear probing, at most half full
  unsigned shift_;           ///< 64 - log2 of its size
  std::size_t live_ = 0;
  std::vector<std::uint32_t> free_;  ///< block numbers
  std::uint32_t blocks_ = 0;         ///< numbers given out
  std::uint64_t place_ = 0;
  std::uint64_t addresses_ = 0;  ///< all bits of those seen
  Summary summary_;
  std::vector<Event> events_;  ///< not handed on yet
};

}  // namespace drone::heaptrace
