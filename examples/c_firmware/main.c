/* SPDX-License-Identifier: MIT */
/* A firmware in C99 whose memory comes from pools. It checks what it gets: the example is a test.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drone/heap.h"

DRONE_DECLARE_HEAP(packet_heap);

static unsigned failures;

static void check_at(int line, bool is_true) {
  if (is_true) return;
  ++failures;
  printf("line %d: not as expected\n", line);
}
#define check(condition) check_at(__LINE__, condition)

static bool is_aligned(const void* block, size_t alignment) {
  return ((uintptr_t)block & (alignment - 1)) == 0;
}

static void use_blocks(void) {
  char* text = drone_heap_alloc(12);
  check(text != NULL && is_aligned(text, 4));
  check(drone_heap_usable_size(text) == 16 && drone_heap_owns(text));
  strcpy(text, "hello world");
  check(drone_heap_grow(text, 12, 16));
  check(!drone_heap_grow(text, 16, 17));
  check(drone_heap_shrink(text, 16, 12));

  char* const longer = drone_heap_realloc(text, 100);
  check(longer != NULL && strcmp(longer, "hello world") == 0);
  check(drone_heap_usable_size(longer) == 128);
  check(drone_heap_realloc(longer, 0) == NULL);

  char* const zeros = drone_heap_calloc(5, 6);
  check(zeros != NULL && zeros[0] == 0 && zeros[29] == 0);
  drone_heap_free_sized(zeros, 30);
  check(drone_heap_calloc(SIZE_MAX / 2, 3) == NULL);

  void* const aligned = drone_heap_alloc_aligned(64, 20);
  check(aligned != NULL && is_aligned(aligned, 64));
  drone_heap_free(aligned);
  check(drone_heap_alloc_aligned(128, 20) == NULL);

  check(drone_heap_alloc(0) == NULL);
  check(drone_heap_alloc(429) == NULL);
  drone_heap_free(NULL);
}

static void use_two_heaps(void) {
  void* packets[8];
  for (int i = 0; i != 8; ++i) {
    packets[i] = packet_heap_alloc(100);
    check(packets[i] != NULL && packet_heap_owns(packets[i]) && !drone_heap_owns(packets[i]));
  }
  check(packet_heap_alloc(1) == NULL); /* exhausted, and the other heap is none of its business */
  for (int i = 0; i != 8; ++i) packet_heap_free(packets[i]);
  void* const again = packet_heap_alloc(1);
  check(again == packets[7]);
  packet_heap_free(again);
}

static void use_malloc(void) {
  void* const block = malloc(24);
  check(drone_heap_owns(block));
  free(block);
}

int main(void) {
  static char buffer[128];
  setvbuf(stdout, buffer, _IOLBF, sizeof buffer);
  use_blocks();
  use_two_heaps();
  use_malloc();
  printf("%u failures\n", failures);
  return failures == 0 ? 0 : 1;
}
