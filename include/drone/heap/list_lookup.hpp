// SPDX-License-Identifier: MIT
#pragma once

// What a heap looks up instead of searching: which pool's free list serves a size, and which one an
// address belongs to. Tables in flash, computed by the compiler.
//
// By size: one entry for each multiple of the base alignment, 2^n of them, at least one more than
// there are sizes; what is too large is saturated to the last one, a list that never has a block.
// Entries are pointers, or if that took more than half a kilobyte, bytes.
//
// By address: one entry for each granule of the arena, a power of two. Three forms, the first that
// serves a layout with at most kMaxGranules granules, else the third, if it is not too large:
//
//   1. All boundaries between pools fall on granules: entries are pointers to lists.
//   2. At most one boundary falls into each granule: entries are words, and behind them follow the
//      pointers, one for each pool. (word + offset) >> kIndexShift is the index of a pointer, for
//      word = (index + 1) * 2^kIndexShift - end, where `end` is that of the pool that the granule
//      begins in: from there on the sum carries into the index. (A pool of more than 2^kIndexShift
//      bytes would borrow from it; that took 256 entries, so 128 pools that have a granule each.)
//   3. Entries are two words, and behind them follow pointers. (factor * offset + word) >>
//      kIndexShift is the index of a pointer: with a factor of 1 as in form 2; where several
//      boundaries fall into a granule (pools of a few small blocks) the factor divides it into
//      cells small enough that they all fall on cells, and there is a pointer for each.
//
// Where not even the third does (a few small blocks in a heap of megabytes) the ends of the pools
// are compared one by one.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "drone/heap/free_list.hpp"
#include "drone/heap/pool_tables.hpp"
#include "drone/heap/storage.hpp"

namespace drone::heap {

inline constexpr std::uint32_t kMaxGranules = 128;
inline constexpr std::uint32_t kMaxAddressEntries = 2048;  ///< words of the third form

template <const auto& kLayout>
class ListLookup {
  using Pools = PoolTables<kLayout>;

  enum class Form : std::uint8_t { kPointers, kWords, kFactors, kSearch };

  static constexpr std::uint32_t granules(unsigned shift) {
    return ((Pools::kArenaSize - 1) >> shift) + 1;
  }

  /// The boundaries in a granule, but for one at its beginning: how many, and their distances from
  /// the beginning, all in one.
  struct Boundaries {
    std::uint32_t count = 0;
    std::uint32_t distances = 0;
  };
  static constexpr Boundaries boundaries(std::uint32_t granule, unsigned shift) {
    Boundaries found;
    for (std::size_t place = 0; place + 1 < Pools::kCount; ++place) {
      const std::uint32_t distance = Pools::kEnd[place] - (granule << shift);
      if (Pools::kEnd[place] >> shift != granule || distance == 0) continue;
      ++found.count;
      found.distances |= distance;
    }
    return found;
  }

  /// Pointers that form 3 needs for a granule.
  static constexpr std::uint32_t cells(std::uint32_t granule, unsigned shift) {
    const Boundaries inside = boundaries(granule, shift);
    if (inside.count < 2) return inside.count + 1;
    return std::uint32_t{1} << (shift - static_cast<unsigned>(std::countr_zero(inside.distances)));
  }

  struct Plan {
    Form form;
    unsigned shift;         ///< log2 of a granule
    std::uint32_t entries;  ///< words and pointers of the table
  };

  static constexpr Plan kPlan = [] {
    for (unsigned shift = 31;; --shift) {
      if (granules(shift) > kMaxGranules) break;
      bool is_granular = true;
      for (std::size_t place = 0; place + 1 < Pools::kCount; ++place) {
        if ((Pools::kEnd[place] & ((std::uint32_t{1} << shift) - 1)) != 0) is_granular = false;
      }
      if (is_granular) return Plan{Form::kPointers, shift, granules(shift)};
    }
    for (unsigned shift = 31; granules(shift) <= kMaxGranules; --shift) {
      bool is_single = true;
      for (std::size_t place = 0; place + 2 < Pools::kCount; ++place) {
        if (Pools::kEnd[place] >> shift == Pools::kEnd[place + 1] >> shift) is_single = false;
      }
      if (is_single) {
        return Plan{Form::kWords, shift,
                    granules(shift) + static_cast<std::uint32_t>(Pools::kCount)};
      }
    }
    Plan best{Form::kSearch, 31, 0};
    for (unsigned shift = 31; granules(shift) <= 8 * kMaxGranules; --shift) {
      std::uint32_t entries = 2 * granules(shift);
      for (std::uint32_t granule = 0; granule != granules(shift); ++granule) {
        const std::uint32_t more = cells(granule, shift);
        entries = more > UINT32_MAX / 2 - entries ? UINT32_MAX / 2 : entries + more;
      }
      const bool fits = entries <= kMaxAddressEntries &&
                        Pools::kArenaSize < std::uint32_t{1} << (32 - std::bit_width(entries));
      if (fits && (best.form == Form::kSearch || entries < best.entries)) {
        best = {Form::kFactors, shift, entries};
      }
    }
    return best;
  }();

 public:
  /// Log2 of how many bytes of the arena an entry answers for.
  static constexpr unsigned kGranuleShift = kPlan.shift;
  /// Words of the address table.
  static constexpr std::uint32_t kAddressEntries = kPlan.entries;

  /// The list that serves requests of a size first, or kNoList.
  [[gnu::always_inline]] static FreeList* list_for_size(std::size_t size) noexcept {
    if (__builtin_constant_p(size)) {
      return size - 1 < Pools::kLookupLimit
                 ? &free_lists<kLayout>[Pools::kPlaceBySize[(size - 1) >> Pools::kSizeShift]]
                 : no_list();
    }
    const std::size_t entry =
        saturate<std::bit_width(Pools::kSizeEntries - 1)>((size - 1) >> Pools::kSizeShift);
    if constexpr (Pools::kHasListOfNothing) {
      return &free_lists<kLayout>[kPlaceBySize[entry]];
    } else {
      return kListBySize[entry];
    }
  }

