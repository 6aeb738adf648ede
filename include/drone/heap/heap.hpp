// SPDX-License-Identifier: MIT
#pragma once

// A heap of fixed-block memory pools (docs/heap.md).
//
//   inline constexpr drone::heap::Heap<drone_project::kHeapLayout> heap;
//   heap.prepare();                      // in start-up code
//   void* block = heap.allocate(12);
//   heap.deallocate(block);
//
// A request's effective size is its size rounded up to the heap's base alignment and to the
// alignment that it names. The first pool, in ascending block size, whose blocks hold it and are
// aligned enough serves it; if that pool is empty, the next such pool does (select_pool.hpp).
//
// Everything may be called from any context, interrupt handlers of any priority included, and from
// the first instruction after start-up has initialised .data and .bss on. From NMI and HardFault
// only after `prepare`, and not where interrupts are masked instead (ARMv6-M). Nothing throws,
// nothing loops over blocks (but `prepare`, and Checks::kFull over the bytes of one block); an
// operation repeats itself only if it was preempted by another one on the same pool.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "drone/heap/free_list.hpp"
#include "drone/heap/guard.hpp"
#include "drone/heap/layout.hpp"
#include "drone/heap/list_lookup.hpp"
#include "drone/heap/misuse.hpp"
#include "drone/heap/options.hpp"
#include "drone/heap/pool_spec.hpp"
#include "drone/heap/pool_tables.hpp"
#include "drone/heap/select_pool.hpp"
#include "drone/heap/statistics.hpp"
#include "drone/heap/storage.hpp"
#include "drone/heap/tracer.hpp"

namespace drone::heap {

/// The heap of a layout. An object of this type has no state and names the layout's memory: every
/// Heap for the same layout object is the same heap, whatever its tracer and its handler.
template <const auto& kLayout, Tracer Trace = NoTracer, OutOfMemoryHandler kOutOfMemory = nullptr>
class Heap {
  using Pools = PoolTables<kLayout>;
  using Lookup = ListLookup<kLayout>;
  static constexpr Checks kChecks = kLayout.options.checks;
  static constexpr bool kCounts = kLayout.options.statistics;

 public:
  /// What every block is aligned to.
  static constexpr std::size_t kBaseAlignment = kLayout.alignment;

  /// Links all blocks of all pools: about five instructions a block. If nobody calls it, the first
  /// request does so, with interrupts masked, and takes that much longer. Once is enough; another
  /// call does nothing.
  static void prepare() noexcept { prepare_once(); }

  /// A block of at least `size` bytes, aligned to `alignment` (a power of two up to 64) and to the
  /// heap's base alignment, or null: no pool with such blocks has one left, or `size` is 0 (which
  /// is no request, and not traced). Constant time, and six instructions more for each empty pool
  /// on the way; a request that names an alignment goes through the pools in order.
  [[nodiscard, gnu::always_inline]] static void* allocate(std::size_t size,
                                                          std::size_t alignment = 1) noexcept {
    if (!is_base_aligned(alignment)) return allocate_slowly(size, alignment);
    return allocate_or(size, [](std::size_t again) { return allocate_slowly(again); });
  }

  /// Gives a block back. Null is nothing. Constant time.
  [[gnu::always_inline]] static void deallocate(void* block) noexcept {
    deallocate_or(block, [](void* again) { deallocate_slowly(again); });
  }

  /// The same for a block whose requested size is known: a few instructions less if the compiler
  /// knows it too.
  [[gnu::always_inline]] static void deallocate(void* block, std::size_t size) noexcept {
    if constexpr (kChecks == Checks::kOff && !kCounts) {
      if (__builtin_constant_p(size) && size - 1 < Pools::kLookupLimit) {
        const std::uint32_t place = Pools::kPlaceBySize[(size - 1) >> Pools::kSizeShift];
        const auto range = Pools::kRange[place];
        const auto address = reinterpret_cast<std::uintptr_t>(block);
        const auto begin = reinterpret_cast<std::uintptr_t>(arena<kLayout>.data() + range.begin);
        if (address - begin < range.length && !Trace::is_listening()) [[likely]] {
          free_lists<kLayout>[place].push(block);
          return;
        }
        // From a larger pool, or null, or somebody listens.
      }
    }
    deallocate(block);
  }

