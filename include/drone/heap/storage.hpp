// SPDX-License-Identifier: MIT
#pragma once

// The memory of a heap. It belongs to the layout object: everything that is instantiated for one
// layout (the heap, its tracer, a test) means the same memory.

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "drone/heap/free_list.hpp"
#include "drone/heap/pool_tables.hpp"

namespace drone::heap {

/// The blocks of all pools, in .bss: memory that reads 0 is a heap whose blocks are all free.
/// Specialised, as a reference, for a layout whose memory the linker script makes (`drone print
/// header`).
template <const auto& kLayout>
alignas(
    kMaxAlignment) inline constinit std::array<std::byte, PoolTables<kLayout>::kArenaSize> arena{};

/// The heads of the pools' free lists, in address order: one word a pool, in .data.
template <const auto& kLayout>
inline constinit std::array<FreeList, PoolTables<kLayout>::kCount> free_lists = [
]<std::size_t... kPlace>(std::index_sequence<kPlace...>) {
  return std::array<FreeList, sizeof...(kPlace)>{
      FreeList(arena<kLayout>.data() + PoolTables<kLayout>::kPlaced[kPlace].offset)...};
}
(std::make_index_sequence<PoolTables<kLayout>::kCount>());

/// What taking a block from a pool needs to know of it, in address order.
struct PoolExtent {
  std::uint32_t block_size;
  std::byte* end;
};

template <const auto& kLayout>
inline constexpr std::array<PoolExtent, PoolTables<kLayout>::kCount> pool_extents = [] {
  std::array<PoolExtent, PoolTables<kLayout>::kCount> extents{};
  for (std::size_t place = 0; place != extents.size(); ++place) {
    extents[place] = {PoolTables<kLayout>::kBlockSize[place],
                      arena<kLayout>.data() + PoolTables<kLayout>::kEnd[place]};
  }
  return extents;
}();

}  // namespace drone::heap
