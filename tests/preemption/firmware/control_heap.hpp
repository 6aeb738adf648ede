// SPDX-License-Identifier: MIT
#pragma once

// Heaps that the harness must find wrong, and one that is right (Flaw::kNone), so that it is the
// flaw and nothing else that is found. As simple as can be, with the real heap's interface and the
// real rules of layout.hpp and select_pool.hpp.

#include <array>
#include <cstddef>
#include <cstdint>

#include "drone/cortex_m/interrupt_mask.hpp"
#include "drone/heap/pool_spec.hpp"
#include "drone/heap/select_pool.hpp"
#include "drone/heap/tracer.hpp"

namespace drone::preemption {

enum class Flaw : std::uint8_t {
  kNone,
  kCompareExchangePop,  ///< reads head and link, then exchanges the head if it is the same
  kLateLink,            ///< a push writes the link behind its STREX
  kUnmasked,            ///< ARMv6-M: interrupts are not masked
  kLateReport,          ///< tells the tracer of a deallocation after the block went back
  kEarlyReport,         ///< tells the tracer that a block grew which then did not
};

/// Whether the core has exclusive accesses to words.
#if defined(__ARM_FEATURE_LDREX) && (__ARM_FEATURE_LDREX & 4)
inline constexpr bool kHasExclusive = true;
#else
inline constexpr bool kHasExclusive = false;
#endif

template <const auto& kLayout, class Trace, Flaw kFlaw>
class ControlHeap {
  static constexpr std::size_t kPools = kLayout.pools.size();
  static constexpr auto kPlaced = [] {
    std::array<heap::PoolPlacement, kPools> placed{};
    heap::place_pools(kLayout.pools, placed);
    return placed;
  }();

  struct Node {
    Node* next;
  };

 public:
  static void* allocate(std::size_t size, std::size_t alignment = 1) noexcept {
    if (size == 0) return nullptr;
    link_once();
    void* block = nullptr;
    const auto named = static_cast<std::uint32_t>(alignment);
    const auto effective = heap::effective_size(size, kLayout.alignment, named);
    heap::select_pool(kLayout.pools, effective, named, [&block](std::size_t pool) {
      block = pop(&heads_[place_of_pool(pool)]);
      return block != nullptr;
    });
    if (Trace::is_listening()) {
      Trace::trace_alloc(block == nullptr ? heap::kNoBlock : number_of(block), size, alignment);
    }
    return block;
  }

  static void deallocate(void* block) noexcept {
    if (block == nullptr) return;
    const std::uint32_t number = number_of(block);
    const bool listening = Trace::is_listening();
    if (listening && kFlaw != Flaw::kLateReport) Trace::trace_dealloc(number);
    push(&heads_[place_of(block)], static_cast<Node*>(block));
    if (listening && kFlaw == Flaw::kLateReport) Trace::trace_dealloc(number);
  }
  static void deallocate(void* block, std::size_t) noexcept { deallocate(block); }

  static bool grow(void* block, std::size_t old_size, std::size_t new_size) noexcept {
    const bool fits = new_size <= usable_size(block);
    if (Trace::is_listening() && (fits || kFlaw == Flaw::kEarlyReport)) {
      Trace::trace_grow_in_place(number_of(block), old_size, new_size);
    }
    return fits;
  }

  static bool shrink(void* block, std::size_t old_size, std::size_t new_size) noexcept {
    if (Trace::is_listening()) Trace::trace_shrink_in_place(number_of(block), old_size, new_size);
    return true;
  }

  static void* reallocate(void* block, std::size_t size) noexcept {
    if (size <= usable_size(block)) {
      if (Trace::is_listening()) Trace::trace_grow_in_place(number_of(block), 0, size);
      return block;
    }
    void* const moved = allocate(size);
    if (moved == nullptr) return nullptr;
    __builtin_memcpy(moved, block, usable_size(block));
    deallocate(block);
    return moved;
  }

  static std::size_t usable_size(const void* block) noexcept {
    return kLayout.pools[kPlaced[place_of(block)].pool].block_size;
  }

  static void prepare() noexcept { link_once(); }