  /// The list of the pool that the byte at an offset below kArenaSize belongs to.
  [[gnu::always_inline]] static FreeList* list_at(std::uint32_t offset) noexcept {
    if constexpr (Pools::kCount == 1) {
      return free_lists<kLayout>.data();
    } else {
      const std::uint32_t granule = offset >> kPlan.shift;
      if constexpr (kPlan.form == Form::kSearch) {
        std::size_t place = 0;
        while (offset >= Pools::kEnd[place]) ++place;
        return &free_lists<kLayout>[place];
      } else if constexpr (kPlan.form == Form::kPointers) {
        return kByAddress[granule].list;
      } else if constexpr (kPlan.form == Form::kWords) {
        return kByAddress[(kByAddress[granule].word + offset) >> kIndexShift].list;
      } else {
        return kByAddress[linear(granule, offset) >> kIndexShift].list;
      }
    }
  }

  /// Its place.
  [[gnu::always_inline]] static std::uint32_t place_at(std::uint32_t offset) noexcept {
    return static_cast<std::uint32_t>(list_at(offset) - free_lists<kLayout>.data());
  }

 private:
  static constexpr FreeList* no_list() noexcept { return const_cast<FreeList*>(&kNoList); }

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

  /// Factor * offset + word of a granule.
  [[gnu::always_inline]] static std::uint32_t linear(std::uint32_t granule,
                                                     std::uint32_t offset) noexcept {
#if defined(__thumb2__)
    // Both at once, and in registers that are free, which GCC has to be told.
    std::uint32_t sum;
    asm("add.w %[sum], %[table], %[granule], lsl #3\n\t"
        "ldrd  %[granule], %[sum], [%[sum]]\n\t"
        "mla   %[sum], %[granule], %[offset], %[sum]"
        : [granule] "+&r"(granule), [sum] "=&r"(sum)
        : [table] "r"(kByAddress.data()), [offset] "r"(offset), "m"(kByAddress));
    return sum;
#else
    const Entry* const entry = &kByAddress[2 * granule];
    return entry[0].word * offset + entry[1].word;
#endif
  }

  static constexpr auto kListBySize = [] {
    std::array<FreeList*, Pools::kHasListOfNothing ? 1 : Pools::kSizeEntries> by_size{};
    by_size.fill(no_list());
    if (!Pools::kHasListOfNothing) {
      for (std::size_t i = 0; i != Pools::kPlaceBySize.size(); ++i) {
        by_size[i] = &free_lists<kLayout>[Pools::kPlaceBySize[i]];
      }
    }
    return by_size;
  }();

  static constexpr auto kPlaceBySize = [] {
    std::array<std::uint8_t, Pools::kSizeEntries> by_size{};
    by_size.fill(static_cast<std::uint8_t>(Pools::kCount));
    for (std::size_t i = 0; i != Pools::kPlaceBySize.size(); ++i) {
      by_size[i] = Pools::kPlaceBySize[i];
    }
    return by_size;
  }();

  static constexpr std::uint32_t kGranules = granules(kPlan.shift);
  static constexpr unsigned kIndexShift = static_cast<unsigned>(32 - std::bit_width(kPlan.entries));
  static_assert(Pools::kArenaSize < std::uint32_t{1} << 24, "a heap is smaller than 16 MB");

  union Entry {
    std::uint32_t word;
    FreeList* list;
  };

  static constexpr auto kByAddress = [] {
    std::array<Entry, kPlan.entries> table{};
    if (kPlan.form == Form::kSearch) return table;
    // The next pointer; in form 2 that of the first pool, in form 3 behind those of the granules
    // before.
    std::uint32_t index = (kPlan.form == Form::kFactors ? 2 : 1) * kGranules;
    std::uint32_t place = 0;
    for (std::uint32_t granule = 0; granule != kGranules; ++granule) {
      const std::uint32_t begin = granule << kPlan.shift;
      while (Pools::kEnd[place] <= begin) ++place;
      const std::uint32_t end = Pools::kEnd[place];
      if (kPlan.form == Form::kPointers) {
        table[granule].list = &free_lists<kLayout>[place];
      } else if (kPlan.form == Form::kWords) {
        table[granule].word = ((kGranules + place + 1) << kIndexShift) - end;
      } else {
        const std::uint32_t count = cells(granule, kPlan.shift);
        const bool is_single = boundaries(granule, kPlan.shift).count < 2;
        const unsigned cell_shift = kPlan.shift - static_cast<unsigned>(std::bit_width(count) - 1);
        const std::uint32_t factor = is_single ? 1 : std::uint32_t{1} << (kIndexShift - cell_shift);
        table[2 * granule].word = factor;
        table[2 * granule + 1].word = is_single ? ((index + 1) << kIndexShift) - end
                                                : (index << kIndexShift) - factor * begin;
        std::uint32_t at = place;
        for (std::uint32_t cell = 0; cell != count; ++cell) {
          if (!is_single) {
            while (at + 1 < Pools::kCount && Pools::kEnd[at] <= begin + (cell << cell_shift)) ++at;
          } else if (cell == 1) {
            ++at;
          }
          table[index++].list = &free_lists<kLayout>[at];
        }
      }
    }
    if (kPlan.form == Form::kWords) {
      for (std::size_t i = 0; i != Pools::kCount; ++i) {
        table[kGranules + i].list = &free_lists<kLayout>[i];
      }
    }
    return table;
  }();
};

}  // namespace drone::heap
