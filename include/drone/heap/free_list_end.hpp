// SPDX-License-Identifier: MIT
#pragma once

// Where the free lists (free_list.hpp) of a Cortex-M end.

#include <cstdint>

namespace drone::heap::detail {

/// The end of every free list: a word that reads 0 and is no block.
inline constexpr std::uint32_t kEndOfList = 0;

/// Its address, as that of a block. Nobody writes to it.
constexpr void* end_of_list() noexcept { return const_cast<std::uint32_t*>(&kEndOfList); }

}  // namespace drone::heap::detail
