// SPDX-License-Identifier: MIT
#pragma once

// The free list (free_list.hpp) on cores without exclusive accesses, ARMv6-M: interrupts are masked
// for the few instructions of each operation. Unprivileged code cannot mask them; a Cortex-M0+ that
// runs some must not share a heap with its interrupts.

#include <cstddef>
#include <cstdint>

#include "drone/cortex_m/interrupt_mask.hpp"
#include "drone/heap/free_list_end.hpp"

namespace drone::heap {

class FreeList {
 public:
  constexpr explicit FreeList(std::byte* first_block) noexcept : head_(first_block) {}

  [[gnu::always_inline]] void* pop_linked() noexcept {
    const cortex_m::InterruptMask mask;
    void* const block = head_;
    void* const next = link(block);
    if (next == nullptr) [[unlikely]]
      return nullptr;
    head_ = next;
    return block;
  }

  void* pop(std::uint32_t block_size, std::byte* pool_end) noexcept {
    const cortex_m::InterruptMask mask;
    void* const block = head_;
    if (block == detail::end_of_list()) return nullptr;
    void* next = link(block);
    if (next == nullptr) {
      std::byte* const behind = static_cast<std::byte*>(block) + block_size;
      next = behind == pool_end ? detail::end_of_list() : behind;
    }
    head_ = next;
    return block;
  }

  [[gnu::always_inline]] bool try_push(void* block) noexcept {
    const cortex_m::InterruptMask mask;
    link(block) = head_;
    head_ = block;
    return true;
  }

  void push(void* block) noexcept { try_push(block); }

  bool is_empty() const noexcept {
    return *const_cast<void* const volatile*>(&head_) == detail::end_of_list();
  }

  void reset(std::byte* first_block) noexcept { head_ = first_block; }

 private:
  static void* volatile& link(void* block) noexcept { return *static_cast<void* volatile*>(block); }

  void* head_;  ///< the first free block, or end_of_list()
};

}  // namespace drone::heap
