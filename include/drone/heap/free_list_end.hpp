// SPDX-License-Identifier: MIT
#pragma once

// Where the free lists (free_list.hpp) of a Cortex-M end, and how they begin.

#include <cstdint>

namespace drone::heap {

class FreeList;

/// The end of a free list: says where to look next. A constant outside of all pools. Lists lead to
/// `mark`, whose address is odd and thus that of no block.
struct alignas(4) ListEnd {
  FreeList* next_larger = nullptr;  ///< the list of the pool of the next larger blocks, or null
  char before_mark = 0;
  char mark = 0;

  static const ListEnd& of(const void* mark) noexcept {
    return *reinterpret_cast<const ListEnd*>(static_cast<const char*>(mark) - kMarkOffset);
  }
  static bool is_mark(const void* link) noexcept {
    return (reinterpret_cast<std::uintptr_t>(link) & 1) != 0;
  }

  static constexpr int kMarkOffset = sizeof(void*) + 1;
};

/// The end of every list that was not linked up yet.
inline constexpr ListEnd kUnlinked{};

}  // namespace drone::heap
