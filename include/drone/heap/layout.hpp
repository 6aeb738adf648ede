// SPDX-License-Identifier: MIT
#pragma once

// The [heap] section of Drone.toml as a compile-time constant, and what makes one valid. The
// generated header defines one; a heap and its tracer are instantiated for it:
//
//   inline constexpr drone::heap::Layout<2> kHeapLayout{
//       .size = 1024, .alignment = 4, .pools = {{{12, 40}, {32, 17}}}};
//   inline constexpr drone::heap::Heap<kHeapLayout> heap;

#include <array>
#include <cstddef>
#include <cstdint>

#include "drone/heap/options.hpp"
#include "drone/heap/pool_spec.hpp"

namespace drone::heap {

/// A heap of `size` bytes whose requests are rounded up and aligned to `alignment` (4 or 8), made
/// of `pools` in strictly ascending block size. With Checks::kFull it takes more than `size`.
template <std::size_t N>
struct Layout {
  std::uint32_t size;
  std::uint32_t alignment;
  std::array<PoolSpec, N> pools;
  Options options{};
};

/// The most pools that a layout may have: a pool's index fits a byte, with one value to spare.
inline constexpr std::size_t kMaxPools = 255;

/// The bytes that the pools take together.
template <std::size_t N>
constexpr std::uint64_t pool_bytes(const Layout<N>& layout) {
  std::uint64_t bytes = 0;
  for (const PoolSpec& pool : layout.pools) {
    bytes += std::uint64_t{pool.block_size} * pool.capacity;
  }
  return bytes;
}

namespace detail {

template <std::size_t N>
constexpr bool has_blocks(const Layout<N>& layout) {
  for (const PoolSpec& pool : layout.pools) {
    if (pool.block_size == 0 || pool.capacity == 0) return false;
  }
  return true;
}

template <std::size_t N>
constexpr bool has_multiples_of_alignment(const Layout<N>& layout) {
  for (const PoolSpec& pool : layout.pools) {
    if (pool.block_size % layout.alignment != 0) return false;
  }
  return true;
}

template <std::size_t N>
constexpr bool is_ascending(const Layout<N>& layout) {
  for (std::size_t i = 1; i < N; ++i) {
    if (layout.pools[i - 1].block_size >= layout.pools[i].block_size) return false;
  }
  return true;
}

template <std::size_t N>
constexpr std::uint64_t block_count(const Layout<N>& layout) {
  std::uint64_t blocks = 0;
  for (const PoolSpec& pool : layout.pools) blocks += pool.capacity;
  return blocks;
}

}  // namespace detail

/// Says in words what is wrong with a layout, at compile time. `value` is true.
template <const auto& kLayout>
struct CheckedLayout {
  static_assert(kLayout.pools.size() >= 1, "a heap needs at least one pool");
  static_assert(kLayout.pools.size() <= kMaxPools, "a heap has at most 255 pools");
  static_assert(kLayout.alignment == 4 || kLayout.alignment == 8, "alignment must be 4 or 8");
  static_assert(detail::has_blocks(kLayout),
                "every pool needs a block_size and a capacity above 0");
  static_assert(detail::has_multiples_of_alignment(kLayout),
                "every block_size must be a multiple of the heap's alignment");
  static_assert(detail::is_ascending(kLayout),
                "pools must be sorted by block_size, each larger than the one before");
  static_assert(pool_bytes(kLayout) <= kLayout.size, "the pools take more than the heap's size");
  static_assert(detail::block_count(kLayout) < 0xFFFFFF,
                "a heap has fewer than 16777215 blocks, the most that a trace can number");
  static constexpr bool kIsValid = true;
};

}  // namespace drone::heap
