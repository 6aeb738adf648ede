// SPDX-License-Identifier: MIT
#pragma once

// Makes a heap the program's heap: `new`, `delete`, and the C library's allocation functions.
// Include it in exactly one source file:
//
//   #define DRONE_GLOBAL_HEAP heap     // an expression that names the heap object
//   #include "drone/heap/global.hpp"
//
// What it defines replaces newlib's allocator wholly: its own functions (`printf` allocates through
// `_malloc_r`) use this heap, and no second allocator is linked.
//
// - A request of 0 bytes is a request of 1 byte: `operator new(0)`, `malloc(0)` and their like
// yield
//   a block of their own, as in newlib.
// - `new` that finds no block calls the new_handler until there is one, and aborts if none is set;
//   it never returns null. The nothrow forms return null in that case, without calling abort.
// - malloc and its like return null and set errno to ENOMEM (EINVAL for an alignment that is not a
//   power of two). `realloc(p, 0)` frees, and returns null.
// - Memory from any of them goes back through any of them.
// - `malloc` aligns to the heap's base alignment, `memalign`, `aligned_alloc` and aligned `new` up
//   to 64.

#ifndef DRONE_GLOBAL_HEAP
#error "define DRONE_GLOBAL_HEAP as the name of a heap object before including this header"
#endif

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <type_traits>

#include "drone/heap/heap.hpp"
#include "drone/heap/new_handler.hpp"

#if defined(_NEWLIB_VERSION)
#include <reent.h>
#endif

// Outside of our namespaces, where the expression means what it means to the includer.
namespace drone_global_heap {
using Type = std::remove_cvref_t<decltype(DRONE_GLOBAL_HEAP)>;
}

namespace drone::heap::global {

// Internal linkage: this header is in one source file, and GCC turns a last call into a jump only
// if the function cannot be replaced by the linker. So the usual case of `new` and `delete` needs
// no stack.
namespace {

using GlobalHeap = drone_global_heap::Type;

#ifdef __arm__
static_assert(__STDCPP_DEFAULT_NEW_ALIGNMENT__ <= GlobalHeap::kBaseAlignment,
              "tell the compiler what `new` aligns to: -faligned-new=4, or 8 with alignment 8");
#endif

[[gnu::noinline, gnu::cold]] void* new_or_null(std::size_t size) noexcept {
  return insist(size, [](std::size_t bytes) { return GlobalHeap::allocate_slowly(bytes); });
}

[[gnu::noinline, gnu::cold]] void* new_or_null(std::size_t size,
                                               std::align_val_t alignment) noexcept {
  return insist(size, [alignment](std::size_t bytes) {
    return GlobalHeap::allocate(bytes, static_cast<std::size_t>(alignment));
  });
}

[[gnu::noinline, gnu::cold]] void* new_or_abort(std::size_t size) noexcept {
  void* const block =
      insist(size, [](std::size_t bytes) { return GlobalHeap::allocate_slowly(bytes); });
  if (block == nullptr) std::abort();
  return block;
}

[[gnu::noinline, gnu::cold]] void delete_slowly(void* block) noexcept {
  GlobalHeap::deallocate_slowly(block);
}

/// Sets the errno of a newlib context, or if `error` is null that of the caller's.
[[gnu::noinline, gnu::cold]] void set_error(int* error, int value) noexcept {
  *(error != nullptr ? error : &errno) = value;
}

[[gnu::noinline, gnu::cold]] void* out_of_memory(int* error) noexcept {
  set_error(error, ENOMEM);
  return nullptr;
}

[[gnu::noinline, gnu::cold]] void* malloc_slowly(int* error, std::size_t size) noexcept {
  void* const block = GlobalHeap::allocate_slowly(size == 0 ? 1 : size);
  return block != nullptr ? block : out_of_memory(error);
}

[[gnu::always_inline]] inline void* allocate(int* error, std::size_t size) noexcept {
  return GlobalHeap::allocate_or(
      size, [error](std::size_t again) { return malloc_slowly(error, again); });
}

[[gnu::always_inline]] inline void deallocate(void* block) noexcept {
  GlobalHeap::deallocate_or(block, [](void* again) { delete_slowly(again); });
}

[[gnu::noinline]] void* allocate_zeroed(int* error, std::size_t count, std::size_t size) noexcept {
  std::size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) return out_of_memory(error);
  void* const block = allocate(error, bytes);
  return block == nullptr ? nullptr : __builtin_memset(block, 0, bytes);
}

[[gnu::noinline]] void* reallocate(int* error, void* block, std::size_t size) noexcept {
  if (block == nullptr) return allocate(error, size);
  void* const moved = GlobalHeap::reallocate(block, size);
  return moved != nullptr || size == 0 ? moved : out_of_memory(error);
}

[[gnu::noinline]] void* allocate_aligned(int* error, std::size_t alignment,
                                         std::size_t size) noexcept {
  if (alignment == 0 || (alignment & (alignment - 1)) != 0) {
    set_error(error, EINVAL);
    return nullptr;
  }
  void* const block = GlobalHeap::allocate(size == 0 ? 1 : size, alignment);
  return block != nullptr ? block : out_of_memory(error);
}

inline std::size_t usable_size(void* block) noexcept {
  return block == nullptr ? 0 : GlobalHeap::usable_size(block);
}

}  // namespace

}  // namespace drone::heap::global

