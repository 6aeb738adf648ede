// SPDX-License-Identifier: MIT
#pragma once

// A heap of fixed-block memory pools (docs/heap.md).
//
//   inline constexpr drone::heap::Heap<drone_project::kHeapLayout> heap;
//   void* block = heap.allocate(12);
//   heap.deallocate(block);
//
// A request's effective size is its size rounded up to the heap's base alignment and to the
// alignment that it names. The first pool, in ascending block size, whose blocks hold it and are
// aligned enough serves it; if that pool is empty, the next such pool does (select_pool.hpp).
//
// Everything may be called from any context, interrupt handlers of any priority included, and from
// the first instruction after start-up has initialised memory on. Not from NMI and HardFault where
// interrupts are masked instead (ARMv6-M). Nothing throws, nothing loops over blocks; an operation
// repeats itself only if it was preempted by another one on the same pool.

#include <cstddef>
#include <cstdint>
#include <span>

#include "drone/heap/free_list.hpp"
#include "drone/heap/layout.hpp"
#include "drone/heap/pool_spec.hpp"
#include "drone/heap/pool_tables.hpp"
#include "drone/heap/select_pool.hpp"
#include "drone/heap/storage.hpp"
#include "drone/heap/tracer.hpp"

/// Called with a condition that only misuse of the heap makes false, and with what it is. Define it
/// before the first inclusion to have misuse reported; it may be called in any context.
#ifndef DRONE_HEAP_ASSERT
#define DRONE_HEAP_ASSERT(condition, message) static_cast<void>(0)
#endif

namespace drone::heap {

/// The heap of a layout. An object of this type has no state and names the layout's memory: every
/// Heap for the same layout object is the same heap, whatever its tracer.
template <const auto& kLayout, Tracer Trace = NoTracer>
class Heap {
  using Pools = PoolTables<kLayout>;

 public:
  /// What every block is aligned to.
  static constexpr std::size_t kBaseAlignment = kLayout.alignment;

  /// A block of at least `size` bytes, aligned to `alignment` (a power of two up to 64) and to the
  /// heap's base alignment, or null: no pool with such blocks has one left, or `size` is 0 (which
  /// is no request, and not traced). O(1) while the first pool that fits has blocks that were used
  /// before; at worst O(pools).
  [[nodiscard, gnu::always_inline]] static void* allocate(std::size_t size,
                                                          std::size_t alignment = 1) noexcept {
    if (alignment > kLayout.alignment) return allocate_aligned(size, alignment);
    void* const block = allocate_fast(size);
    return block != nullptr ? block : allocate_slowly(size);
  }

  /// Gives a block back. Null is nothing. Constant time.
  [[gnu::always_inline]] static void deallocate(void* block) noexcept {
    if (!deallocate_fast(block)) [[unlikely]]
      deallocate_slowly(block);
  }

  /// The same for a block whose requested size is known: a few instructions less if the compiler
  /// knows it too.
  [[gnu::always_inline]] static void deallocate(void* block, std::size_t size) noexcept {
    if (__builtin_constant_p(size) && size - 1 < Pools::kLookupLimit) {
      const std::uint32_t place = Pools::place_for_size(static_cast<std::uint32_t>(size));
      const auto range = Pools::kRange[place];
      const auto address = reinterpret_cast<std::uintptr_t>(block);
      const auto begin = reinterpret_cast<std::uintptr_t>(arena<kLayout>.data() + range.begin);
      if (address - begin < range.length) [[likely]] {
        DRONE_HEAP_ASSERT(is_block(block) && Pools::place_at(offset_of(block)) == place,
                          "not the start of a block of that size");
        if (Trace::is_listening() || !free_lists<kLayout>[place].try_push(block)) [[unlikely]] {
          deallocate_slowly(block);
        }
        return;
      }
      // From a larger pool, or null.
    }
    deallocate(block);
  }

