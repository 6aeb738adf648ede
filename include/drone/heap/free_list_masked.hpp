// SPDX-License-Identifier: MIT
#pragma once

// The free list (free_list.hpp) on cores without exclusive accesses, ARMv6-M: interrupts are masked
// for the few instructions of each operation. Unprivileged code cannot mask them; a Cortex-M0+ that
// runs some must not share a heap with its interrupts.

#include <cstddef>
#include <cstdint>

#include "drone/cortex_m/interrupt_mask.hpp"
#include "drone/heap/free_list_end.hpp"
#include "drone/heap/misuse.hpp"

namespace drone::heap {

using ListLock = cortex_m::InterruptMask;

class FreeList {
 public:
  constexpr FreeList() noexcept = default;

  void link_up(std::byte* begin, std::byte* end, std::uint32_t stride,
               const ListEnd& list_end) noexcept {
    std::byte* block = begin;
    for (std::byte* next = begin + stride; next != end; next += stride) {
      link(block) = next;
      block = next;
    }
    link(block) = &list_end;
    head() = begin;
  }

  bool is_linked() const noexcept {
    return *const_cast<const void* const volatile*>(&head_) != &kUnlinked;
  }

  static void* take(FreeList* list) noexcept {
    return take_if(list, [](const void*) { return true; });
  }

  void* pop() noexcept {
    const void* first;
    return try_pop(first, [](const void*) { return true; });
  }

  template <const LinkBounds& kBounds>
  static void* take_checked(FreeList* list, bool is_last_resort) noexcept {
    return take_if(
        list, [](const void* next) { return is_within(next, kBounds); },
        is_last_resort ? &kBounds : nullptr);
  }

  template <const LinkBounds& kBounds>
  void* pop_checked() noexcept {
    const void* first;
    void* const block = try_pop(first, [](const void* next) { return is_within(next, kBounds); });
    if (block == nullptr && link(first) != nullptr) abandon(first, kBounds);
    return block;
  }

  void push(void* block) noexcept {
    const cortex_m::InterruptMask mask;
    link(block) = head();
    head() = block;
  }

 private:
  static bool is_within(const void* link, const LinkBounds& bounds) noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(link);
    const auto arena = reinterpret_cast<std::uintptr_t>(bounds.arena);
    const auto ends = reinterpret_cast<std::uintptr_t>(bounds.ends);
    return (address % 4 == 0 && address - arena < bounds.arena_size) ||
           ((address - ends) % sizeof(ListEnd) == 0 &&
            address - ends < bounds.count * sizeof(ListEnd));
  }

  template <class IsGood>
  [[gnu::always_inline]] static void* take_if(FreeList* list, IsGood is_good,
                                              const LinkBounds* bounds = nullptr) noexcept {
    do {
      const void* first;
      void* const block = list->try_pop(first, is_good);
      if (block != nullptr) return block;
      if (link(first) != nullptr) [[unlikely]] {
        if (bounds == nullptr) return nullptr;
        list->abandon(first, *bounds);
      } else {
        list = static_cast<const ListEnd*>(first)->next_larger;
      }
    } while (list != nullptr);
    return nullptr;
  }

  /// The block that it took; or null, and `first` is the list's end, or a block with a bad link.
  template <class IsGood>
  [[gnu::always_inline]] void* try_pop(const void*& first, IsGood is_good) noexcept {
    const cortex_m::InterruptMask mask;
    first = head();
    const void* const next = link(first);
    if (next == nullptr || !is_good(next)) return nullptr;
    head() = next;
    return const_cast<void*>(first);
  }

  [[gnu::noinline, gnu::cold]] void abandon(const void* block, const LinkBounds& bounds) noexcept {
    head() = bounds.ends + (this - bounds.lists);
    report_misuse(Misuse::kCorruptList, block);
  }

  const void* volatile& head() noexcept { return *const_cast<const void* volatile*>(&head_); }
  static const void* volatile& link(const void* block) noexcept {
    return *static_cast<const void* volatile*>(const_cast<void*>(block));
  }

  const void* head_ = &kUnlinked;  ///< the first free block, or a ListEnd
};

}  // namespace drone::heap
