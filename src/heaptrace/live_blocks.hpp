// SPDX-License-Identifier: MIT
#pragma once

// The blocks that are live at one point of a trace, by their number.

#include <cstdint>

#include "heaptrace/block_table.hpp"

namespace drone::heaptrace {

/// What is known about a block: the order and the facts, which are 0 of a block that is not live.
class Life {
 public:
  Life() = default;  ///< of a block that is not live
  /// `size` in requested bytes, 1 to kMostBytes. `order`: when it was allocated, against other
  /// blocks whose number ends in the same 16 bits: a count that may wrap round.
  Life(std::uint32_t order, std::uint32_t size, std::uint32_t alignment_log2)
      : bits_(std::uint64_t{order} << 32 | alignment_log2 << kAlignmentShift | size) {}

  static constexpr std::uint32_t kMostBytes = 0xFFFFFF;

  bool is_live() const { return facts() != 0; }
  std::uint32_t order() const { return static_cast<std::uint32_t>(bits_ >> 32); }
  std::uint32_t size() const { return facts() & kMostBytes; }
  std::uint32_t alignment_log2() const { return facts() >> kAlignmentShift & 31; }
  bool alignment_named() const { return (facts() & kNamed) != 0; }  ///< an ALIGN said it

  void set_size(std::uint32_t size) { bits_ = (bits_ & ~std::uint64_t{kMostBytes}) | size; }
  void name_alignment(std::uint32_t log2) {
    *this = Life(order(), size(), log2);
    bits_ |= kNamed;
  }

  // For a loop that has no time for branches. As long as the alignment is not named, a size is
  // added to the bits of a life of no bytes, and is what its facts are more than those.
  static Life of_bits(std::uint64_t bits) {
    Life life;
    life.bits_ = bits;
    return life;
  }
  std::uint64_t bits() const { return bits_; }
  static constexpr std::uint32_t kNever = 1U << 31;  ///< facts that no life has
  std::uint32_t facts() const { return static_cast<std::uint32_t>(bits_); }

 private:
  static constexpr unsigned kAlignmentShift = 24;
  static constexpr std::uint32_t kNamed = 1U << 31;

  std::uint64_t bits_ = 0;
};

class LiveBlocks : public BlockTable<Life> {
 public:
  struct Found {
    std::uint32_t block = 0;
    Life* life = nullptr;
  };
  /// The block allocated last among the live ones whose number ends in these 16 bits and whose
  /// alignment was not named; `life` is null if there is none. Looks at 256 blocks at most.
  Found latest_unnamed(std::uint32_t low_16_bits);
};

}  // namespace drone::heaptrace
