// SPDX-License-Identifier: MIT
#pragma once

// The numbers of a heap's pools, computed from its layout by the compiler. Pools are numbered in
// address order here ("place"), because that is what freeing knows. Which of these numbers a
// program carries in flash depends on what it uses of the heap.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "drone/heap/layout.hpp"
#include "drone/heap/pool_spec.hpp"
#include "drone/heap/select_pool.hpp"

namespace drone::heap {

/// Requests of up to so many multiples of the base alignment are looked up; beyond, the few pools
/// of larger blocks are searched.
inline constexpr std::uint32_t kMaxSizeEntries = 1023;

template <const auto& kLayout>
class PoolTables {
  static_assert(CheckedLayout<kLayout>::kIsValid);

 public:
  static constexpr std::size_t kCount = kLayout.pools.size();
  static constexpr std::uint32_t kLargestBlock = kLayout.pools.back().block_size;
  static constexpr std::uint8_t kNone = 0xFF;

  /// Whether each block has a guard word behind it (Checks::kFull).
  static constexpr bool kGuarded = kLayout.options.checks == Checks::kFull;

 private:
  static constexpr std::uint32_t stride_of(const PoolSpec& pool) {
    return block_stride(pool.block_size, kGuarded);
  }

 public:
  /// The pools in address order: index in the layout, offset, number of the first block.
  static constexpr std::array<PoolPlacement, kCount> kPlaced = [] {
    std::array<PoolPlacement, kCount> placed{};
    place_pools(kLayout.pools, placed);
    if (kGuarded) {
      std::uint32_t offset = 0;
      for (PoolPlacement& pool : placed) {
        pool.offset = offset;
        offset += stride_of(kLayout.pools[pool.pool]) * kLayout.pools[pool.pool].capacity;
      }
    }
    return placed;
  }();

  /// By place: the size of the pool's blocks.
  static constexpr std::array<std::uint32_t, kCount> kBlockSize = [] {
    std::array<std::uint32_t, kCount> block_size{};
    for (std::size_t place = 0; place != kCount; ++place) {
      block_size[place] = kLayout.pools[kPlaced[place].pool].block_size;
    }
    return block_size;
  }();

  /// By place: the bytes from one block to the next.
  static constexpr std::array<std::uint32_t, kCount> kStride = [] {
    std::array<std::uint32_t, kCount> stride{};
    for (std::size_t place = 0; place != kCount; ++place) {
      stride[place] = stride_of(kLayout.pools[kPlaced[place].pool]);
    }
    return stride;
  }();

  /// By place: the offset behind the pool's last block.
  static constexpr std::array<std::uint32_t, kCount> kEnd = [] {
    std::array<std::uint32_t, kCount> end{};
    for (std::size_t place = 0; place != kCount; ++place) {
      const PoolSpec& pool = kLayout.pools[kPlaced[place].pool];
      end[place] = kPlaced[place].offset + stride_of(pool) * pool.capacity;
    }
    return end;
  }();

  static_assert(
      [] {
        std::uint64_t bytes = 0;
        for (const PoolSpec& pool : kLayout.pools)
          bytes += std::uint64_t{stride_of(pool)} * pool.capacity;
        return bytes <= UINT32_MAX;
      }(),
      "the pools with their guard words (Checks::kFull) take more than 4 GB");
  static constexpr std::uint32_t kArenaSize = kEnd.back();

  /// Where a pool's blocks begin, without dividing: an offset is a block's if
  /// ror(offset * inverse + bias, shift) < capacity, which then is the block's index. For times the
  /// inverse of the stride's odd part modulo 2^32, the distance from the first block becomes what
  /// it is a multiple of, and if it is none, a number too large.
  struct Grid {
    std::uint32_t inverse;
    std::uint32_t bias;
    std::uint32_t shift;
    std::uint32_t capacity;

    /// The index of the block at an offset; `capacity` or more if no block begins there.
    [[gnu::always_inline]] constexpr std::uint32_t index_at(std::uint32_t offset) const {
      std::uint32_t index = offset * inverse + bias;
#if defined(__thumb2__)
      if (!std::is_constant_evaluated()) {
        asm("rors %0, %1" : "+l"(index) : "l"(shift) : "cc");
        return index;
      }
#endif
      return std::rotr(index, static_cast<int>(shift));
    }
  };

