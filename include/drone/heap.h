/* SPDX-License-Identifier: MIT */
/* A heap of fixed-block memory pools (docs/heap.md), for C. C99 or later.
 *
 * The heap itself is made by one C++ file of the program, which `Drone.toml` is compiled into:
 *
 *   #include "drone/heap/heap.hpp"
 *   #include "heap_layout.hpp"
 *   constinit drone::heap::Heap<drone_project::kHeapLayout> heap;
 *   #define DRONE_C_HEAP heap
 *   #include "drone/heap/c_api.hpp"
 *
 * Every function may be called from any context, interrupt handlers included, under the conditions
 * of docs/heap.md. None throws, blocks, or sets errno. */
#ifndef DRONE_HEAP_H
#define DRONE_HEAP_H

#include <stdbool.h>
#include <stddef.h>

#if defined(__GNUC__)
#define DRONE_HEAP_RESULT __attribute__((__warn_unused_result__))
#define DRONE_HEAP_NEW __attribute__((__warn_unused_result__, __malloc__))
#else
#define DRONE_HEAP_RESULT
#define DRONE_HEAP_NEW
#endif

#ifdef __cplusplus
#define DRONE_HEAP_LINKAGE extern "C"
#else
#define DRONE_HEAP_LINKAGE extern
#endif

/* Declares the functions of a heap, their names beginning with `prefix`. The first heap of a
 * program has the prefix drone_heap; another one is declared by DRONE_DECLARE_HEAP(dtcm), and made
 * with DRONE_C_HEAP_PREFIX defined as dtcm before drone/heap/c_api.hpp is included.
 *
 * void* drone_heap_alloc(size_t size);
 *   A block of at least `size` bytes, aligned to the heap's base alignment (4 or 8). NULL if no
 * pool with blocks that large has one left, or if `size` is 0.
 *
 * void* drone_heap_alloc_aligned(size_t alignment, size_t size);
 *   The same, aligned to a power of two up to 64. NULL for any other alignment.
 *
 * void* drone_heap_calloc(size_t count, size_t size);
 *   `count` times `size` bytes of 0. NULL also if that product overflows.
 *
 * void drone_heap_free(void* block);
 * void drone_heap_free_sized(void* block, size_t size);
 *   Gives a block back; NULL is nothing. `size` is what was requested for it.
 *
 * void* drone_heap_realloc(void* block, size_t size);
 *   As realloc: a block of `size` bytes with the contents of `block`, perhaps in its place. NULL if
 *   there is none, and then `block` is still allocated. `block` may be NULL; a `size` of 0 gives
 * the block back and yields NULL.
 *
 * bool drone_heap_grow(void* block, size_t old_size, size_t new_size);
 *   Lets a block hold more bytes where it is. False if it is too small for them.
 *
 * bool drone_heap_shrink(void* block, size_t old_size, size_t new_size);
 *   Says that fewer bytes are needed; for the trace. Always true.
 *
 * size_t drone_heap_usable_size(const void* block);
 *   Bytes that the block holds. Not for NULL.
 *
 * bool drone_heap_owns(const void* address);
 *   Whether an address lies in this heap's memory. */
#define DRONE_DECLARE_HEAP(prefix)                                                               \
  DRONE_HEAP_LINKAGE void* prefix##_alloc(size_t size) DRONE_HEAP_NEW;                           \
  DRONE_HEAP_LINKAGE void* prefix##_alloc_aligned(size_t alignment, size_t size) DRONE_HEAP_NEW; \
  DRONE_HEAP_LINKAGE void* prefix##_calloc(size_t count, size_t size) DRONE_HEAP_NEW;            \
  DRONE_HEAP_LINKAGE void prefix##_free(void* block);                                            \
  DRONE_HEAP_LINKAGE void prefix##_free_sized(void* block, size_t size);                         \
  DRONE_HEAP_LINKAGE void* prefix##_realloc(void* block, size_t size) DRONE_HEAP_RESULT;         \
  DRONE_HEAP_LINKAGE bool prefix##_grow(void* block, size_t old_size, size_t new_size)           \
      DRONE_HEAP_RESULT;                                                                         \
  DRONE_HEAP_LINKAGE bool prefix##_shrink(void* block, size_t old_size, size_t new_size);        \
  DRONE_HEAP_LINKAGE size_t prefix##_usable_size(const void* block);                             \
  DRONE_HEAP_LINKAGE bool prefix##_owns(const void* address)

DRONE_DECLARE_HEAP(drone_heap);

#endif
