// SPDX-License-Identifier: MIT
#pragma once

// The blocks that are live at one point of a trace, by their number.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace drone::heaptrace {

/// What is known about a live block.
struct Life {
  std::uint64_t order = 0;  ///< when it was allocated: later is greater
  std::uint32_t size = 0;   ///< requested bytes, at least 1
  std::uint8_t alignment_log2 = 0;
  bool alignment_named = false;  ///< an ALIGN said it
};

/// A table from block number (24 bits) to Life. Every operation is O(1) but `latest_unnamed`; pages
/// of memory are taken as blocks in them come to life.
class LiveBlocks {
 public:
  /// The block's life, null if it is not live. Valid until the next change of another block.
  Life* find(std::uint32_t block);

  /// Makes a block live that is not.
  void insert(std::uint32_t block, const Life& life);

  /// Ends the life of a block that is live.
  void erase(std::uint32_t block);

  /// No block is live any more.
  void clear();

  struct Found {
    std::uint32_t block = 0;
    Life* life = nullptr;
  };
  /// The block allocated last among the live ones whose number ends in these 16 bits and whose
  /// alignment was not named; `life` is null if there is none. Looks at 256 blocks at most.
  Found latest_unnamed(std::uint32_t low_16_bits);

 private:
  struct Entry {
    Life life;
    std::uint16_t run = 0;  ///< live if it is run_
  };
  static constexpr unsigned kPageBits = 8;
  using Page = std::array<Entry, std::size_t{1} << kPageBits>;

  Entry* entry(std::uint32_t block);

  std::vector<std::unique_ptr<Page>> pages_;
  std::uint16_t run_ = 1;  ///< counts `clear`, so that it need not touch the pages
};

}  // namespace drone::heaptrace
