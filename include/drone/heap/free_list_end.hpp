// SPDX-License-Identifier: MIT
#pragma once

// Where the free lists (free_list.hpp) of a Cortex-M end, and how they begin.

namespace drone::heap {

class FreeList;

/// The end of a free list: looks like a block whose link is null, but is a constant outside of all
/// pools. Behind the link it says where to look next.
struct ListEnd {
  const void* link = nullptr;
  FreeList* next_larger = nullptr;  ///< the list of the pool of the next larger blocks, or null
};

/// The end of every list that was not linked up yet.
inline constexpr ListEnd kUnlinked{};

}  // namespace drone::heap
