// SPDX-License-Identifier: MIT
#pragma once

// The free list (free_list.hpp) on cores with exclusive accesses to words: ARMv7-M and ARMv8-M
// Mainline.
//
// An exception's entry or return clears the exclusive monitor, so a STREX succeeds only if nothing
// preempted this context since its LDREX. Taking reads the link *between* the two: whoever reads it
// before or after may store a link that has changed meanwhile (take A and B, give back A: the head
// is A again, its link is not B any more). Giving back writes the link *before* its LDREX, because
// what a store inside the exclusive pair does to the monitor is up to the implementation.
//
// Each pair is one piece of assembler, so that nothing gets into it; there is no IT block.
// tests/size checks the disassembly. All of it is volatile: GCC deletes an `asm goto` that has
// outputs, with what it does to memory, if nobody uses them.

#include <cstddef>
#include <cstdint>

#include "drone/cortex_m/interrupt_mask.hpp"
#include "drone/heap/free_list_end.hpp"
#include "drone/heap/misuse.hpp"

// Goes to `corrupt` unless `next` leads to a word in the arena or to an end: as a distance from
// there, rotated so that a byte address gets huge, it is below their number. In `scratch` alone,
// with addresses as immediates, so that the usual path needs no register that must be saved (and
// code is not position-independent).
#define DRONE_HEAP_CHECK_LINK                  \
  "movw   %[scratch], #:lower16:%c[arena]\n\t" \
  "movt   %[scratch], #:upper16:%c[arena]\n\t" \
  "sub    %[scratch], %[next], %[scratch]\n\t" \
  "ror    %[scratch], %[scratch], #2\n\t"      \
  "cmp    %[scratch], %[arena_words]\n\t"      \
  "blo    2f\n\t"                              \
  "movw   %[scratch], #:lower16:%c[ends]\n\t"  \
  "movt   %[scratch], #:upper16:%c[ends]\n\t"  \
  "sub    %[scratch], %[next], %[scratch]\n\t" \
  "ror    %[scratch], %[scratch], #3\n\t"      \
  "cmp    %[scratch], %[count]\n\t"            \
  "blo    2f\n\t"                              \
  "strex  %[scratch], %[first], [%[list]]\n\t" \
  "cmp    %[scratch], #0\n\t"                  \
  "bne    1b\n\t"                              \
  "b      %l[corrupt]\n"                       \
  "2:\n\t"

namespace drone::heap {

#ifdef __PIC__
inline constexpr bool kIsPositionIndependent = true;
#else
inline constexpr bool kIsPositionIndependent = false;
#endif

static_assert(sizeof(ListEnd) == 8 && offsetof(ListEnd, mark) == ListEnd::kMarkOffset);

using ListLock = cortex_m::InterruptMask;

class FreeList {
 public:
  constexpr FreeList() noexcept = default;

  void link_up(std::byte* begin, std::byte* end, std::uint32_t stride,
               const ListEnd& list_end) noexcept {
    *const_cast<const void* volatile*>(&head_) = begin;
    std::byte* block;
    do {
      block = begin;
      begin += stride;
      *reinterpret_cast<void* volatile*>(block) = begin;
    } while (begin != end);
    *reinterpret_cast<const void* volatile*>(block) = &list_end.mark;
  }

  bool is_linked() const noexcept {
    return *const_cast<const void* const volatile*>(&head_) != &kUnlinked.mark;
  }

  /// 6 instructions, and 6 more for each empty list on the way.
  [[gnu::always_inline]] static void* take(FreeList* list) noexcept {
    void* first;
    void* next;
    std::uint32_t failed;
    asm volatile goto(
        "1:\n\t"
        "ldrex  %[first], [%[list]]\n\t"
        "lsls   %[next], %[first], #31\n\t"
        "bmi    2f\n\t"
        "ldr    %[next], [%[first]]\n\t"
        "strex  %[failed], %[next], [%[list]]\n\t"
        "cbz    %[failed], 3f\n\t"
        "b      1b\n"
        "2:\n\t"
        "ldr    %[list], [%[first], #-%c[mark]]\n\t"
        "cmp    %[list], #0\n\t"
        "bne    1b\n\t"
        "b      %l[none]\n"
        "3:"
        : [list] "+l"(list), [first] "=&r"(first), [next] "=&l"(next), [failed] "=&l"(failed)
        : [mark] "I"(ListEnd::kMarkOffset)
        : "cc", "memory"
        : none);
    if (first == nullptr) __builtin_unreachable();
    return first;
  none:
    return nullptr;
  }