  /// The usual case of `allocate(size)`, for callers that have a slow path of their own: what
  /// `otherwise(size)` yields if that is not enough, where `allocate_slowly` is to be asked.
  template <class Otherwise>
  [[nodiscard, gnu::always_inline]] static void* allocate_or(std::size_t size,
                                                             Otherwise otherwise) noexcept {
    if constexpr (kChecks == Checks::kFull || kCounts) return otherwise(size);
    if (Trace::is_listening()) [[unlikely]]
      return otherwise(size);
    std::size_t kept = size;
#if defined(__thumb2__)
    // Not in a low register: those are for what is on the way.
    if (!__builtin_constant_p(size)) asm("" : "+h"(kept));
#endif
    void* const block = take_from(Lookup::list_for_size(size), false);
    if (block == nullptr) [[unlikely]]
      return otherwise(kept);
    return block;
  }

  /// All of `allocate`, in fewer bytes and more time.
  [[nodiscard, gnu::noinline, gnu::cold]] static void* allocate_slowly(std::size_t size) noexcept {
    return insist(size, 1, [size] { return take(size); });
  }
  [[nodiscard, gnu::noinline, gnu::cold]] static void* allocate_slowly(
      std::size_t size, std::size_t alignment) noexcept {
    return insist(size, alignment, [=] { return take(size, alignment); });
  }

  /// The usual case of `deallocate`, likewise: calls `otherwise(block)` if that is not enough,
  /// where `deallocate_slowly` is to be called.
  template <class Otherwise>
  [[gnu::always_inline]] static void deallocate_or(void* block, Otherwise otherwise) noexcept {
    if (block == nullptr) return;
    if constexpr (kChecks == Checks::kFull || kCounts) return otherwise(block);
    if (Trace::is_listening()) [[unlikely]]
      return otherwise(block);
#if defined(__thumb2__)
    // Kept where it is, so that the other way needs no move.
    asm("" : "+l"(block));
#endif
    const std::uint32_t offset = offset_of(block);
    if constexpr (kChecks != Checks::kOff) {
      if (distance_of(block) >= Pools::kArenaSize) [[unlikely]]
        return otherwise(block);
    }
    FreeList* const list = Lookup::list_at(offset);
    if constexpr (kChecks != Checks::kOff) {
      const auto& grid = grid_of(list);
      if (grid.index_at(offset) >= grid.capacity) [[unlikely]]
        return otherwise(block);
    }
    list->push(block);
  }

  /// All of `deallocate`, but for null.
  [[gnu::noinline, gnu::cold]] static void deallocate_slowly(void* block) noexcept {
    if (!is_valid(block)) return;
    const std::uint32_t place = Lookup::place_at(offset_of(block));
    if (Trace::is_listening()) Trace::trace_dealloc(number_of(block));
    if constexpr (Pools::kGuarded) guard(block).set_free();
    if constexpr (kCounts) pool_counters<kLayout>[place].in_use.add(-1U);
    free_lists<kLayout>[place].push(block);
  }

  /// Makes a block that was requested with `old_size` bytes hold `new_size` bytes where it is.
  /// False, and nothing happened, if the block is too small for it. Constant time.
  [[nodiscard]] static bool grow(void* block, std::size_t old_size, std::size_t new_size) noexcept {
    if (!is_valid(block) || !is_resize(block, old_size, new_size >= old_size)) return false;
    if (new_size > block_size_of(block)) return false;
    if constexpr (Pools::kGuarded) guard(block).resize(static_cast<std::uint32_t>(new_size));
    if (Trace::is_listening()) [[unlikely]] {
      Trace::trace_grow_in_place(number_of(block), traced_size(old_size), traced_size(new_size));
    }
    return true;
  }

  /// Tells the heap that only `new_size` of a block's `old_size` requested bytes are needed. The
  /// block stays what it is. True, but for misuse.
  static bool shrink(void* block, std::size_t old_size, std::size_t new_size) noexcept {
    if (!is_valid(block) || !is_resize(block, old_size, new_size <= old_size)) return false;
    if constexpr (Pools::kGuarded) guard(block).resize(static_cast<std::uint32_t>(new_size));
    if (Trace::is_listening()) [[unlikely]] {
      Trace::trace_shrink_in_place(number_of(block), traced_size(old_size), traced_size(new_size));
    }
    return true;
  }

