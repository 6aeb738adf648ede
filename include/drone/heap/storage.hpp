// SPDX-License-Identifier: MIT
#pragma once

// The memory of a heap. It belongs to the layout object: everything that is instantiated for one
// layout (the heap, its tracer, a test) means the same memory.

#include <array>
#include <cstddef>
#include <cstdint>

#include "drone/heap/free_list.hpp"
#include "drone/heap/pool_tables.hpp"

namespace drone::heap {

/// The blocks of all pools. Nothing needs to have initialised this memory. Specialised, as a
/// reference, for a layout whose memory the linker script makes (`drone print header`).
template <const auto& kLayout>
alignas(
    kMaxAlignment) inline constinit std::array<std::byte, PoolTables<kLayout>::kArenaSize> arena{};

/// The pools' free lists, in address order: one word a pool, in .data. Where sizes are looked up as
/// bytes (list_lookup.hpp) one more follows, which never has a block: that of larger sizes.
template <const auto& kLayout>
inline constinit std::array<FreeList,
                            PoolTables<kLayout>::kCount + PoolTables<kLayout>::kHasListOfNothing>
    free_lists{};

/// Their ends, in the same order.
template <const auto& kLayout>
inline constexpr std::array<ListEnd, PoolTables<kLayout>::kCount> list_ends = [] {
  using Pools = PoolTables<kLayout>;
  std::array<ListEnd, Pools::kCount> ends{};
  for (std::size_t place = 0; place != Pools::kCount; ++place) {
    const std::uint8_t next = Pools::kNextLarger[place];
    if (next != Pools::kNone) ends[place].next_larger = &free_lists<kLayout>[next];
  }
  return ends;
}();

/// What linking up a pool's blocks needs to know, in the same order.
struct PoolExtent {
  std::uint32_t stride;
  std::byte* end;
};

template <const auto& kLayout>
inline constexpr std::array<PoolExtent, PoolTables<kLayout>::kCount> pool_extents = [] {
  using Pools = PoolTables<kLayout>;
  std::array<PoolExtent, Pools::kCount> extents{};
  for (std::size_t place = 0; place != Pools::kCount; ++place) {
    extents[place] = {Pools::kStride[place], arena<kLayout>.data() + Pools::kEnd[place]};
  }
  return extents;
}();

/// A list that has no block and leads to none: that of sizes which no pool holds.
inline constexpr FreeList kNoList{};

}  // namespace drone::heap
