// SPDX-License-Identifier: MIT
#pragma once

// The free list (free_list.hpp) on the host, for threads: the head is 64 bits wide, half of it a
// tag that every change increments, so a compare-exchange notices that the head came back with
// another link. Blocks are named by 32 bits, because a block may be as small as 4 bytes: their
// distance from the pool's first block, plus 4.
//
// A thread may read the link of a block that another one has just taken and already uses. What it
// read is thrown away, because the tag has changed by then.

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace drone::heap {

/// What the list's words are accessed through. A test puts its own in their place, to decide the
/// order of all accesses (tests/model).
struct StdAtomics {
  using Head = std::atomic<std::uint64_t>;
  using Link = std::atomic_ref<std::uint32_t>;
};

template <class Atomics>
class TaggedFreeList {
 public:
  /// A list without blocks.
  constexpr explicit TaggedFreeList() noexcept : first_block_(nullptr), head_(kEnd) {}
  constexpr explicit TaggedFreeList(std::byte* first_block) noexcept
      : first_block_(first_block), head_(kFirst) {}

  /// Makes the list that of all blocks of a pool. No other thread may use it meanwhile.
  void link_up(std::byte* first, std::uint32_t block_size, std::uint32_t capacity) noexcept {
    first_block_ = first;
    for (std::uint32_t i = 0; i != capacity; ++i) {
      const std::uint32_t next = i + 1 == capacity ? kEnd : (i + 1) * block_size + kFirst;
      link(first + std::size_t{i} * block_size).store(next, std::memory_order_relaxed);
    }
    head_.store(kFirst, std::memory_order_release);
  }

  /// Takes a block of a list that link_up made; null if there was none.
  void* pop() noexcept { return pop(0, nullptr); }

  void* pop_linked() noexcept {
    std::uint64_t head = head_.load(std::memory_order_acquire);
    if (name(head) == kEnd) return nullptr;
    const std::uint32_t next = link(block(head)).load(std::memory_order_relaxed);
    if (next == 0) return nullptr;
    void* const taken = block(head);
    return replace(head, next) ? taken : nullptr;
  }

  void* pop(std::uint32_t block_size, std::byte* pool_end) noexcept {
    std::uint64_t head = head_.load(std::memory_order_acquire);
    for (;;) {
      if (name(head) == kEnd) return nullptr;
      std::byte* const taken = block(head);
      std::uint32_t next = link(taken).load(std::memory_order_relaxed);
      if (next == 0) next = taken + block_size == pool_end ? kEnd : name(head) + block_size;
      if (replace(head, next)) return taken;
    }
  }

  bool try_push(void* given) noexcept {
    std::uint64_t head = head_.load(std::memory_order_acquire);
    link(given).store(name(head), std::memory_order_relaxed);
    const auto distance = static_cast<std::byte*>(given) - first_block_;
    return replace(head, static_cast<std::uint32_t>(distance) + kFirst);
  }

  void push(void* given) noexcept {
    while (!try_push(given)) {
    }
  }

  bool is_empty() const noexcept { return name(head_.load(std::memory_order_acquire)) == kEnd; }

  void reset(std::byte* first_block) noexcept {
    first_block_ = first_block;
    head_.store(kFirst, std::memory_order_release);
  }

 private:
  static constexpr std::uint32_t kEnd = 1;    ///< no block has this name, and it is not 0
  static constexpr std::uint32_t kFirst = 4;  ///< the name of the pool's first block

  static std::uint32_t name(std::uint64_t head) noexcept {
    return static_cast<std::uint32_t>(head);
  }
  std::byte* block(std::uint64_t head) const noexcept {
    return first_block_ + (name(head) - kFirst);
  }
  static typename Atomics::Link link(void* of) noexcept {
    return typename Atomics::Link(*static_cast<std::uint32_t*>(of));
  }
  bool replace(std::uint64_t& head, std::uint32_t next) noexcept {
    const std::uint64_t tag = (head >> 32) + 1;
    return head_.compare_exchange_weak(head, tag << 32 | next, std::memory_order_acq_rel,
                                       std::memory_order_acquire);
  }

  std::byte* first_block_;
  typename Atomics::Head head_;  ///< tag : name of the first free block, or kEnd
};

using FreeList = TaggedFreeList<StdAtomics>;

}  // namespace drone::heap