  /// As `realloc` of the C library: a block of at least `new_size` bytes with the contents of
  /// `block`, which may be that block itself; null if there is none, and then `block` is still
  /// allocated. Null for `block` allocates; 0 for `new_size` gives back, and yields null. A block
  /// that moves is aligned to the heap's base alignment only. The old size is not known, so
  /// trace_grow_in_place is told 0 for it. Copies at most the old block.
  [[nodiscard]] static void* reallocate(void* block, std::size_t new_size) noexcept {
    if (block == nullptr) return allocate(new_size);
    if (new_size == 0) {
      deallocate(block);
      return nullptr;
    }
    if (!is_valid(block)) return nullptr;
    if (new_size <= block_size_of(block)) {
      if constexpr (Pools::kGuarded) guard(block).resize(static_cast<std::uint32_t>(new_size));
      if (Trace::is_listening()) [[unlikely]] {
        Trace::trace_grow_in_place(number_of(block), 0, traced_size(new_size));
      }
      return block;
    }
    void* const moved = allocate(new_size);
    if (moved == nullptr) return nullptr;
    __builtin_memcpy(moved, block, usable_size(block));
    deallocate(block);
    return moved;
  }

  /// The bytes of a block that the program may use: at least as many as were requested, and with
  /// Checks::kFull no more. Constant time.
  [[nodiscard]] static std::size_t usable_size(const void* block) noexcept {
    if (!is_valid(block)) return 0;
    if constexpr (Pools::kGuarded) return guard(block).size();
    return block_size_of(block);
  }

  /// The size of a block, whatever was requested of it. Constant time. Needs a block of this heap.
  [[nodiscard]] static std::uint32_t block_size(const void* block) noexcept {
    return block_size_of(block);
  }

  /// Whether an address lies in this heap's memory.
  [[nodiscard]] static bool owns(const void* address) noexcept {
    return distance_of(address) < Pools::kArenaSize;
  }

  /// What was counted of the pool with that index in the layout, if the options say so. Any context
  /// may ask, at any time.
  [[nodiscard]] static PoolStatistics statistics(std::size_t pool) noexcept requires(kCounts) {
    const PoolCounters& counters = pool_counters<kLayout>[Pools::kPlaceOfPool[pool]];
    return {counters.in_use.value(), counters.high_water.value(), counters.failures.value(),
            counters.spills.value()};
  }

  /// How many requests no pool could ever serve: too large, or with an alignment that none has.
  [[nodiscard]] static std::uint32_t hopeless_count() noexcept requires(kCounts) {
    return hopeless_requests<kLayout>.value();
  }

  /// Forgets all blocks: the heap is as after a reset of the program and `prepare`. Only while no
  /// block is in use and no other context calls the heap. For tests, and for programs that start
  /// over.
  static void reset() noexcept {
    link_up();
    if constexpr (kCounts) {
      pool_counters<kLayout> = {};
      hopeless_requests<kLayout>.reset();
    }
  }

 private:
  /// The last list that `link_up` links is; so then all are.
  static bool is_prepared() noexcept { return free_lists<kLayout>[Pools::kCount - 1].is_linked(); }

  [[gnu::noinline, gnu::cold]] static void prepare_once() noexcept {
    const ListLock lock;
    if (!is_prepared()) link_up();
  }

  static void link_up() noexcept {
    std::byte* block = arena<kLayout>.data();
    const PoolExtent* extent = pool_extents<kLayout>.data();
    const ListEnd* end = list_ends<kLayout>.data();
    for (FreeList& list : std::span(free_lists<kLayout>).template first<Pools::kCount>()) {
      if constexpr (Pools::kGuarded) {
        for (std::byte* guarded = block; guarded != extent->end; guarded += extent->stride) {
          guard(guarded).set_free();
        }
      }
      list.link_up(block, extent->end, extent->stride, *end);
      block = extent->end;
      ++extent;
      ++end;
    }
  }

