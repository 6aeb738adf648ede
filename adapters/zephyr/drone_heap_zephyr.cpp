// SPDX-License-Identifier: MIT

// Zephyr's k_malloc and its kin on a heap of pools. The linker leads calls here (--wrap), so the
// kernel may have its own functions of these names (CONFIG_HEAP_MEM_POOL_SIZE above 0) or not. What
// was allocated otherwise (from a thread's resource pool) still goes back where it came from:
// k_free tells the two by their address.

#include <zephyr/kernel.h>

#include <cstddef>

#include "drone/heap/heap.hpp"
#include "heap_layout.hpp"

#ifdef CONFIG_DRONE_HEAPTRACE
#include "drone/heaptrace/itm_tracer.hpp"
using Tracer =
    drone::heaptrace::ItmTracer<drone_project::kHeapLayout, drone_project::kTraceClockKhz>;
#else
using Tracer = drone::heap::NoTracer;
#endif

static_assert(drone_project::kHeapLayout.alignment >= alignof(void*),
              "Zephyr wants blocks aligned as a pointer");

namespace {

using KernelHeap = drone::heap::Heap<drone_project::kHeapLayout, Tracer>;

// Zephyr's own functions yield a block for 0 bytes.
std::size_t request(std::size_t size) noexcept { return size == 0 ? 1 : size; }

}  // namespace

extern "C" {

void* __wrap_k_malloc(std::size_t size);
void* __wrap_k_calloc(std::size_t count, std::size_t size);
void* __wrap_k_aligned_alloc(std::size_t alignment, std::size_t size);
void* __wrap_k_realloc(void* block, std::size_t size);
void __wrap_k_free(void* block);
#ifdef CONFIG_KERNEL_MEM_POOL
void __real_k_free(void* block);
#endif

void* __wrap_k_malloc(std::size_t size) { return KernelHeap::allocate(request(size)); }

void* __wrap_k_calloc(std::size_t count, std::size_t size) {
  std::size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) return nullptr;
  void* const block = KernelHeap::allocate(request(bytes));
  return block == nullptr ? nullptr : __builtin_memset(block, 0, bytes);
}

void* __wrap_k_aligned_alloc(std::size_t alignment, std::size_t size) {
  return KernelHeap::allocate(request(size), alignment);
}

// A block from elsewhere cannot be resized here: there is nobody who would know its size.
void* __wrap_k_realloc(void* block, std::size_t size) {
  __ASSERT(block == nullptr || KernelHeap::owns(block), "k_realloc of a block of another heap");
  return KernelHeap::reallocate(block, size);
}

void __wrap_k_free(void* block) {
#ifdef CONFIG_KERNEL_MEM_POOL
  if (block != nullptr && !KernelHeap::owns(block)) {
    __real_k_free(block);
    return;
  }
#endif
  KernelHeap::deallocate(block);
}

}  // extern "C"
