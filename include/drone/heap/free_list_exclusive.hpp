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
// Nothing but the link's load and its test stands inside a pair, and no IT block: tests/size checks
// the disassembly. The fast paths leave a little of that to the compiler; if they fail for whatever
// reason, `pop` and `push` do it in one piece.

#include <cstddef>
#include <cstdint>

#include "drone/heap/free_list_end.hpp"

namespace drone::heap {

class FreeList {
 public:
  constexpr explicit FreeList(std::byte* first_block) noexcept : head_(first_block) {}

  /// 5 instructions.
  [[gnu::always_inline]] void* pop_linked() noexcept {
    void** head = &head_;
    asm("" : "+l"(head));  // one address, in a low register, for both accesses
    void* const block = load_exclusive(head);
    void* const next = *static_cast<void* const volatile*>(block);
    if (next == nullptr) [[unlikely]]
      return nullptr;
    // In r12, which no caller expects to survive: the low registers are taken, and a push of one of
    // them must not come between.
    register std::uint32_t failed asm("r12");
    asm volatile("strex %0, %1, [%2]" : "=&r"(failed) : "l"(next), "l"(head) : "memory");
    if (failed != 0) [[unlikely]]
      return nullptr;
    return block;
  }

  void* pop(std::uint32_t block_size, std::byte* pool_end) noexcept {
    void* block;
    void* next;
    std::uint32_t failed;
    asm volatile(
        "1:\n\t"
        "ldrex  %[block], [%[head]]\n\t"
        "cmp    %[block], %[end]\n\t"
        "beq    3f\n\t"
        "ldr    %[next], [%[block]]\n\t"
        "cmp    %[next], #0\n\t"
        "bne    2f\n\t"
        "add    %[next], %[block], %[block_size]\n\t"
        "cmp    %[next], %[pool_end]\n\t"
        "bne    2f\n\t"
        "mov    %[next], %[end]\n"
        "2:\n\t"
        "strex  %[failed], %[next], [%[head]]\n\t"
        "cmp    %[failed], #0\n\t"
        "bne    1b\n"
        "3:"
        : [block] "=&r"(block), [next] "=&r"(next), [failed] "=&r"(failed)
        : [head] "r"(&head_), [end] "r"(detail::end_of_list()), [block_size] "r"(block_size),
          [pool_end] "r"(pool_end)
        : "cc", "memory");
    return block == detail::end_of_list() ? nullptr : block;
  }

  /// 7 instructions.
  [[gnu::always_inline]] bool try_push(void* block) noexcept {
    void** head = &head_;
    asm("" : "+l"(head));
    void* const expected = *const_cast<void* volatile*>(head);
    *static_cast<void* volatile*>(block) = expected;
    if (load_exclusive(head) != expected) [[unlikely]]
      return false;
    std::uint32_t failed;
    asm volatile("strex %0, %1, [%2]" : "=&l"(failed) : "l"(block), "l"(head) : "memory");
    return failed == 0;
  }

  void push(void* block) noexcept {
    void* expected;
    void* now;
    std::uint32_t failed;
    asm volatile(
        "1:\n\t"
        "ldr    %[expected], [%[head]]\n\t"
        "str    %[expected], [%[block]]\n\t"
        "ldrex  %[now], [%[head]]\n\t"
        "cmp    %[now], %[expected]\n\t"
        "bne    1b\n\t"
        "strex  %[failed], %[block], [%[head]]\n\t"
        "cmp    %[failed], #0\n\t"
        "bne    1b"
        : [expected] "=&r"(expected), [now] "=&r"(now), [failed] "=&r"(failed)
        : [head] "r"(&head_), [block] "r"(block)
        : "cc", "memory");
  }

  bool is_empty() const noexcept {
    return *const_cast<void* const volatile*>(&head_) == detail::end_of_list();
  }

  void reset(std::byte* first_block) noexcept { head_ = first_block; }

 private:
  [[gnu::always_inline]] static void* load_exclusive(void** head) noexcept {
    void* value;
    asm volatile("ldrex %0, [%1]" : "=l"(value) : "l"(head) : "memory");
    return value;
  }

  void* head_;  ///< the first free block, or end_of_list()
};

}  // namespace drone::heap
