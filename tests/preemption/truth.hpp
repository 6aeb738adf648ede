// SPDX-License-Identifier: MIT
#pragma once

// What must hold after an operation and its interrupts: the records of the firmware against the
// layout, against memory, and against the trace.

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "interface.hpp"

namespace drone::preemption {

/// What happened to the heap's blocks, from the firmware's records.
class Truth {
 public:
  /// `base` is the address of the heap's first block.
  explicit Truth(std::uint32_t base);

  /// Takes the next record; empty, or what is wrong: a block handed out twice, an address that is
  /// no block, one that is too small or not aligned.
  std::string add(const LogRecord& record);

  /// Empty, or which pool has lost or gained blocks, once the heap is drained.
  std::string check_all_found() const;

  /// Blocks that have an owner, who filled them.
  struct Owned {
    std::uint32_t address;
    std::uint32_t size;
    std::uint8_t fill;
  };
  std::vector<Owned> owned() const;

  /// Holds a stream of SWO bytes against what happened: every event there, whole and decodable,
  /// nothing else, for each block in true order, and counted exactly. `advanced` is the number of
  /// failed requests of kAdvanceSize.
  std::string check_trace(const std::vector<std::byte>& swo, std::uint32_t advanced) const;

  /// The same for a stream from which that many events were dropped: it says so, and SEQUENCE
  /// counts them.
  static std::string check_stalled_trace(const std::vector<std::byte>& swo, std::uint64_t dropped);

 private:
  struct Block {
    bool live = false;
    bool drained = false;
    std::uint8_t alignment_log2 = 0;
    std::uint32_t size = 0;
    std::uint32_t record = 0;
  };
  enum class Kind : std::uint8_t { kTake, kGive, kResize };
  struct Step {
    std::uint32_t block;
    Kind kind;
    std::uint32_t size;
    friend bool operator==(const Step&, const Step&) = default;
  };
  struct Place {
    std::uint32_t offset;
    std::uint32_t block_size;
    std::uint32_t capacity;
    std::uint32_t first_block;
  };

  /// The number of the block that begins at an address, or kNone.
  std::uint32_t number_of(std::uint32_t address) const;
  const Place& place_of(std::uint32_t number) const;
  static std::string compare(std::vector<Step> expected, std::vector<Step> seen);

  static constexpr std::uint32_t kNone = UINT32_MAX;
  std::uint32_t base_;
  std::array<Place, kLayout.pools.size()> places_{};
  std::vector<Block> blocks_;
  std::vector<Step> steps_;
  std::map<std::uint32_t, std::uint32_t> failed_;
  std::uint32_t records_ = 0;
};

/// What a stream of SWO bytes says, event by event.
struct TraceCount {
  std::uint32_t counted = 0;  ///< events that SEQUENCE counts, dropped ones included
  std::uint32_t sequences = 0;
};
/// The events that SEQUENCE counts which an operation's record stands for.
std::uint32_t events_of(const LogRecord& record);
TraceCount count_events(std::span<const std::byte> swo);

}  // namespace drone::preemption
