// SPDX-License-Identifier: MIT
#pragma once

// A heap for the containers of std::pmr (docs/containers.md), where a container's heap is chosen at
// run time:
//
//   inline constexpr drone::heap::Heap<kDtcmLayout> dtcm;
//   std::pmr::vector<int> samples(drone::memory_resource<dtcm>());
//
// One object a heap, a word in flash: it is there before the first constructor runs, needs no RAM,
// and is never destroyed.

#include <cstddef>
#include <memory_resource>

#include "drone/heap/allocator.hpp"
#include "drone/heap/heap.hpp"

namespace drone {

namespace heap {

template <auto kHeap>
class MemoryResource final : public std::pmr::memory_resource {
 public:
  constexpr MemoryResource() noexcept = default;
  MemoryResource(const MemoryResource&) = delete;
  MemoryResource& operator=(const MemoryResource&) = delete;

  /// Nobody destroys it. To say so keeps the base's destructor out of the program, and with it the
  /// one object file that has all of libstdc++'s memory resources.
  ~MemoryResource() override { __builtin_unreachable(); }

 private:
  void* do_allocate(std::size_t size, std::size_t alignment) override {
    return alignment > kHeap.kBaseAlignment ? new_block<kHeap>(size, alignment)
                                            : new_block<kHeap>(size);
  }

  void do_deallocate(void* block, std::size_t, std::size_t) override { kHeap.deallocate(block); }

  /// There is one object for each heap.
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    return this == &other;
  }
};

/// Keeps a resource without destroying it at the program's end, which newlib would have to
/// remember.
template <auto kHeap>
union ResourceHolder {
  char unused;
  MemoryResource<kHeap> resource;

  constexpr ResourceHolder() noexcept : resource() {}
#if defined(__clang__)
  ~ResourceHolder() {}
#else
  constexpr ~ResourceHolder() {}
#endif
};

#if defined(__clang__)
template <auto kHeap>
[[clang::no_destroy]] inline constinit const ResourceHolder<kHeap> resource_holder{};
#else
template <auto kHeap>
inline constexpr ResourceHolder<kHeap> resource_holder{};
#endif

}  // namespace heap

/// The resource whose blocks come from `kHeap`, a heap object. Two of them are equal if they are of
/// the same heap. Callable wherever the heap is; a heap without a block for a request is what it is
/// to `new` (allocator.hpp).
template <auto kHeap>
[[nodiscard]] std::pmr::memory_resource* memory_resource() noexcept {
  // It has no state that could be changed.
  return const_cast<heap::MemoryResource<kHeap>*>(&heap::resource_holder<kHeap>.resource);
}

}  // namespace drone
