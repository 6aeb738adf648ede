// SPDX-License-Identifier: MIT

// FreeRTOS's memory from a heap of pools: takes the place of the kernel's heap_1 to heap_5. Remove
// that file from the program and add this one, compiled as C++20, with the folders of FreeRTOS.h,
// FreeRTOSConfig.h and heap_layout.hpp (`drone print header`) among its include folders. The kernel
// stays C. docs/adopting.md says what else there is to know.
//
// In contrast to the kernel's own files:
// - Constant time while the pool has blocks, no header before a block, no fragmentation outside of
//   blocks. The scheduler is not suspended.
// - Callable from interrupt handlers of any priority, too; vApplicationMallocFailedHook is then
//   called there.
// - configTOTAL_HEAP_SIZE, configHEAP_CLEAR_MEMORY_ON_FREE and configENABLE_HEAP_PROTECTOR mean
//   nothing. traceMALLOC and traceFREE are called with the requested and the block's size, and may
//   be interrupted; drone's own trace comes from the heap itself.
//
// Macros, all optional:
//   DRONE_FREERTOS_HEAP_HEADER  a header that declares the heap; without it the heap is made here,
//                               from heap_layout.hpp, traced if DRONE_HEAPTRACE is defined
//   DRONE_FREERTOS_HEAP_OBJECT  how it is called there: `heap`
//   DRONE_FREERTOS_LAYOUT       and its layout: `drone_project::kHeapLayout`
//   DRONE_FREERTOS_GLOBAL_HEAP  1: new, malloc and printf's memory come from the same heap
//   DRONE_FREERTOS_STATISTICS   0: no statistics. Then vPortGetHeapStats and the functions that say
//                               how much is free do not exist

#if !defined(__cplusplus) || __cplusplus < 202002L
#error "compile this file as C++20: -std=c++20"
#endif

// As in the kernel's heap files: their functions are what an MPU wrapper calls.
#define MPU_WRAPPERS_INCLUDED_FROM_API_FILE
#include "FreeRTOS.h"
#include "task.h"
#undef MPU_WRAPPERS_INCLUDED_FROM_API_FILE

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "drone/cortex_m/interrupt_mask.hpp"
#include "drone/heap/heap.hpp"

#ifdef DRONE_HEAPTRACE_FREERTOS_H
#error "FreeRTOSConfig.h traces the kernel's own heap; drone's heap traces itself"
#endif
#if configSUPPORT_DYNAMIC_ALLOCATION == 0
#error "this file is for configSUPPORT_DYNAMIC_ALLOCATION 1"
#endif
#if defined(portUSING_MPU_WRAPPERS) && portUSING_MPU_WRAPPERS == 1
#error "ports with MPU: the heap's memory is not placed among the kernel's; not supported"
#endif

#ifndef DRONE_FREERTOS_STATISTICS
#define DRONE_FREERTOS_STATISTICS 1
#endif
#ifndef DRONE_FREERTOS_GLOBAL_HEAP
#define DRONE_FREERTOS_GLOBAL_HEAP 0
#endif
#ifndef DRONE_FREERTOS_LAYOUT
#define DRONE_FREERTOS_LAYOUT drone_project::kHeapLayout
#endif
#ifndef DRONE_FREERTOS_HEAP_OBJECT
#define DRONE_FREERTOS_HEAP_OBJECT heap
#endif

#ifdef DRONE_FREERTOS_HEAP_HEADER
#include DRONE_FREERTOS_HEAP_HEADER
#else
#include "heap_layout.hpp"
#ifdef DRONE_HEAPTRACE
#include "drone/heaptrace/itm_tracer.hpp"
constinit drone::heap::Heap<
    drone_project::kHeapLayout,
    drone::heaptrace::ItmTracer<drone_project::kHeapLayout, drone_project::kTraceClockKhz> >
    DRONE_FREERTOS_HEAP_OBJECT;
#else
constinit drone::heap::Heap<drone_project::kHeapLayout> DRONE_FREERTOS_HEAP_OBJECT;
#endif
#endif

#if DRONE_FREERTOS_GLOBAL_HEAP
#define DRONE_GLOBAL_HEAP DRONE_FREERTOS_HEAP_OBJECT
#include "drone/heap/global.hpp"
#endif

