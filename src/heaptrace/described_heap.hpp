// SPDX-License-Identifier: MIT
#pragma once

// What the stream says about the heap, collected fact by fact, and whether an event fits it.
//
// The description of a run follows its VERSION, but the events of an interrupt may stand between
// its facts. So the list of pools is taken as complete (a block beyond it cannot exist) only when
// another fact followed it, or 64 counted events came since the last fact. A block within the list
// so far can be judged at once, pools being listed in address order. Where anything was lost before
// the list was complete, pools may be missing from it, and it is not used at all.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "drone/heaptrace/wire_format.hpp"
#include "heaptrace/reader.hpp"

namespace drone::heaptrace {

class DescribedHeap {
 public:
  /// A VERSION: another description may follow. Until it does, that of the run before stays.
  void begin_run();

  /// A record of sub-operations 8 to 14. False if it says what no heap can have.
  bool add_fact(const Record& record);

  /// A counted event was seen.
  void note_event();

  /// Something was lost here.
  void note_loss();

  /// The stream has ended.
  void end_stream();

  enum class Verdict : std::uint8_t {
    kUnknown,   ///< the description does not say (yet)
    kPossible,  ///< the heap has that block, and it holds that many bytes
    kImpossible,
  };
  /// Judges a block that holds `size` bytes and is aligned to `alignment`; 0 and 1 for unknown.
  Verdict judge(std::uint32_t block, std::uint32_t size, std::uint32_t alignment) const;

  /// judge() for the allocations that one 32-bit write says, as a table.
  struct NarrowLimits {
    /// By block: the most bytes that may be said of it; 0 of 0x7FFF, which stands for a failure.
    std::span<const std::uint16_t, 0x8000> most_bytes;
    bool known = false;  ///< what is within the limits is kPossible, else kUnknown
  };
  /// Absent as long as events may change the verdicts. Valid until the next call of anything but
  /// note_event(). Cheap unless the description has changed.
  std::optional<NarrowLimits> narrow_limits();

  /// In bytes; 4 until a fact says otherwise.
  std::uint32_t base_alignment() const { return description_.base_alignment.value_or(4); }

  const Description& description() const { return description_; }

 private:
  void begin_description();
  void add_capacity(std::uint32_t capacity);
  void close_pools();
  void drop_pools();
  void fill_limits();

  enum class Pools : std::uint8_t {
    kNone,    ///< nothing said in this run
    kOpen,    ///< some facts were said, and pools may follow
    kClosed,  ///< complete
    kLost,    ///< incomplete for ever
  };
  Description description_;
  Pools pools_ = Pools::kNone;
  bool described_ = false;                ///< a fact was said in this run
  std::uint32_t block_size_ = 0;          ///< of a POOL_BLOCK whose POOL_CAPACITY is to come
  std::uint32_t base_low_ = 0;            ///< of a HEAP_BASE_LOW
  std::uint32_t events_since_fact_ = 0;   ///< counts to 64
  std::vector<std::uint32_t> pool_ends_;  ///< for each pool, the first block number behind it

  struct Limited {
    std::vector<heap::PoolSpec> pools;
    std::optional<std::uint32_t> heap_size;
  };
  std::vector<std::uint16_t> limits_;  ///< of narrow_limits(), for the heap `limited_`
  Limited limited_;
  bool has_changed_ = true;  ///< perhaps, since narrow_limits()
};

}  // namespace drone::heaptrace