  [[gnu::always_inline]] static void* take_from(FreeList* list,
                                                [[maybe_unused]] bool is_last_resort) noexcept {
    if constexpr (kChecks == Checks::kOff) return FreeList::take(list);
    return FreeList::take_checked<kBounds>(list, is_last_resort);
  }

  /// What `try_to_take` yields, reported, and tried again as long as the handler says so.
  template <class TryToTake>
  [[gnu::always_inline]] static void* insist(std::size_t size, std::size_t alignment,
                                             TryToTake try_to_take) noexcept {
    for (;;) {
      void* const block = try_to_take();
      if (Trace::is_listening() && size != 0) [[unlikely]] {
        Trace::trace_alloc(block == nullptr ? kNoBlock : number_of(block), traced_size(size),
                           traced_size(alignment));
      }
      if constexpr (kOutOfMemory == nullptr) return block;
      if (block != nullptr || size == 0 || !kOutOfMemory(size, alignment)) return block;
    }
  }

  /// For requests that name no alignment all pools from the first that is large enough can serve,
  /// since every block is a multiple of the base alignment.
  [[gnu::always_inline]] static void* take(std::size_t size) noexcept {
    FreeList* list;
    if constexpr (Pools::kLargestBlock <= Pools::kLookupLimit) {
      list = Lookup::list_for_size(size);
    } else {
      list = list_for_any_size(size);
    }
    prepare_once();
    return hand_out(take_from(list, true), size, list);
  }

  static FreeList* list_for_any_size(std::size_t size) noexcept {
    if (size <= Pools::kLookupLimit) return Lookup::list_for_size(size);
    if (size > Pools::kLargestBlock) return const_cast<FreeList*>(&kNoList);
    std::uint32_t place = Pools::kPlaceBySize.back();
    while (Pools::kBlockSize[place] < size) place = Pools::kNextLarger[place];
    return &free_lists<kLayout>[place];
  }

  /// The whole rule, on the free lists.
  static void* take(std::size_t size, std::size_t alignment) noexcept {
    if (size - 1 >= Pools::kLargestBlock || alignment > kMaxAlignment ||
        !std::has_single_bit(alignment)) {
      return hand_out(nullptr, size, &kNoList);
    }
    prepare_once();
    const auto named = static_cast<std::uint32_t>(alignment);
    const std::uint32_t effective =
        effective_size(static_cast<std::uint32_t>(size), kLayout.alignment, named);
    void* block = nullptr;
    const FreeList* first = &kNoList;
    select_pool(kLayout.pools, effective, named, [&block, &first](std::size_t pool) {
      FreeList& list = free_lists<kLayout>[Pools::kPlaceOfPool[pool]];
      if (first == &kNoList) first = &list;
      if constexpr (kChecks == Checks::kOff) {
        block = list.pop();
      } else {
        block = list.template pop_checked<kBounds>();
      }
      return block != nullptr;
    });
    return hand_out(block, size, first);
  }

  /// Does with a block that was taken, or with null, what the options say. `first` is the list that
  /// was to serve the request.
  static void* hand_out(void* block, [[maybe_unused]] std::size_t size,
                        [[maybe_unused]] const FreeList* first) noexcept {
    if constexpr (kCounts) {
      if (size != 0) count_request(first, block);
    }
    if constexpr (Pools::kGuarded) {
      if (block == nullptr) return nullptr;
      // Free, as the guard word says, or written over. If not, a link led to it that should not.
      const Misuse found = find_misuse(block);
      if (found == Misuse::kNone || found == Misuse::kInsideBlock || size > block_size_of(block)) {
        report_misuse(Misuse::kCorruptList, block);
        return nullptr;
      }
      if (!guard(block).set_in_use(static_cast<std::uint32_t>(size))) {
        report_misuse(Misuse::kWriteAfterFree, block);
      }
    }
    return block;
  }

  static void count_request(const FreeList* first, const void* block) noexcept {
    if (block != nullptr) {
      FreeList* const list = Lookup::list_at(offset_of(block));
      PoolCounters& counters = pool_counters<kLayout>[place_of(list)];
      counters.high_water.raise_to(counters.in_use.add(1));
      if (list != first) counters.spills.add(1);
    } else if (place_of(first) < Pools::kCount) {
      pool_counters<kLayout>[place_of(first)].failures.add(1);
    } else {
      hopeless_requests<kLayout>.add(1);
    }
  }