namespace {

using KernelHeap = std::remove_cvref_t<decltype(DRONE_FREERTOS_HEAP_OBJECT)>;
constexpr const auto& kLayout = DRONE_FREERTOS_LAYOUT;

static_assert(
    kLayout.alignment >= portBYTE_ALIGNMENT,
    "FreeRTOS wants its blocks aligned to portBYTE_ALIGNMENT, and the stacks in them: write "
    "alignment = 8 under [heap] in Drone.toml");

#if DRONE_FREERTOS_STATISTICS

/// What the kernel's heap_4 counts. A block counts with all its bytes, whatever was requested.
struct Statistics {
  std::array<std::uint32_t, kLayout.pools.size()> in_use;  ///< blocks of each pool
  std::size_t bytes_in_use;
  std::size_t most_bytes_in_use;
  std::size_t allocations;
  std::size_t frees;
};
constinit Statistics statistics{};

constexpr std::size_t kHeapBytes = drone::heap::pool_bytes(kLayout);

/// The pool whose blocks hold `bytes`.
std::size_t pool_of(std::size_t bytes) noexcept {
  std::size_t pool = 0;
  while (pool + 1 < kLayout.pools.size() && kLayout.pools[pool].block_size < bytes) ++pool;
  return pool;
}

void count_allocation(const void* block) noexcept {
  const std::size_t bytes = KernelHeap::block_size(block);
  const std::size_t pool = pool_of(bytes);
  const drone::cortex_m::InterruptMask mask;
  ++statistics.in_use[pool];
  ++statistics.allocations;
  statistics.bytes_in_use += bytes;
  if (statistics.bytes_in_use > statistics.most_bytes_in_use) {
    statistics.most_bytes_in_use = statistics.bytes_in_use;
  }
}

void count_free(const void* block) noexcept {
  const std::size_t bytes = KernelHeap::block_size(block);
  const std::size_t pool = pool_of(bytes);
  const drone::cortex_m::InterruptMask mask;
  --statistics.in_use[pool];
  ++statistics.frees;
  statistics.bytes_in_use -= bytes;
}

Statistics read_statistics() noexcept {
  const drone::cortex_m::InterruptMask mask;
  return statistics;
}

#else

void count_allocation(const void*) noexcept {}
void count_free(const void*) noexcept {}

#endif

}  // namespace

extern "C" {

// Older kernels do not declare these.
void* pvPortCalloc(size_t xNum, size_t xSize);
void xPortResetHeapMinimumEverFreeHeapSize(void);
void vPortHeapResetState(void);

void* pvPortMalloc(size_t xWantedSize) {
  void* const pvReturn = KernelHeap::allocate(xWantedSize);
  if (pvReturn != nullptr) count_allocation(pvReturn);
  traceMALLOC(pvReturn, xWantedSize);
#if configUSE_MALLOC_FAILED_HOOK == 1
  if (pvReturn == nullptr) vApplicationMallocFailedHook();
#endif
  return pvReturn;
}

void vPortFree(void* pv) {
  // What is no block of this heap is the heap's to complain about.
  if (KernelHeap::owns(pv)) {
    count_free(pv);
    traceFREE(pv, KernelHeap::block_size(pv));
  }
  KernelHeap::deallocate(pv);
}

void* pvPortCalloc(size_t xNum, size_t xSize) {
  size_t bytes;
  if (__builtin_mul_overflow(xNum, xSize, &bytes)) return nullptr;
  void* const block = pvPortMalloc(bytes);
  return block == nullptr ? nullptr : __builtin_memset(block, 0, bytes);
}

// The heap needs no initialisation.
void vPortInitialiseBlocks(void) {}

// Before the scheduler is started anew: all blocks are free again, whoever has them.
void vPortHeapResetState(void) {
  KernelHeap::reset();
#if DRONE_FREERTOS_STATISTICS
  statistics = {};
#endif
}

#if DRONE_FREERTOS_STATISTICS

size_t xPortGetFreeHeapSize(void) { return kHeapBytes - read_statistics().bytes_in_use; }

size_t xPortGetMinimumEverFreeHeapSize(void) {
  return kHeapBytes - read_statistics().most_bytes_in_use;
}

void xPortResetHeapMinimumEverFreeHeapSize(void) {
  const drone::cortex_m::InterruptMask mask;
  statistics.most_bytes_in_use = statistics.bytes_in_use;
}

void vPortGetHeapStats(HeapStats_t* pxHeapStats) {
  const Statistics now = read_statistics();
  *pxHeapStats = {};
  for (std::size_t pool = 0; pool != kLayout.pools.size(); ++pool) {
    const drone::heap::PoolSpec& spec = kLayout.pools[pool];
    const std::size_t free_blocks = spec.capacity - now.in_use[pool];
    if (free_blocks == 0) continue;
    pxHeapStats->xNumberOfFreeBlocks += free_blocks;
    pxHeapStats->xSizeOfLargestFreeBlockInBytes = spec.block_size;
    if (pxHeapStats->xSizeOfSmallestFreeBlockInBytes == 0) {
      pxHeapStats->xSizeOfSmallestFreeBlockInBytes = spec.block_size;
    }
  }
  pxHeapStats->xAvailableHeapSpaceInBytes = kHeapBytes - now.bytes_in_use;
  pxHeapStats->xMinimumEverFreeBytesRemaining = kHeapBytes - now.most_bytes_in_use;
  pxHeapStats->xNumberOfSuccessfulAllocations = now.allocations;
  pxHeapStats->xNumberOfSuccessfulFrees = now.frees;
}

#endif

}  // extern "C"