  /// By place.
  static constexpr std::array<Grid, kCount> kGrid = [] {
    std::array<Grid, kCount> grids{};
    for (std::size_t place = 0; place != kCount; ++place) {
      const auto shift = static_cast<std::uint32_t>(std::countr_zero(kStride[place]));
      const std::uint32_t odd = kStride[place] >> shift;
      std::uint32_t inverse = odd;  // right in the lowest 3 bits; each step doubles that
      for (int step = 0; step != 4; ++step) inverse *= 2 - odd * inverse;
      grids[place] = {inverse, ~(kPlaced[place].offset * inverse) + 1, shift,
                      kLayout.pools[kPlaced[place].pool].capacity};
    }
    return grids;
  }();

  /// By index in the layout: the pool's place; kNone behind the last pool.
  static constexpr std::array<std::uint8_t, kCount + 1> kPlaceOfPool = [] {
    std::array<std::uint8_t, kCount + 1> place_of_pool{};
    for (std::size_t place = 0; place != kCount; ++place) {
      place_of_pool[kPlaced[place].pool] = static_cast<std::uint8_t>(place);
    }
    place_of_pool[kCount] = kNone;
    return place_of_pool;
  }();

  /// By place: the place of the pool of the next larger blocks, or kNone.
  static constexpr std::array<std::uint8_t, kCount> kNextLarger = [] {
    std::array<std::uint8_t, kCount> next_larger{};
    for (std::size_t pool = 0; pool != kCount; ++pool) {
      next_larger[kPlaceOfPool[pool]] = kPlaceOfPool[pool + 1];
    }
    return next_larger;
  }();

  /// Requests of up to this many bytes are looked up.
  static constexpr std::uint32_t kLookupLimit =
      std::min(kLargestBlock, kMaxSizeEntries* kLayout.alignment);
  static constexpr unsigned kSizeShift = kLayout.alignment == 4 ? 2 : 3;

  /// How many entries a table by size has in which something too large can be saturated to the
  /// last.
  static constexpr std::uint32_t kSizeEntries = std::bit_ceil(kLookupLimit / kLayout.alignment + 1);
  /// Whether the entries are bytes: pointers would take more than half a kilobyte.
  static constexpr bool kHasListOfNothing = kSizeEntries > 128;

  /// By (size - 1) >> kSizeShift, up to kLookupLimit: the place of the pool of the smallest blocks
  /// that hold it.
  static constexpr std::array<std::uint8_t, kLookupLimit / kLayout.alignment> kPlaceBySize = [] {
    std::array<std::uint8_t, kLookupLimit / kLayout.alignment> by_size{};
    for (std::size_t i = 0; i != by_size.size(); ++i) {
      const auto size = static_cast<std::uint32_t>((i + 1) << kSizeShift);
      by_size[i] =
          kPlaceOfPool[select_pool(kLayout.pools, size, 1, [](std::size_t) { return true; })];
    }
    return by_size;
  }();

  /// A range of offsets in which all blocks of a pool begin, and no block of a pool with larger
  /// ones. A block that was requested from this pool begins in it, unless the request was served by
  /// a larger pool. It may reach over neighbours with smaller blocks and into those with larger
  /// ones, to get a length that Thumb-2 compares with in one instruction (eight bits, shifted).
  struct Range {
    std::uint32_t begin;
    std::uint32_t length;
  };

  /// By place.
  static constexpr std::array<Range, kCount> kRange = [] {
    std::array<Range, kCount> ranges{};
    for (std::size_t place = 0; place != kCount; ++place) {
      const std::uint32_t begin = kPlaced[place].offset;
      const std::uint32_t behind_last = kEnd[place] - kStride[place] + 4;
      // The range begins in (lowest, begin] and ends in [behind_last, highest].
      std::uint32_t lowest = begin;
      std::size_t i = place;
      while (i != 0 && kBlockSize[i - 1] < kBlockSize[place]) lowest = kPlaced[--i].offset;
      if (i != 0) lowest -= kStride[i - 1] - 4;
      std::uint32_t highest = kEnd[place];
      for (i = place + 1; i != kCount && kBlockSize[i] < kBlockSize[place]; ++i) highest = kEnd[i];
      ranges[place] = {begin, kEnd[place] - begin};
      for (std::uint32_t length = behind_last - begin; length <= highest - lowest; length += 4) {
        if (length >> std::countr_zero(length) > 0xFF) continue;
        ranges[place] = {std::max(lowest, std::min(begin, highest - length)), length};
        break;
      }
    }
    return ranges;
  }();
};

}  // namespace drone::heap