  /// The usual case of `allocate(size)`, for callers that have a slow path of their own: null says
  /// only that `allocate_slowly` is to be asked.
  [[nodiscard, gnu::always_inline]] static void* allocate_fast(std::size_t size) noexcept {
    if (size - 1 >= Pools::kLookupLimit) [[unlikely]]
      return nullptr;
    const std::uint32_t place = Pools::place_for_size(static_cast<std::uint32_t>(size));
    void* const block = free_lists<kLayout>[place].pop_linked();
    if (block == nullptr) [[unlikely]]
      return nullptr;
    if (Trace::is_listening()) [[unlikely]]
      report_alloc(block, size, 1);
    return block;
  }

  /// All of `allocate(size)`, in fewer bytes and more time.
  [[nodiscard]] static void* allocate_slowly(std::size_t size) noexcept {
    void* const block = take(size);
    if (Trace::is_listening()) [[unlikely]]
      report_alloc(block, size, 1);
    return block;
  }

  /// The usual case of `deallocate`, likewise: if false, nothing happened and `deallocate_slowly`
  /// is to be called.
  [[nodiscard, gnu::always_inline]] static bool deallocate_fast(void* block) noexcept {
    if (block == nullptr) return true;
    if (Trace::is_listening()) [[unlikely]]
      return false;
    return free_lists<kLayout>[place_of(block)].try_push(block);
  }

  /// Gives back a block that `deallocate_fast` did not. Not null.
  [[gnu::noinline, gnu::cold]] static void deallocate_slowly(void* block) noexcept {
    if (Trace::is_listening()) report_dealloc(block);
    free_lists<kLayout>[place_of(block)].push(block);
  }

  /// Makes a block that was requested with `old_size` bytes hold `new_size` bytes where it is.
  /// False, and nothing happened, if the block is too small for it. Constant time.
  [[nodiscard]] static bool grow(void* block, std::size_t old_size, std::size_t new_size) noexcept {
    DRONE_HEAP_ASSERT(new_size >= old_size, "grow: the new size is smaller than the old one");
    if (new_size > usable_size(block)) return false;
    if (Trace::is_listening()) [[unlikely]] {
      Trace::trace_grow_in_place(number_of(block), traced_size(old_size), traced_size(new_size));
    }
    return true;
  }

  /// Tells the heap that only `new_size` of a block's `old_size` requested bytes are needed. The
  /// block stays what it is; always true.
  static bool shrink(void* block, std::size_t old_size, std::size_t new_size) noexcept {
    DRONE_HEAP_ASSERT(new_size <= old_size, "shrink: the new size is larger than the old one");
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
    const std::size_t old_usable = usable_size(block);
    if (new_size <= old_usable) {
      if (Trace::is_listening()) [[unlikely]] {
        Trace::trace_grow_in_place(number_of(block), 0, traced_size(new_size));
      }
      return block;
    }
    void* const moved = allocate(new_size);
    if (moved == nullptr) return nullptr;
    __builtin_memcpy(moved, block, old_usable);
    deallocate(block);
    return moved;
  }

  /// The bytes that a block holds, at least as many as were requested. Constant time.
  [[nodiscard]] static std::size_t usable_size(const void* block) noexcept {
    return Pools::kBlockSize[place_of(block)];
  }

  /// Whether an address lies in this heap's memory.
  [[nodiscard]] static bool owns(const void* address) noexcept {
    return reinterpret_cast<std::uintptr_t>(address) -
               reinterpret_cast<std::uintptr_t>(arena<kLayout>.data()) <
           Pools::kArenaSize;
  }

  /// Forgets all blocks: the heap is as after a reset of the program. Only while no block is in use
  /// and no other context calls the heap. For tests, and for programs that start over.
  static void reset() noexcept {
    __builtin_memset(arena<kLayout>.data(), 0, Pools::kArenaSize);
    for (std::size_t place = 0; place != Pools::kCount; ++place) {
      free_lists<kLayout>[place].reset(arena<kLayout>.data() + Pools::kPlaced[place].offset);
    }
  }

