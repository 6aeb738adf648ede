/* SPDX-License-Identifier: MIT */
/* Two tasks that preempt each other and allocate all the while. Each fills its blocks with its name
   and looks whether they still hold it: a block that both got, or an allocator that was caught in
   the middle, shows. The program counts its requests, for the comparison with the trace. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "FreeRTOS.h"
#include "task.h"

enum { kRounds = 4000, kBlocks = 8, kSizes = 5 };
static const size_t sizes[kSizes] = {24, 40, 56, 88, 120};

struct worker {
  char name;
  uint32_t random;
  uint32_t allocations[kSizes];
  volatile uint32_t failures;
  volatile uint32_t preemptions;
  volatile int is_done;
};
static struct worker workers[2] = {{.name = 'a', .random = 1}, {.name = 'b', .random = 2}};
static volatile unsigned malloc_failures;

#ifndef TRACE_KERNEL_HEAP
void xPortResetHeapMinimumEverFreeHeapSize(void); /* kernels before V11.2 do not declare it */
#endif

void vApplicationMallocFailedHook(void) { ++malloc_failures; }

static uint32_t next_random(struct worker* self) {
  self->random = self->random * 1664525u + 1013904223u;
  return self->random >> 12;
}

static void check(struct worker* self, int is_true) {
  if (!is_true) ++self->failures;
}

static void work(struct worker* self) {
  struct {
    char* bytes;
    size_t size;
  } blocks[kBlocks];
  memset(blocks, 0, sizeof blocks);
  for (int round = 0; round != kRounds; ++round) {
    const uint32_t random = next_random(self);
    const unsigned which = random % kBlocks;
    const TickType_t before = xTaskGetTickCount();
    if (blocks[which].bytes != NULL) {
      for (size_t i = 0; i != blocks[which].size; ++i) {
        check(self, blocks[which].bytes[i] == self->name);
      }
      vPortFree(blocks[which].bytes);
      blocks[which].bytes = NULL;
    } else {
      const unsigned kind = (random >> 8) % kSizes;
      char* const block = pvPortMalloc(sizes[kind]);
      check(self, block != NULL && ((uintptr_t)block & 7) == 0);
      if (block == NULL) continue;
      ++self->allocations[kind];
      memset(block, self->name, sizes[kind]);
      blocks[which].bytes = block;
      blocks[which].size = sizes[kind];
    }
    if (xTaskGetTickCount() != before) ++self->preemptions;
  }
  for (unsigned i = 0; i != kBlocks; ++i) vPortFree(blocks[i].bytes);
}

static int report(void) {
  unsigned failures = workers[0].failures + workers[1].failures;
  for (unsigned i = 0; i != kSizes; ++i) {
    printf("allocated %u %lu\n", (unsigned)sizes[i],
           (unsigned long)(workers[0].allocations[i] + workers[1].allocations[i]));
  }
  printf("preempted %lu times, free %lu bytes, never fewer than %lu\n",
         (unsigned long)(workers[0].preemptions + workers[1].preemptions),
         (unsigned long)xPortGetFreeHeapSize(), (unsigned long)xPortGetMinimumEverFreeHeapSize());
  printf("%u failures\n", failures);
  return failures == 0 ? 0 : 1;
}

static void run(void* parameter) {
  struct worker* const self = parameter;
  work(self);
  self->is_done = 1;
  /* The first reports when both are done. */
  while (self != &workers[0] || !workers[1].is_done) {
  }
  exit(report());
}

/* What needs no second task. */
static void check_single(void) {
  struct worker* const self = &workers[0];
  const size_t free_before = xPortGetFreeHeapSize();
  char* const zeros = pvPortCalloc(5, 7);
  check(self, zeros != NULL && zeros[0] == 0 && zeros[34] == 0);
  check(self, xPortGetFreeHeapSize() < free_before);
  vPortFree(zeros);
  vPortFree(NULL);
  check(self, xPortGetFreeHeapSize() == free_before);
  check(self, malloc_failures == 0);
  check(self, pvPortMalloc(50000) == NULL && malloc_failures == 1);
  check(self, pvPortCalloc(SIZE_MAX / 2, 4) == NULL);
#ifndef TRACE_KERNEL_HEAP
  HeapStats_t stats;
  vPortGetHeapStats(&stats);
  check(self, stats.xAvailableHeapSpaceInBytes == xPortGetFreeHeapSize());
  check(self, stats.xMinimumEverFreeBytesRemaining == xPortGetMinimumEverFreeHeapSize());
  check(self, stats.xMinimumEverFreeBytesRemaining < stats.xAvailableHeapSpaceInBytes);
  check(self, stats.xNumberOfSuccessfulFrees > 0);
  check(self, stats.xNumberOfSuccessfulAllocations >= stats.xNumberOfSuccessfulFrees);
  check(self, stats.xSizeOfLargestFreeBlockInBytes == 1024);
  check(self, stats.xSizeOfSmallestFreeBlockInBytes == 24);
  check(self, stats.xNumberOfFreeBlocks > 10);
  xPortResetHeapMinimumEverFreeHeapSize();
  check(self, xPortGetMinimumEverFreeHeapSize() == xPortGetFreeHeapSize());
#endif
}

int main(void) {
  static char buffer[256];
  setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
  /* The first request, so that the heap is there to be asked for its free bytes. */
  vPortFree(pvPortMalloc(1));
  check_single();
  if (xTaskCreate(run, "a", 256, &workers[0], 1, NULL) != pdPASS ||
      xTaskCreate(run, "b", 256, &workers[1], 1, NULL) != pdPASS) {
    printf("no memory for the tasks\n");
    return 1;
  }
  vTaskStartScheduler();
  return 1;
}
