// SPDX-License-Identifier: MIT
#pragma once

// What a heap's layout is: pools of fixed-size blocks, how a request's size is rounded, how blocks
// are aligned, and where pools lie in memory. Used by the heap in firmware, by the generated
// header, by the tools that read Drone.toml and by the layout search: the one home of these rules.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace drone::heap {

/// The largest alignment that a request can name, and that of the heap itself, in bytes.
inline constexpr std::uint32_t kMaxAlignment = 64;

/// `capacity` blocks of `block_size` bytes each.
struct PoolSpec {
  std::uint32_t block_size;
  std::uint32_t capacity;

  friend constexpr bool operator==(const PoolSpec&, const PoolSpec&) = default;
};

/// `value` rounded up to a multiple of `alignment`, a power of two. Needs value + alignment - 1 to
/// be representable.
constexpr std::uint32_t round_up(std::uint32_t value, std::uint32_t alignment) {
  return (value + alignment - 1) & ~(alignment - 1);
}

/// The size that a block must have to serve a request of `size` bytes: rounded up to the heap's
/// base alignment (4 or 8) and to the alignment that the request names (1 if none), both powers of
/// two.
constexpr std::uint32_t effective_size(std::uint32_t size, std::uint32_t base_alignment,
                                       std::uint32_t alignment = 1) {
  return round_up(size, alignment > base_alignment ? alignment : base_alignment);
}

/// What every block of a pool is aligned to: the power-of-two factor of its size, at most 64.
constexpr std::uint32_t block_alignment(std::uint32_t block_size) {
  const std::uint32_t factor = block_size & (~block_size + 1);
  return factor < kMaxAlignment ? factor : kMaxAlignment;
}

/// The bytes from one block of a pool to the next. A guard word behind each block (Checks::kFull)
/// takes as many as leave the blocks aligned as they are.
constexpr std::uint32_t block_stride(std::uint32_t block_size, bool is_guarded) {
  return block_size + (is_guarded ? block_alignment(block_size) : 0);
}

/// Where a pool lies: its index among the pools in ascending block size, the offset of its first
/// block from the heap's start in bytes, and that block's number in a trace.
struct PoolPlacement {
  std::uint32_t pool;
  std::uint32_t offset;
  std::uint32_t first_block;
};

/// Puts the pools in address order: descending block alignment, ties in ascending block size, so
/// that every block is aligned to its block_alignment without padding, the heap being aligned
/// to 64. `pools` is in ascending block size; `placed` has as many elements, and comes out in
/// address order.
constexpr void place_pools(std::span<const PoolSpec> pools, std::span<PoolPlacement> placed) {
  std::size_t count = 0;
  std::uint32_t offset = 0;
  std::uint32_t first_block = 0;
  for (std::uint32_t alignment = kMaxAlignment; alignment != 0; alignment >>= 1) {
    for (std::size_t i = 0; i != pools.size(); ++i) {
      if (block_alignment(pools[i].block_size) != alignment) continue;
      placed[count++] = {static_cast<std::uint32_t>(i), offset, first_block};
      offset += pools[i].block_size * pools[i].capacity;
      first_block += pools[i].capacity;
    }
  }
}

}  // namespace drone::heap