 private:
  static void* allocate_aligned(std::size_t size, std::size_t alignment) noexcept {
    void* const block = take_aligned(size, alignment);
    if (Trace::is_listening()) [[unlikely]]
      report_alloc(block, size, alignment);
    return block;
  }

  /// The whole rule for requests that name no alignment: since every block is a multiple of the
  /// base alignment, all pools from the first that is large enough can serve.
  [[gnu::noinline, gnu::cold]] static void* take(std::size_t size) noexcept {
    if (size - 1 >= Pools::kLargestBlock) return nullptr;
    std::uint32_t place;
    if (size <= Pools::kLookupLimit) {
      place = Pools::place_for_size(static_cast<std::uint32_t>(size));
    } else {
      place = Pools::place_for_size(Pools::kLookupLimit);
      while (Pools::kBlockSize[place] < size) place = Pools::kNextLarger[place];
    }
    do {
      if (!free_lists<kLayout>[place].is_empty()) {
        asm("" : "+r"(place));  // computes nothing for `take_from` before it is needed
        void* const block = take_from(place);
        if (block != nullptr) return block;
      }
      place = Pools::kNextLarger[place];
    } while (place != Pools::kNone);
    return nullptr;
  }

  [[gnu::noinline, gnu::cold]] static void* take_aligned(std::size_t size,
                                                         std::size_t alignment) noexcept {
    if (size - 1 >= Pools::kLargestBlock) return nullptr;
    if (alignment > kMaxAlignment || (alignment & (alignment - 1)) != 0) return nullptr;
    const auto named = static_cast<std::uint32_t>(alignment);
    const std::uint32_t effective =
        effective_size(static_cast<std::uint32_t>(size), kLayout.alignment, named);
    void* block = nullptr;
    select_pool(kLayout.pools, effective, named, [&block](std::size_t pool) {
      block = take_from(Pools::kPlaceOfPool[pool]);
      return block != nullptr;
    });
    return block;
  }

  [[gnu::always_inline]] static void* take_from(std::uint32_t place) noexcept {
    const PoolExtent& extent = pool_extents<kLayout>[place];
    return free_lists<kLayout>[place].pop(extent.block_size, extent.end);
  }

  [[gnu::always_inline]] static std::uint32_t offset_of(const void* block) noexcept {
    return static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(block) -
                                      reinterpret_cast<std::uintptr_t>(arena<kLayout>.data()));
  }

  [[gnu::always_inline]] static std::uint32_t place_of(const void* block) noexcept {
    DRONE_HEAP_ASSERT(owns(block), "not a block of this heap");
    DRONE_HEAP_ASSERT(is_block(block), "not the start of a block");
    return Pools::place_at(offset_of(block));
  }

  [[maybe_unused]] static bool is_block(const void* address) noexcept {
    const std::uint32_t place = Pools::place_at(offset_of(address));
    return (offset_of(address) - Pools::kPlaced[place].offset) % Pools::kBlockSize[place] == 0;
  }

  static std::uint32_t number_of(const void* block) noexcept {
    const std::uint32_t offset = offset_of(block);
    const std::uint32_t place = Pools::place_at(offset);
    const PoolPlacement& placed = Pools::kPlaced[place];
    return placed.first_block + (offset - placed.offset) / Pools::kBlockSize[place];
  }

  static std::uint32_t traced_size(std::size_t size) noexcept {
    if constexpr (sizeof size > sizeof(std::uint32_t)) {
      if (size > UINT32_MAX) return UINT32_MAX;
    }
    return static_cast<std::uint32_t>(size);
  }

  [[gnu::noinline, gnu::cold]] static void report_alloc(const void* block, std::size_t size,
                                                        std::size_t alignment) noexcept {
    if (size == 0) return;
    Trace::trace_alloc(block == nullptr ? kNoBlock : number_of(block), traced_size(size),
                       traced_size(alignment));
  }

  [[gnu::noinline, gnu::cold]] static void report_dealloc(const void* block) noexcept {
    Trace::trace_dealloc(number_of(block));
  }
};

}  // namespace drone::heap
