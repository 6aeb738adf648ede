// SPDX-License-Identifier: MIT
#pragma once

// What a heap looks up instead of searching: which pool's free list serves a size, and which one an
// address belongs to. Tables in flash, computed by the compiler.
//
// By size: one entry for each multiple of the base alignment. If 2^n of them, at least one more
// than there are sizes, are at most kMaxSizePointers, they are pointers, and what is too large is
// saturated to the last entry, kNoList. If not, they are bytes.
//
// By address: one entry for each granule of the arena (a power of two). If all boundaries between
// pools fall on granules, entries are pointers. Else granules are as large as possible so that at
// most one boundary falls into each, and one word answers for a granule: for the place of the pool
// that it begins in, and the offset of that pool's end,
//
//   word = (index + 1) * 2^kIndexShift - end        (word + offset) >> kIndexShift = index, or
//                                                   index + 1 from `end` on
//
// where index is that of the list's pointer, which the words are followed by. If that took more
// than kMaxGranules granules (very small pools in a large heap), granules hold several boundaries,
// and the following pools' ends are compared one by one.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "drone/heap/free_list.hpp"
#include "drone/heap/pool_tables.hpp"
#include "drone/heap/storage.hpp"

namespace drone::heap {

inline constexpr std::uint32_t kMaxSizePointers = 128;
inline constexpr std::uint32_t kMaxGranules = 128;

template <const auto& kLayout>
class ListLookup {
  using Pools = PoolTables<kLayout>;

  static constexpr std::uint32_t granules(unsigned shift) {
    return ((Pools::kArenaSize - 1) >> shift) + 1;
  }

  static constexpr bool is_granular(unsigned shift) {
    for (std::size_t place = 0; place + 1 < Pools::kCount; ++place) {
      if ((Pools::kEnd[place] & ((std::uint32_t{1} << shift) - 1)) != 0) return false;
    }
    return true;
  }

  static constexpr bool has_single_boundaries(unsigned shift) {
    for (std::size_t place = 0; place + 2 < Pools::kCount; ++place) {
      if (Pools::kEnd[place] >> shift == Pools::kEnd[place + 1] >> shift) return false;
    }
    return true;
  }

  template <class Predicate>
  static constexpr unsigned largest_shift(Predicate predicate) {
    unsigned shift = 31;
    while (shift != 0 && !predicate(shift)) --shift;
    return shift;
  }

 public:
  /// Whether a block's list is found without looking at boundaries, which saves instructions.
  static constexpr bool kGranular = granules(largest_shift(is_granular)) <= kMaxGranules;

  /// The list that serves requests of a size first, or kNoList.
  [[gnu::always_inline]] static FreeList* list_for_size(std::size_t size) noexcept {
    if (__builtin_constant_p(size)) {
      return size - 1 < Pools::kLookupLimit
                 ? &free_lists<kLayout>[Pools::kPlaceBySize[(size - 1) >> Pools::kSizeShift]]
                 : no_list();
    }
    if constexpr (kSizePointers <= kMaxSizePointers) {
      return kListBySize[saturate<std::bit_width(kSizePointers - 1)>((size - 1) >>
                                                                     Pools::kSizeShift)];
    } else {
      if (size - 1 >= Pools::kLookupLimit) [[unlikely]]
        return no_list();
      return &free_lists<kLayout>[Pools::kPlaceBySize[(size - 1) >> Pools::kSizeShift]];
    }
  }

  /// The list of the pool that the byte at an offset below kArenaSize belongs to.
  [[gnu::always_inline]] static FreeList* list_at(std::uint32_t offset) noexcept {
    if constexpr (Pools::kCount == 1) {
      return free_lists<kLayout>.data();
    } else if constexpr (kGranular) {
      return kByAddress[offset >> kGranuleShift].list;
    } else {
      std::uint32_t index = (kByAddress[offset >> kGranuleShift].word + offset) >> kIndexShift;
      if constexpr (!kSingleBoundaries) {
        while (offset >= Pools::kEnd[index - kGranules]) ++index;
      }
      return kByAddress[index].list;
    }
  }

  /// Its place.
  [[gnu::always_inline]] static std::uint32_t place_at(std::uint32_t offset) noexcept {
    return static_cast<std::uint32_t>(list_at(offset) - free_lists<kLayout>.data());
  }

 private:
  static FreeList* no_list() noexcept { return const_cast<FreeList*>(&kNoList); }

  static constexpr std::uint32_t kSizePointers =
      std::bit_ceil(Pools::kLookupLimit / kLayout.alignment + 1);

  /// `value`, or 2^kBits - 1 if it is larger. `value` is below 2^31 on a core.
  template <int kBits>
  [[gnu::always_inline]] static std::size_t saturate(std::size_t value) noexcept {
#if defined(__ARM_FEATURE_SAT)
    asm("usat %0, %1, %0" : "+r"(value) : "I"(kBits));
    return value;
#else
    return std::min<std::size_t>(value, (std::size_t{1} << kBits) - 1);
#endif
  }

  static constexpr auto kListBySize = [] {
    constexpr std::uint32_t kEntries = kSizePointers <= kMaxSizePointers ? kSizePointers : 1;
    std::array<FreeList*, kEntries> by_size{};
    by_size.fill(const_cast<FreeList*>(&kNoList));
    if (kEntries != 1) {
      for (std::size_t i = 0; i != Pools::kPlaceBySize.size(); ++i) {
        by_size[i] = &free_lists<kLayout>[Pools::kPlaceBySize[i]];
      }
    }
    return by_size;
  }();

  static constexpr unsigned kGranuleShift = [] {
    if (kGranular) return largest_shift(is_granular);
    unsigned shift = largest_shift(has_single_boundaries);
    while (granules(shift) > kMaxGranules) ++shift;
    return shift;
  }();
  static constexpr bool kSingleBoundaries = has_single_boundaries(kGranuleShift);
  static constexpr std::uint32_t kGranules = granules(kGranuleShift);
  static constexpr unsigned kIndexShift =
      static_cast<unsigned>(32 - std::bit_width(kGranules + Pools::kCount));
  static_assert(Pools::kArenaSize < std::uint32_t{1} << kIndexShift,
                "a heap is smaller than 16 MB, one of 128 pools or more smaller than 8 MB");

  union Entry {
    std::uint32_t word;
    FreeList* list;
  };

  /// By offset >> kGranuleShift: pointers, or the words explained at the top and behind them the
  /// pointers, by index.
  static constexpr auto kByAddress = [] {
    std::array<Entry, kGranules + (kGranular ? 0 : Pools::kCount)> by_address{};
    std::uint32_t place = 0;
    for (std::uint32_t i = 0; i != kGranules; ++i) {
      while (Pools::kEnd[place] <= i << kGranuleShift) ++place;
      if (kGranular) {
        by_address[i].list = &free_lists<kLayout>[place];
      } else {
        by_address[i].word = ((kGranules + place + 1) << kIndexShift) - Pools::kEnd[place];
      }
    }
    for (std::size_t i = kGranules; i != by_address.size(); ++i) {
      by_address[i].list = &free_lists<kLayout>[i - kGranules];
    }
    return by_address;
  }();
};

}  // namespace drone::heap
