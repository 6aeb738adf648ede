// SPDX-License-Identifier: MIT
#pragma once

// What a heap looks up instead of searching, computed from its layout by the compiler and kept in
// flash: which pool serves a size, and which pool an address belongs to. Pools are numbered in
// address order here ("place"), because that is what freeing knows.
//
// A size is looked up exactly, one byte for each multiple of the base alignment up to
// kMaxSizeEntries of them; beyond, the few pools of larger blocks are searched.
//
// An address is looked up in granules, as large as possible (a power of two) so that at most one
// boundary between two pools falls into each. One word answers for a granule: for the place of
// the pool that it begins in, and the offset of that pool's end,
//
//   word = (place + 1) * 2^24 - end        (word + offset) / 2^24 = place, or place + 1 from `end`
//   on
//
// If that takes more than kMaxAddressEntries words (very small pools in a large heap), granules
// hold several boundaries, and the following pools' ends are compared one by one.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "drone/heap/layout.hpp"
#include "drone/heap/pool_spec.hpp"
#include "drone/heap/select_pool.hpp"

namespace drone::heap {

inline constexpr std::uint32_t kMaxSizeEntries = 512;
inline constexpr std::uint32_t kMaxAddressEntries = 128;

template <const auto& kLayout>
class PoolTables {
  static_assert(CheckedLayout<kLayout>::kIsValid);

 public:
  static constexpr std::size_t kCount = kLayout.pools.size();
  static constexpr std::uint32_t kArenaSize = static_cast<std::uint32_t>(pool_bytes(kLayout));
  static constexpr std::uint32_t kLargestBlock = kLayout.pools.back().block_size;
  static constexpr std::uint8_t kNone = 0xFF;

  /// The pools in address order: index in the layout, offset, number of the first block.
  static constexpr std::array<PoolPlacement, kCount> kPlaced = [] {
    std::array<PoolPlacement, kCount> placed{};
    place_pools(kLayout.pools, placed);
    return placed;
  }();

  /// Requests of up to this many bytes are looked up.
  static constexpr std::uint32_t kLookupLimit =
      std::min(kLargestBlock, kMaxSizeEntries* kLayout.alignment);
  static constexpr unsigned kSizeShift = kLayout.alignment == 4 ? 2 : 3;

  /// A range of offsets that holds all blocks of a pool and no block of a pool with larger ones. A
  /// block that was requested from this pool lies in it, unless the request was served by a larger
  /// pool. The range may reach over neighbours with smaller blocks, to get a length that Thumb-2
  /// compares with in one instruction (eight bits, shifted).
  struct Range {
    std::uint32_t begin;
    std::uint32_t length;
  };

 private:
  static constexpr std::uint32_t end_of(std::size_t place) {
    return place + 1 < kCount ? kPlaced[place + 1].offset : kArenaSize;
  }

  static constexpr std::uint32_t block_size_of(std::size_t place) {
    return kLayout.pools[kPlaced[place].pool].block_size;
  }

  static constexpr Range find_range(std::size_t place) {
    const std::uint32_t begin = kPlaced[place].offset;
    const std::uint32_t end = end_of(place);
    std::uint32_t lowest = begin;
    for (std::size_t i = place; i != 0 && block_size_of(i - 1) < block_size_of(place); --i) {
      lowest = kPlaced[i - 1].offset;
    }
    std::uint32_t highest = end;
    for (std::size_t i = place + 1; i != kCount && block_size_of(i) < block_size_of(place); ++i) {
      highest = end_of(i);
    }
    for (std::uint32_t length = end - begin; length <= highest - lowest; length += 4) {
      if (length >> std::countr_zero(length) > 0xFF) continue;
      return {std::max(lowest, end - std::min(end, length)), length};
    }
    return {begin, end - begin};
  }

  static constexpr std::uint32_t entries(unsigned shift) { return ((kArenaSize - 1) >> shift) + 1; }

  static constexpr bool has_single_boundaries(unsigned shift) {
    for (std::size_t place = 0; place + 2 < kCount; ++place) {
      if (end_of(place) >> shift == end_of(place + 1) >> shift) return false;
    }
    return true;
  }

 public:
  static constexpr unsigned kAddressShift = [] {
    unsigned shift = 31;
    while (shift != 0 && !has_single_boundaries(shift)) --shift;
    while (entries(shift) > kMaxAddressEntries) ++shift;
    return shift;
  }();
  static constexpr bool kSingleBoundaries = has_single_boundaries(kAddressShift);

  /// By place: the offset behind the pool's last block.
  static constexpr std::array<std::uint32_t, kCount> kEnd = [] {
    std::array<std::uint32_t, kCount> end{};
    for (std::size_t place = 0; place != kCount; ++place) end[place] = end_of(place);
    return end;
  }();

  /// By place: the size of the pool's blocks.
  static constexpr std::array<std::uint32_t, kCount> kBlockSize = [] {
    std::array<std::uint32_t, kCount> block_size{};
    for (std::size_t place = 0; place != kCount; ++place) {
      block_size[place] = block_size_of(place);
    }
    return block_size;
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

  /// By place.
  static constexpr std::array<Range, kCount> kRange = [] {
    std::array<Range, kCount> ranges{};
    for (std::size_t place = 0; place != kCount; ++place) ranges[place] = find_range(place);
    return ranges;
  }();

  /// The pool that serves a request of 1 to kLookupLimit bytes first.
  [[gnu::always_inline]] static constexpr std::uint32_t place_for_size(std::uint32_t size) {
    return kBySize[(size - 1) >> kSizeShift];
  }

  /// The pool that the byte at an offset below kArenaSize belongs to.
  [[gnu::always_inline]] static constexpr std::uint32_t place_at(std::uint32_t offset) {
    if constexpr (kCount == 1) return 0;
    std::uint32_t place = (kByAddress[offset >> kAddressShift] + offset) >> kPlaceShift;
    if constexpr (!kSingleBoundaries) {
      while (offset >= kEnd[place]) ++place;
    }
    return place;
  }

 private:
  static constexpr unsigned kPlaceShift = 24;
  static_assert(kArenaSize < std::uint32_t{1} << kPlaceShift, "a heap is smaller than 16 MB");

  /// By (size - 1) >> kSizeShift: the pool of the smallest blocks that hold it.
  static constexpr std::array<std::uint8_t, kLookupLimit / kLayout.alignment> kBySize = [] {
    std::array<std::uint8_t, kLookupLimit / kLayout.alignment> by_size{};
    for (std::size_t i = 0; i != by_size.size(); ++i) {
      const auto size = static_cast<std::uint32_t>((i + 1) << kSizeShift);
      by_size[i] =
          kPlaceOfPool[select_pool(kLayout.pools, size, 1, [](std::size_t) { return true; })];
    }
    return by_size;
  }();

  /// By offset >> kAddressShift: the word explained at the top.
  static constexpr std::array<std::uint32_t, entries(kAddressShift)> kByAddress = [] {
    std::array<std::uint32_t, entries(kAddressShift)> by_address{};
    std::uint32_t place = 0;
    for (std::size_t i = 0; i != by_address.size(); ++i) {
      while (kEnd[place] <= i << kAddressShift) ++place;
      by_address[i] = ((place + 1) << kPlaceShift) - kEnd[place];
    }
    return by_address;
  }();
};

}  // namespace drone::heap
