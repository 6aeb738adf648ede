// SPDX-License-Identifier: MIT
#pragma once

// The blocks that are live at one point of a trace, by their number.

#include <cstdint>

#include "heaptrace/block_table.hpp"

namespace drone::heaptrace {

/// What is known about a live block.
struct Life {
  std::uint64_t order = 0;  ///< when it was allocated: later is greater
  std::uint32_t size = 0;   ///< requested bytes, at least 1
  std::uint8_t alignment_log2 = 0;
  bool alignment_named = false;  ///< an ALIGN said it
  TableRun run = 0;
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