void* operator new(std::size_t size) {
  return drone::heap::global::GlobalHeap::allocate_or(
      size, [](std::size_t again) { return drone::heap::global::new_or_abort(again); });
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return drone::heap::global::GlobalHeap::allocate_or(
      size, [](std::size_t again) { return drone::heap::global::new_or_null(again); });
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  void* const block = drone::heap::global::new_or_null(size, alignment);
  if (block == nullptr) std::abort();
  return block;
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return ::operator new(size, alignment);
}
void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return drone::heap::global::new_or_null(size, alignment);
}
void* operator new[](std::size_t size, std::align_val_t alignment,
                     const std::nothrow_t& nothrow) noexcept {
  return ::operator new(size, alignment, nothrow);
}

void operator delete(void* block) noexcept { drone::heap::global::deallocate(block); }

// One function with many names: what the other forms are given besides the block does not matter.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wattribute-alias"
#pragma GCC diagnostic ignored "-Wmissing-attributes"
#if __SIZEOF_SIZE_T__ == 4
[[gnu::alias("_Znwj")]] void* operator new[](std::size_t);
[[gnu::alias("_ZnwjRKSt9nothrow_t")]] void* operator new[](std::size_t,
                                                           const std::nothrow_t&) noexcept;
#else
[[gnu::alias("_Znwm")]] void* operator new[](std::size_t);
[[gnu::alias("_ZnwmRKSt9nothrow_t")]] void* operator new[](std::size_t,
                                                           const std::nothrow_t&) noexcept;
#endif
[[gnu::alias("_ZdlPv")]] void operator delete[](void*) noexcept;
[[gnu::alias("_ZdlPv")]] void operator delete(void*, std::size_t) noexcept;
[[gnu::alias("_ZdlPv")]] void operator delete[](void*, std::size_t) noexcept;
[[gnu::alias("_ZdlPv")]] void operator delete(void*, const std::nothrow_t&) noexcept;
[[gnu::alias("_ZdlPv")]] void operator delete[](void*, const std::nothrow_t&) noexcept;
[[gnu::alias("_ZdlPv")]] void operator delete(void*, std::align_val_t) noexcept;
[[gnu::alias("_ZdlPv")]] void operator delete[](void*, std::align_val_t) noexcept;
[[gnu::alias("_ZdlPv")]] void operator delete(void*, std::size_t, std::align_val_t) noexcept;
[[gnu::alias("_ZdlPv")]] void operator delete[](void*, std::size_t, std::align_val_t) noexcept;
[[gnu::alias("_ZdlPv")]] void operator delete(void*, std::align_val_t,
                                              const std::nothrow_t&) noexcept;
[[gnu::alias("_ZdlPv")]] void operator delete[](void*, std::align_val_t,
                                                const std::nothrow_t&) noexcept;
#pragma GCC diagnostic pop

extern "C" {

[[gnu::used]] void* malloc(std::size_t size) noexcept {
  return drone::heap::global::allocate(nullptr, size);
}
[[gnu::used]] void* calloc(std::size_t count, std::size_t size) noexcept {
  return drone::heap::global::allocate_zeroed(nullptr, count, size);
}
[[gnu::used]] void* realloc(void* block, std::size_t size) noexcept {
  return drone::heap::global::reallocate(nullptr, block, size);
}
[[gnu::used]] void free(void* block) noexcept { drone::heap::global::deallocate(block); }
[[gnu::used]] void* memalign(std::size_t alignment, std::size_t size) noexcept {
  return drone::heap::global::allocate_aligned(nullptr, alignment, size);
}
[[gnu::used]] void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  return drone::heap::global::allocate_aligned(nullptr, alignment, size);
}
[[gnu::used]] std::size_t malloc_usable_size(void* block) noexcept {
  return drone::heap::global::usable_size(block);
}

#if defined(_NEWLIB_VERSION)

[[gnu::used]] void* _malloc_r(struct _reent* reent, std::size_t size) noexcept {
  return drone::heap::global::allocate(&reent->_errno, size);
}
[[gnu::used]] void* _calloc_r(struct _reent* reent, std::size_t count, std::size_t size) noexcept {
  return drone::heap::global::allocate_zeroed(&reent->_errno, count, size);
}
[[gnu::used]] void* _realloc_r(struct _reent* reent, void* block, std::size_t size) noexcept {
  return drone::heap::global::reallocate(&reent->_errno, block, size);
}
[[gnu::used]] void _free_r(struct _reent*, void* block) noexcept {
  drone::heap::global::deallocate(block);
}
[[gnu::used]] void* _memalign_r(struct _reent* reent, std::size_t alignment,
                                std::size_t size) noexcept {
  return drone::heap::global::allocate_aligned(&reent->_errno, alignment, size);
}
[[gnu::used]] std::size_t _malloc_usable_size_r(struct _reent*, void* block) noexcept {
  return drone::heap::global::usable_size(block);
}

#endif

}  // extern "C"
