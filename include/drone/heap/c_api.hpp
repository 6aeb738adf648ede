// SPDX-License-Identifier: MIT

// Defines the C functions of drone/heap.h for a heap. Include it in exactly one source file, once
// for each heap that C code uses:
//
//   #define DRONE_C_HEAP heap          // an expression that names the heap object
//   #include "drone/heap/c_api.hpp"    // drone_heap_alloc, ...
//
//   #define DRONE_C_HEAP dtcm_heap
//   #define DRONE_C_HEAP_PREFIX dtcm   // dtcm_alloc, ...
//   #include "drone/heap/c_api.hpp"
//
// No include guard: both macros are undefined at the end.

#ifndef DRONE_C_HEAP
#error "define DRONE_C_HEAP as the name of a heap object before including this header"
#endif
#ifndef DRONE_C_HEAP_PREFIX
#define DRONE_C_HEAP_PREFIX drone_heap
#endif

#include <cstddef>
#include <type_traits>

#include "drone/heap.h"
#include "drone/heap/heap.hpp"

#define DRONE_C_JOIN2(prefix, name) prefix##name
#define DRONE_C_JOIN(prefix, name) DRONE_C_JOIN2(prefix, name)
#define DRONE_C_NAME(name) DRONE_C_JOIN(DRONE_C_HEAP_PREFIX, name)
#define DRONE_C_TYPE DRONE_C_NAME(_c_heap_type)

// For the prefix drone_heap that repeats what drone/heap.h says.
DRONE_DECLARE_HEAP(DRONE_C_HEAP_PREFIX);

namespace {

using DRONE_C_TYPE = std::remove_cvref_t<decltype(DRONE_C_HEAP)>;
}

extern "C" {

void* DRONE_C_NAME(_alloc)(std::size_t size) { return DRONE_C_TYPE::allocate(size); }

void* DRONE_C_NAME(_alloc_aligned)(std::size_t alignment, std::size_t size) {
  return DRONE_C_TYPE::allocate(size, alignment);
}

void* DRONE_C_NAME(_calloc)(std::size_t count, std::size_t size) {
  std::size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) return nullptr;
  void* const block = DRONE_C_TYPE::allocate(bytes);
  return block == nullptr ? nullptr : __builtin_memset(block, 0, bytes);
}

void DRONE_C_NAME(_free)(void* block) { DRONE_C_TYPE::deallocate(block); }

void DRONE_C_NAME(_free_sized)(void* block, std::size_t size) {
  DRONE_C_TYPE::deallocate(block, size);
}

void* DRONE_C_NAME(_realloc)(void* block, std::size_t size) {
  return DRONE_C_TYPE::reallocate(block, size);
}

bool DRONE_C_NAME(_grow)(void* block, std::size_t old_size, std::size_t new_size) {
  return DRONE_C_TYPE::grow(block, old_size, new_size);
}

bool DRONE_C_NAME(_shrink)(void* block, std::size_t old_size, std::size_t new_size) {
  return DRONE_C_TYPE::shrink(block, old_size, new_size);
}

std::size_t DRONE_C_NAME(_usable_size)(const void* block) {
  return DRONE_C_TYPE::usable_size(block);
}

bool DRONE_C_NAME(_owns)(const void* address) { return DRONE_C_TYPE::owns(address); }

}  // extern "C"

#undef DRONE_C_TYPE
#undef DRONE_C_NAME
#undef DRONE_C_JOIN
#undef DRONE_C_JOIN2
#undef DRONE_C_HEAP_PREFIX
#undef DRONE_C_HEAP
