/* SPDX-License-Identifier: MIT */
/* A stand-in for Zephyr's kernel, see README.md. Its k_free knows only blocks of the resource pool. */
#include <stdlib.h>

#include <zephyr/kernel.h>

void k_panic(void) { abort(); }

#ifdef CONFIG_KERNEL_MEM_POOL
static _Alignas(8) char pool[256];
static size_t used;
size_t resource_blocks;

void *z_thread_aligned_alloc(size_t align, size_t size) {
  const size_t begin = (used + align - 1) & ~(align - 1);
  if (size > sizeof pool - begin) return NULL;
  used = begin + size;
  ++resource_blocks;
  return pool + begin;
}

void k_free(void *ptr) {
  if (ptr == NULL) return;
  if ((char *)ptr < pool || (char *)ptr >= pool + sizeof pool) k_panic();
  if (--resource_blocks == 0) used = 0;
}
#endif