  [[gnu::always_inline]] void* pop() noexcept {
    void* first;
    void* next;
    std::uint32_t failed;
    asm volatile(
        "1:\n\t"
        "ldrex  %[first], [%[list]]\n\t"
        "lsls   %[next], %[first], #31\n\t"
        "bmi    2f\n\t"
        "ldr    %[next], [%[first]]\n\t"
        "strex  %[failed], %[next], [%[list]]\n\t"
        "cmp    %[failed], #0\n\t"
        "bne    1b\n"
        "2:"
        : [first] "=&r"(first), [next] "=&r"(next), [failed] "=&r"(failed)
        : [list] "r"(&head_)
        : "cc", "memory");
    return ListEnd::is_mark(first) ? nullptr : first;
  }

  template <const LinkBounds& kBounds>
  [[gnu::always_inline]] static void* take_checked(FreeList* list, bool is_last_resort) noexcept {
    static_assert(!kIsPositionIndependent || kBounds.count == 0,
                  "position-independent code (-fPIC) needs Checks::kOff");
    do {
      void* first;
      void* next;
      std::uint32_t scratch;
      asm volatile goto(
          "1:\n\t"
          "ldrex  %[first], [%[list]]\n\t"
          "lsls   %[next], %[first], #31\n\t"
          "bmi    3f\n\t"
          "ldr    %[next], [%[first]]\n\t" DRONE_HEAP_CHECK_LINK
          "strex  %[scratch], %[next], [%[list]]\n\t"
          "cbz    %[scratch], 4f\n\t"
          "b      1b\n"
          "3:\n\t"
          "ldr    %[list], [%[first], #-%c[mark]]\n\t"
          "cmp    %[list], #0\n\t"
          "bne    1b\n\t"
          "b      %l[none]\n"
          "4:"
          : [list] "+&l"(list), [first] "=&r"(first), [next] "=&l"(next), [scratch] "=&l"(scratch)
          : [arena] "i"(kBounds.arena), [arena_words] "rI"(kBounds.arena_size / 4),
            [ends] "i"(&kBounds.ends->mark), [count] "rI"(kBounds.count),
            [mark] "I"(ListEnd::kMarkOffset)
          : "cc", "memory"
          : none, corrupt);
      if (first == nullptr) __builtin_unreachable();
      return first;
    corrupt:
      if (!is_last_resort) return nullptr;
      list = list->abandon(first, kBounds);
    } while (list != nullptr);
  none:
    return nullptr;
  }

  template <const LinkBounds& kBounds>
  void* pop_checked() noexcept {
    void* first;
    void* next;
    std::uint32_t scratch;
    asm volatile goto(
        "1:\n\t"
        "ldrex  %[first], [%[list]]\n\t"
        "lsls   %[next], %[first], #31\n\t"
        "bmi    %l[none]\n\t"
        "ldr    %[next], [%[first]]\n\t" DRONE_HEAP_CHECK_LINK
        "strex  %[scratch], %[next], [%[list]]\n\t"
        "cmp    %[scratch], #0\n\t"
        "bne    1b"
        : [first] "=&r"(first), [next] "=&r"(next), [scratch] "=&r"(scratch)
        : [list] "r"(&head_), [arena] "i"(kBounds.arena),
          [arena_words] "rI"(kBounds.arena_size / 4), [ends] "i"(&kBounds.ends->mark),
          [count] "rI"(kBounds.count)
        : "cc", "memory"
        : none, corrupt);
    return first;
  none:
    return nullptr;
  corrupt:
    abandon(first, kBounds);
    return nullptr;
  }

  /// 7 instructions.
  [[gnu::always_inline]] void push(void* block) noexcept {
    const void* expected;
    std::uint32_t now;
    asm volatile(
        "1:\n\t"
        "ldr    %[expected], [%[head]]\n\t"
        "str    %[expected], [%[block]]\n\t"
        "ldrex  %[now], [%[head]]\n\t"
        "cmp    %[now], %[expected]\n\t"
        "bne    1b\n\t"
        "strex  %[now], %[block], [%[head]]\n\t"
        "cbz    %[now], 2f\n\t"
        "b      1b\n"
        "2:"
        : [expected] "=&r"(expected), [now] "=&l"(now)
        : [head] "r"(&head_), [block] "r"(block)
        : "cc", "memory");
  }

 private:
  /// Reports that the link of `block` leads nowhere, and gives up all blocks of the list. Yields
  /// the list to go on with, or null.
  [[gnu::noinline, gnu::cold]] FreeList* abandon(const void* block,
                                                 const LinkBounds& bounds) noexcept {
    const ListEnd& end = bounds.ends[this - bounds.lists];
    *const_cast<const void* volatile*>(&head_) = &end.mark;
    report_misuse(Misuse::kCorruptList, block);
    return end.next_larger;
  }

  const void* head_ = &kUnlinked.mark;  ///< the first free block, or a ListEnd's mark
};

}  // namespace drone::heap

#undef DRONE_HEAP_CHECK_LINK
