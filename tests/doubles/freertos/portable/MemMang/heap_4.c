/* SPDX-License-Identifier: MIT */
/* A stand-in for the kernel's allocator, see README.md: first fit, neighbours joined when a search
   passes them. What matters is where it calls the trace macros, and with what in scope. */
#include <string.h>

#include "FreeRTOS.h"
#include "task.h"

typedef struct A_BLOCK_LINK {
  struct A_BLOCK_LINK* next; /* in address order, all blocks */
  size_t size;               /* with this header; lowest bit: in use */
} BlockLink_t;

static uint8_t ucHeap[configTOTAL_HEAP_SIZE] __attribute__((aligned(portBYTE_ALIGNMENT)));
static BlockLink_t* first;
static size_t bytes_free, least_bytes_free;

static void initialise(void) {
  first = (BlockLink_t*)(void*)ucHeap;
  first->next = NULL;
  first->size = sizeof ucHeap;
  bytes_free = least_bytes_free = sizeof ucHeap;
}

static BlockLink_t* find(size_t bytes) {
  for (BlockLink_t* block = first; block != NULL; block = block->next) {
    if ((block->size & 1) != 0) continue;
    while (block->next != NULL && (block->next->size & 1) == 0) {
      block->size += block->next->size;
      block->next = block->next->next;
    }
    if (block->size >= bytes) return block;
  }
  return NULL;
}

void* pvPortMalloc(size_t xWantedSize) {
  void* result = NULL;
  if (xWantedSize != 0) {
    if (xWantedSize < SIZE_MAX - sizeof(BlockLink_t) - portBYTE_ALIGNMENT) {
      xWantedSize = (xWantedSize + sizeof(BlockLink_t) + portBYTE_ALIGNMENT - 1) &
                    ~(size_t)(portBYTE_ALIGNMENT - 1);
    } else {
      xWantedSize = 0;
    }
  }
  vTaskSuspendAll();
  if (first == NULL) initialise();
  size_t allocated = 0;
  BlockLink_t* const block = xWantedSize == 0 ? NULL : find(xWantedSize);
  if (block != NULL) {
    if (block->size - xWantedSize > 2 * sizeof(BlockLink_t)) {
      BlockLink_t* const rest = (BlockLink_t*)(void*)((uint8_t*)block + xWantedSize);
      rest->next = block->next;
      rest->size = block->size - xWantedSize;
      block->next = rest;
      block->size = xWantedSize;
    }
    allocated = block->size;
    bytes_free -= allocated;
    if (bytes_free < least_bytes_free) least_bytes_free = bytes_free;
    block->size |= 1;
    result = block + 1;
  }
  traceMALLOC(result, allocated);
  (void)xTaskResumeAll();
#if configUSE_MALLOC_FAILED_HOOK == 1
  if (result == NULL) vApplicationMallocFailedHook();
#endif
  return result;
}

void vPortFree(void* pv) {
  if (pv == NULL) return;
  BlockLink_t* const block = (BlockLink_t*)pv - 1;
  vTaskSuspendAll();
  traceFREE(pv, block->size);
  block->size &= ~(size_t)1;
  bytes_free += block->size;
  (void)xTaskResumeAll();
}

void* pvPortCalloc(size_t xNum, size_t xSize) {
  if (xSize != 0 && xNum > SIZE_MAX / xSize) return NULL;
  void* const block = pvPortMalloc(xNum * xSize);
  return block == NULL ? NULL : memset(block, 0, xNum * xSize);
}

size_t xPortGetFreeHeapSize(void) { return bytes_free; }
size_t xPortGetMinimumEverFreeHeapSize(void) { return least_bytes_free; }