 private:
  static std::size_t place_of_pool(std::size_t pool) noexcept {
    std::size_t place = 0;
    while (kPlaced[place].pool != pool) ++place;
    return place;
  }
  static std::uint32_t offset_of(const void* block) noexcept {
    return static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(block) -
                                      reinterpret_cast<std::uintptr_t>(memory_.data()));
  }
  static std::size_t place_of(const void* block) noexcept {
    std::size_t place = kPools - 1;
    while (offset_of(block) < kPlaced[place].offset) --place;
    return place;
  }
  static std::uint32_t number_of(const void* block) noexcept {
    const heap::PoolPlacement& placed = kPlaced[place_of(block)];
    return placed.first_block +
           (offset_of(block) - placed.offset) / kLayout.pools[placed.pool].block_size;
  }

  static void link_once() noexcept {
    const cortex_m::InterruptMask mask;
    if (linked_) return;
    linked_ = true;
    for (std::size_t place = 0; place != kPools; ++place) {
      const heap::PoolSpec pool = kLayout.pools[kPlaced[place].pool];
      for (std::uint32_t i = pool.capacity; i-- != 0;) {
        auto* const node =
            reinterpret_cast<Node*>(memory_.data() + kPlaced[place].offset + i * pool.block_size);
        node->next = heads_[place];
        heads_[place] = node;
      }
    }
  }

  static Node* pop(Node* volatile* head) noexcept {
    if constexpr (kHasExclusive) {
      return pop_exclusive(head);
    } else if constexpr (kFlaw == Flaw::kUnmasked) {
      return pop_unmasked(head);
    } else {
      const cortex_m::InterruptMask mask;
      return pop_unmasked(head);
    }
  }

  static void push(Node* volatile* head, Node* node) noexcept {
    if constexpr (kHasExclusive) {
      push_exclusive(head, node);
    } else if constexpr (kFlaw == Flaw::kUnmasked) {
      push_unmasked(head, node);
    } else {
      const cortex_m::InterruptMask mask;
      push_unmasked(head, node);
    }
  }

  static Node* pop_unmasked(Node* volatile* head) noexcept {
    Node* const node = *head;
    if (node != nullptr) *head = *static_cast<Node* volatile*>(&node->next);
    return node;
  }

  static void push_unmasked(Node* volatile* head, Node* node) noexcept {
    *static_cast<Node* volatile*>(&node->next) = *head;
    *head = node;
  }

#if defined(__ARM_FEATURE_LDREX) && (__ARM_FEATURE_LDREX & 4)
  static Node* load_exclusive(Node* volatile* head) noexcept {
    Node* value;
    asm volatile("ldrex %0, [%1]" : "=r"(value) : "r"(head) : "memory");
    return value;
  }
  static bool store_exclusive(Node* volatile* head, Node* value) noexcept {
    std::uint32_t failed;
    asm volatile("strex %0, %1, [%2]" : "=&r"(failed) : "r"(value), "r"(head) : "memory");
    return failed == 0;
  }

  static Node* pop_exclusive(Node* volatile* head) noexcept {
    if constexpr (kFlaw == Flaw::kCompareExchangePop) {
      for (;;) {
        Node* const node = *head;
        if (node == nullptr) return nullptr;
        Node* const next = *static_cast<Node* volatile*>(&node->next);
        if (load_exclusive(head) == node && store_exclusive(head, next)) return node;
      }
    } else {
      for (;;) {
        Node* const node = load_exclusive(head);
        if (node == nullptr) return nullptr;
        if (store_exclusive(head, *static_cast<Node* volatile*>(&node->next))) return node;
      }
    }
  }

  static void push_exclusive(Node* volatile* head, Node* node) noexcept {
    for (;;) {
      Node* const first = *head;
      if (kFlaw != Flaw::kLateLink) *static_cast<Node* volatile*>(&node->next) = first;
      if (load_exclusive(head) != first || !store_exclusive(head, node)) continue;
      if (kFlaw == Flaw::kLateLink) *static_cast<Node* volatile*>(&node->next) = first;
      return;
    }
  }
#else
  static Node* pop_exclusive(Node* volatile*) noexcept;
  static void push_exclusive(Node* volatile*, Node*) noexcept;
#endif

  static inline constinit std::array<Node*, kPools> heads_{};
  alignas(
      heap::kMaxAlignment) static inline constinit std::array<std::byte, kLayout.size> memory_{};
  static inline constinit bool linked_ = false;
};

}  // namespace drone::preemption
