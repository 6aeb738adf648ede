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

#include "drone/heap/misuse.hpp"

namespace drone::heap {

/// The end of a list says where to look next.
struct ListEnd {
  const void* link = nullptr;  ///< as on a core; not used here
  FreeList* next_larger = nullptr;
};

/// What a list is made of, for tests to replace: the head, and a link in a block.
struct StdAtomics {
  using Head = std::atomic<std::uint64_t>;
  using Link = std::atomic_ref<std::uint32_t>;
};

template <class Atomics>
class TaggedFreeList {
 public:
  constexpr TaggedFreeList() noexcept = default;

  void link_up(std::byte* begin, std::byte* end, std::uint32_t stride,
               const ListEnd& list_end) noexcept {
    first_block_ = begin;
    size_ = static_cast<std::uint32_t>(end - begin);
    end_ = &list_end;
    for (std::uint32_t offset = 0; offset != size_; offset += stride) {
      const bool is_last = offset + stride == size_;
      link(begin + offset)
          .store(is_last ? kEnd : kFirst + offset + stride, std::memory_order_relaxed);
    }
    head_.store(kFirst, std::memory_order_release);
  }

  bool is_linked() const noexcept {
    return name(head_.load(std::memory_order_acquire)) != kUnlinked;
  }

  void* pop() noexcept {
    return pop_if([](std::uint32_t) { return true; });
  }

  void* pop_checked() noexcept {
    return pop_if([this](std::uint32_t next) {
      return next == kEnd || (next % 4 == 0 && next >= kFirst && next - kFirst < size_);
    });
  }

  void push(void* given) noexcept {
    const auto distance = static_cast<std::byte*>(given) - first_block_;
    const std::uint32_t given_name = static_cast<std::uint32_t>(distance) + kFirst;
    std::uint64_t head = head_.load(std::memory_order_acquire);
    do {
      link(given).store(name(head), std::memory_order_relaxed);
    } while (!replace(head, given_name));
  }

  /// Where to look when this list is empty, or null.
  FreeList* next_larger() const noexcept { return is_linked() ? end_->next_larger : nullptr; }

 private:
  static constexpr std::uint32_t kUnlinked = 0;
  static constexpr std::uint32_t kEnd = 1;    ///< no block has this name
  static constexpr std::uint32_t kFirst = 4;  ///< the name of the pool's first block

  static std::uint32_t name(std::uint64_t head) noexcept {
    return static_cast<std::uint32_t>(head);
  }
  static typename Atomics::Link link(void* of) noexcept {
    return typename Atomics::Link(*static_cast<std::uint32_t*>(of));
  }
  bool replace(std::uint64_t& head, std::uint32_t next) noexcept {
    const std::uint64_t tag = (head >> 32) + 1;
    return head_.compare_exchange_weak(head, tag << 32 | next, std::memory_order_acq_rel,
                                       std::memory_order_acquire);
  }

  template <class IsGood>
  void* pop_if(IsGood is_good) noexcept {
    std::uint64_t head = head_.load(std::memory_order_acquire);
    for (;;) {
      if (name(head) <= kEnd) return nullptr;
      std::byte* const taken = first_block_ + (name(head) - kFirst);
      const std::uint32_t next = link(taken).load(std::memory_order_relaxed);
      if (!is_good(next)) [[unlikely]] {
        // Bad only if the block was free all the time. Then the list ends here.
        if (!replace(head, kEnd)) continue;
        report_misuse(Misuse::kCorruptList, taken);
        return nullptr;
      }
      if (replace(head, next)) return taken;
    }
  }

  std::byte* first_block_ = nullptr;
  std::uint32_t size_ = 0;  ///< bytes of all blocks
  const ListEnd* end_ = nullptr;
  typename Atomics::Head head_{kUnlinked};  ///< tag : name of the first free block
};

class FreeList : public TaggedFreeList<StdAtomics> {
 public:
  static void* take(FreeList* list) noexcept {
    do {
      if (void* const block = list->pop()) return block;
      list = list->next_larger();
    } while (list != nullptr);
    return nullptr;
  }

  template <const LinkBounds&>
  void* pop_checked() noexcept {
    return TaggedFreeList::pop_checked();
  }

  template <const LinkBounds&>
  static void* take_checked(FreeList* list, bool) noexcept {
    do {
      if (void* const block = list->TaggedFreeList::pop_checked()) return block;
      list = list->next_larger();
    } while (list != nullptr);
    return nullptr;
  }
};

/// Held once in a program's life, for a moment: so whoever has to wait spins.
class ListLock {
 public:
  ListLock() noexcept {
    while (is_held_.test_and_set(std::memory_order_acquire)) {
    }
  }
  ~ListLock() noexcept { is_held_.clear(std::memory_order_release); }
  ListLock(const ListLock&) = delete;
  ListLock& operator=(const ListLock&) = delete;

 private:
  static inline std::atomic_flag is_held_{};
};

}  // namespace drone::heap
