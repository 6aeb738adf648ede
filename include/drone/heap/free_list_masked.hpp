// SPDX-License-Identifier: MIT
#pragma once

// The free list (free_list.hpp) on cores without exclusive accesses, ARMv6-M: interrupts are masked
// for the few instructions of each operation. Unprivileged code cannot mask them; a Cortex-M0+ that
// runs some must not share a heap with its interrupts.

#include <cstddef>
#include <cstdint>

#include "drone/cortex_m/interrupt_mask.hpp"

namespace drone::heap {

namespace detail {

/// The end of every free list: a word that reads 0 and is no block.
inline constexpr std::uint32_t kEndOfList = 0;

}  // namespace detail

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
    if (block == end()) return nullptr;
    void* next = link(block);
    if (next == nullptr) {
      std::byte* const behind = static_cast<std::byte*>(block) + block_size;
      next = behind == pool_end ? end() : behind;
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

  bool is_empty() const noexcept { return *const_cast<void* const volatile*>(&head_) == end(); }

  void reset(std::byte* first_block) noexcept { head_ = first_block; }

 private:
  static constexpr void* end() noexcept { return const_cast<std::uint32_t*>(&detail::kEndOfList); }

  static void* volatile& link(void* block) noexcept { return *static_cast<void* volatile*>(block); }

  void* head_;  ///< the first free block, or end()
};

}  // namespace drone::heap