  /// Whether an address is what the checks ask of a block in use; if not, that is reported.
  static bool is_valid(const void* block) noexcept {
    if constexpr (kChecks == Checks::kOff) return true;
    const Misuse misuse = find_misuse(block);
    if (misuse == Misuse::kNone) return true;
    report_misuse(misuse, block);
    if constexpr (Pools::kGuarded) {
      // Taken as it is from now on, and not reported again.
      if (misuse == Misuse::kOverflow) guard(block).resize(guard(block).size());
    }
    return misuse == Misuse::kOverflow;
  }

  static Misuse find_misuse(const void* block) noexcept {
    if (!owns(block)) return Misuse::kForeignPointer;
    const auto& grid = Pools::kGrid[Lookup::place_at(offset_of(block))];
    if (grid.index_at(offset_of(block)) >= grid.capacity) return Misuse::kInsideBlock;
    if constexpr (Pools::kGuarded) return guard(block).find_misuse();
    return Misuse::kNone;
  }

  static bool is_resize([[maybe_unused]] void* block, [[maybe_unused]] std::size_t old_size,
                        [[maybe_unused]] bool is_that_way) noexcept {
    if constexpr (Pools::kGuarded) {
      if (!is_that_way || guard(block).size() != old_size) {
        report_misuse(Misuse::kWrongSize, block);
        return false;
      }
    }
    return true;
  }

  static Guard guard(const void* block) noexcept {
    return {const_cast<void*>(block), block_size_of(block)};
  }

  static std::uint32_t block_size_of(const void* block) noexcept {
    return Pools::kBlockSize[Lookup::place_at(offset_of(block))];
  }

  /// From the arena's begin, modulo the address space.
  [[gnu::always_inline]] static std::uintptr_t distance_of(const void* address) noexcept {
    return reinterpret_cast<std::uintptr_t>(address) -
           reinterpret_cast<std::uintptr_t>(arena<kLayout>.data());
  }

  /// The same for an address in the arena.
  [[gnu::always_inline]] static std::uint32_t offset_of(const void* address) noexcept {
    return static_cast<std::uint32_t>(distance_of(address));
  }

  /// Whether every block has that alignment.
  [[gnu::always_inline]] static constexpr bool is_base_aligned(std::size_t alignment) noexcept {
    return alignment - 1 < kLayout.alignment && (alignment & (alignment - 1)) == 0;
  }

  [[gnu::always_inline]] static std::uint32_t place_of(const FreeList* list) noexcept {
    return static_cast<std::uint32_t>(list - free_lists<kLayout>.data());
  }

  [[gnu::always_inline]] static const auto& grid_of(const FreeList* list) noexcept {
    using Grid = typename Pools::Grid;
    if constexpr (sizeof(Grid) == 4 * sizeof(FreeList)) {
      // As place_of, without dividing first by what is then multiplied by.
      const auto distance = reinterpret_cast<std::uintptr_t>(list) -
                            reinterpret_cast<std::uintptr_t>(free_lists<kLayout>.data());
      const auto grids = reinterpret_cast<std::uintptr_t>(Pools::kGrid.data());
      return *reinterpret_cast<const Grid*>(grids + 4 * distance);
    }
    return Pools::kGrid[place_of(list)];
  }

  static std::uint32_t number_of(const void* block) noexcept {
    const std::uint32_t place = Lookup::place_at(offset_of(block));
    return Pools::kPlaced[place].first_block + Pools::kGrid[place].index_at(offset_of(block));
  }

  static std::uint32_t traced_size(std::size_t size) noexcept {
    if constexpr (sizeof size > sizeof(std::uint32_t)) {
      if (size > UINT32_MAX) return UINT32_MAX;
    }
    return static_cast<std::uint32_t>(size);
  }

  static constexpr LinkBounds kBounds{arena<kLayout>.data(), Pools::kArenaSize,
                                      list_ends<kLayout>.data(), free_lists<kLayout>.data(),
                                      Pools::kCount};
};

}  // namespace drone::heap
