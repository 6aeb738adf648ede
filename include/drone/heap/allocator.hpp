// SPDX-License-Identifier: MIT
#pragma once

// Standard containers in a heap of their choice (docs/containers.md):
//
//   inline constexpr drone::heap::Heap<kDtcmLayout> dtcm;
//   std::vector<int, drone::allocator<int, dtcm>> samples;
//
// The heap is part of the container's type. So a container is as large as one of std::allocator,
// and finds its heap at no cost.
//
// Callable wherever the heap is. A heap that has no block left is what it is to `new`: the
// new_handler is called until there is one; without one the program aborts, or where it is compiled
// with exceptions, std::bad_alloc is thrown.

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>

#include "drone/heap/heap.hpp"
#include "drone/heap/new_handler.hpp"

namespace drone {

namespace heap {

/// What containers can be given: a heap object, or ProgramHeap.
template <class T>
concept ContainerHeap = requires {
  {std::size_t{T::kBaseAlignment}};
};

/// Stands for whatever heap is behind the program's `new` and `delete`.
struct ProgramHeap {
  static constexpr std::size_t kBaseAlignment = __STDCPP_DEFAULT_NEW_ALIGNMENT__;
};

/// The heap's usual way to a block, or null.
template <auto kHeap>
[[gnu::always_inline]] inline void* usual_block(std::size_t size) noexcept {
  return kHeap.allocate_or(size, [](std::size_t) -> void* { return nullptr; });
}

/// A block, or no return.
template <auto kHeap>
[[gnu::noinline, gnu::cold]] void* new_block_slowly(std::size_t size) {
  void* const block = insist(size, [](std::size_t bytes) { return kHeap.allocate_slowly(bytes); });
  if (block == nullptr) give_up();
  return block;
}

/// The same; one copy for all types whose number of bytes the compiler does not know.
template <auto kHeap>
[[gnu::noinline]] void* new_block(std::size_t size) {
  void* const block = usual_block<kHeap>(size);
  return block != nullptr ? block : new_block_slowly<kHeap>(size);
}

/// The same for an alignment above the heap's base alignment.
template <auto kHeap>
[[gnu::noinline]] void* new_block(std::size_t size, std::size_t alignment) {
  void* const block =
      insist(size, [alignment](std::size_t bytes) { return kHeap.allocate(bytes, alignment); });
  if (block == nullptr) give_up();
  return block;
}

template <auto kHeap>
[[gnu::noinline]] void delete_block(void* block) noexcept {
  kHeap.deallocate(block);
}

}  // namespace heap

/// An allocator (std::allocator_traits) whose blocks come from `kHeap`, a heap object; without one,
/// from the program's `new`, as those of std::allocator do. Has no state: all of one heap are
/// equal, and so containers of one heap swap and move without touching their elements. Named as the
/// standard names its own.
template <class T, heap::ContainerHeap auto kHeap = heap::ProgramHeap{}>
class allocator {
 public:
  using value_type = T;
  using size_type = std::size_t;
  using difference_type = std::ptrdiff_t;
  using is_always_equal = std::true_type;
  using propagate_on_container_move_assignment = std::true_type;

  template <class U>
  struct rebind {
    using other = allocator<U, kHeap>;
  };

  constexpr allocator() noexcept = default;
  template <class U>
  constexpr allocator(const allocator<U, kHeap>&) noexcept {}  // NOLINT: containers convert

  /// Room for `count` objects, never null; a block of its own also if `count` is 0.
  [[nodiscard]] T* allocate(std::size_t count) {
    static_assert(kIsProgramHeap || alignof(T) <= heap::kMaxAlignment,
                  "a heap's blocks are aligned to 64 at most");
    if (count > PTRDIFF_MAX / sizeof(T)) give_up_on_count();
    return static_cast<T*>(allocate_bytes(count * sizeof(T)));
  }

  /// Gives back what allocate(count) yielded. If the heap has no checks, a few instructions less
  /// than `delete` for containers of nodes, whose count is always 1.
  void deallocate(T* block, [[maybe_unused]] std::size_t count) noexcept {
    if constexpr (kIsProgramHeap) {
      if constexpr (alignof(T) > kHeap.kBaseAlignment) {
        ::operator delete (block, std::align_val_t{alignof(T)});
      } else {
        ::operator delete(block);
      }
    } else if (__builtin_constant_p(count)) {
      kHeap.deallocate(block, count * sizeof(T));
    } else {
      heap::delete_block<kHeap>(block);
    }
  }

  template <class U>
  friend constexpr bool operator==(const allocator&, const allocator<U, kHeap>&) noexcept {
    return true;
  }

 private:
  static constexpr bool kIsProgramHeap =
      std::is_same_v<std::remove_cvref_t<decltype(kHeap)>, heap::ProgramHeap>;

  [[gnu::always_inline]] static void* allocate_bytes(std::size_t size) {
    if constexpr (kIsProgramHeap) {
      if constexpr (alignof(T) > kHeap.kBaseAlignment) {
        return ::operator new (size, std::align_val_t{alignof(T)});
      } else {
        return ::operator new(size);
      }
    } else if constexpr (alignof(T) > kHeap.kBaseAlignment) {
      return heap::new_block<kHeap>(size, alignof(T));
    } else {
      if (!__builtin_constant_p(size)) return heap::new_block<kHeap>(size);
      void* const block = heap::usual_block<kHeap>(size);
      return block != nullptr ? block : heap::new_block_slowly<kHeap>(size);
    }
  }

  [[noreturn]] static void give_up_on_count() {
#if defined(__cpp_exceptions)
    throw std::bad_array_new_length();
#else
    heap::give_up();
#endif
  }
};

}  // namespace drone
