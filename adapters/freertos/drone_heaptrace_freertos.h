/* SPDX-License-Identifier: MIT */
/* Makes FreeRTOS's own heap_1, heap_2, heap_4 or heap_5 report its operations through ITM port 31,
 * for `drone heap` (docs/adopting.md). Include it at the end of FreeRTOSConfig.h and add
 * drone_heaptrace_freertos.cpp to the program:
 *
 *   #define DRONE_FREERTOS_HEAP 4
 *   #include "drone_heaptrace_freertos.h"
 *
 * DRONE_FREERTOS_HEAP is the number of the kernel's file; 4 if it is not defined. heap_3 is the C
 * library's malloc: trace that instead (drone_heaptrace_newlib.cpp). For heap_5, whose memory the
 * program chooses, also define DRONE_FREERTOS_HEAP_BASE, the address of its first region, and
 * DRONE_FREERTOS_HEAP_SIZE, the bytes from there to the end of its last; no region may lie below.
 *
 * Sizes. The kernel adds its header to a request and rounds the sum up to portBYTE_ALIGNMENT before
 * it traces; since V11.2 it even traces the size of the block found, and 0 for a request that
 * fails. So the macro takes the kernel's xWantedSize instead of what it is given, and subtracts the
 * header: sizes in the trace are the requested ones rounded up to portBYTE_ALIGNMENT. A layout for
 * blocks of that alignment is the same with either. A request so large that its rounding overflows
 * is not traced, and neither is one of 0 bytes.
 *
 * The kernel calls both macros with the scheduler suspended, when it has taken the block and before
 * it gives one back, so the order of events of a block is right whatever the tasks do. While no
 * probe listens, each call costs a function call and a test. */
#ifndef DRONE_HEAPTRACE_FREERTOS_H
#define DRONE_HEAPTRACE_FREERTOS_H

#ifndef __ASSEMBLER__

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif
/* What the macros below call: where the heap lies, a block or NULL, and the requested size. */
void drone_heaptrace_freertos_malloc(const void* heap, size_t heap_size, const void* block,
                                     size_t size);
void drone_heaptrace_freertos_free(const void* block);
#ifdef __cplusplus
}
#endif

#ifndef DRONE_FREERTOS_HEAP
#define DRONE_FREERTOS_HEAP 4
#endif

/* The names that the macros use are those of the kernel's heap files, in which alone they are
 * expanded. */
#if DRONE_FREERTOS_HEAP == 1
#define DRONE_FREERTOS_HEADER 0
#elif DRONE_FREERTOS_HEAP == 2 || DRONE_FREERTOS_HEAP == 4 || DRONE_FREERTOS_HEAP == 5
#define DRONE_FREERTOS_HEADER \
  ((sizeof(BlockLink_t) + (portBYTE_ALIGNMENT - 1)) & ~((size_t)(portBYTE_ALIGNMENT - 1)))
#else
#error \
    "DRONE_FREERTOS_HEAP: 1, 2, 4 or 5; heap_3 is malloc, which drone_heaptrace_newlib.cpp traces"
#endif

#if DRONE_FREERTOS_HEAP == 5
#if !defined(DRONE_FREERTOS_HEAP_BASE) || !defined(DRONE_FREERTOS_HEAP_SIZE)
#error "heap_5: define DRONE_FREERTOS_HEAP_BASE and DRONE_FREERTOS_HEAP_SIZE"
#endif
#else
#define DRONE_FREERTOS_HEAP_BASE ucHeap
#define DRONE_FREERTOS_HEAP_SIZE ((size_t)configTOTAL_HEAP_SIZE)
#endif

#define traceMALLOC(pvAddress, uiSize)                                                  \
  drone_heaptrace_freertos_malloc(                                                      \
      (const void*)(DRONE_FREERTOS_HEAP_BASE), (DRONE_FREERTOS_HEAP_SIZE), (pvAddress), \
      xWantedSize > DRONE_FREERTOS_HEADER ? xWantedSize - DRONE_FREERTOS_HEADER : (size_t)0)
#define traceFREE(pvAddress, uiSize) drone_heaptrace_freertos_free(pvAddress)

#endif /* __ASSEMBLER__ */

#endif
