// SPDX-License-Identifier: MIT

// Makes a firmware that uses newlib's allocator (full or nano) report its heap operations through
// ITM port 31, for `drone heap` (docs/adopting.md). Add this file to the program as it is, and link
// with
//
//   -Wl,--wrap=_malloc_r,--wrap=_free_r,--wrap=_calloc_r,--wrap=_realloc_r,--wrap=_memalign_r
//
// In CMake: target_link_libraries(firmware PRIVATE drone::heaptrace_newlib). C++20; the rest of the
// program may be C.
//
// Everything that allocates comes through these five: `malloc` and its kin, `new`, and the C
// library itself. While no probe listens, each call is five instructions longer.
//
// Newlib calls itself through the same names: `realloc` takes and frees blocks, `memalign` trims
// what it took, and full newlib's `malloc` frees a remainder when memory grows elsewhere. Only the
// outermost call is an event. A flag says whether one is in progress, and newlib's own malloc lock
// (`__malloc_lock`, which must be recursive, as newlib requires) is held from before that call
// until its event is written. So the flag, and the order of events of a block, are right in every
// program in which newlib's allocator itself is. Without a `__malloc_lock` of the program's own,
// that is a program that allocates in one context only: newlib's lock does nothing by itself.
//
// Macros, all optional:
//   DRONE_HEAPTRACE_HEAP_BEGIN       linker symbol where `_sbrk` starts: `end`
//   DRONE_HEAPTRACE_HEAP_SIZE        bytes from there. If it is not defined: up to `__HeapLimit`,
//   or
//                                    else to `_estack - _Min_Stack_Size`, whichever the linker
//                                    script has; where it has neither, the trace does not say it
//   DRONE_HEAPTRACE_HEAP_ALIGNMENT   8. With 4, and a program compiled with -faligned-new=4, the
//                                    trace tells which `new` needs 8
//   DRONE_HEAPTRACE_PORT             31
//   DRONE_HEAPTRACE_CLOCK_KHZ        the trace clock, if the trace is to say it

#if !defined(__cplusplus) || __cplusplus < 202002L
#error "compile this file as C++20: -std=c++20"
#endif
#if !defined(__arm__) || __ARM_ARCH_ISA_THUMB < 2
#error "this core has no ITM; heap tracing needs ARMv7-M or ARMv8-M Mainline"
#endif

#include <malloc.h>
#include <reent.h>

#include <cstddef>
#include <cstdint>

#include "drone/heaptrace/description.hpp"
#include "drone/heaptrace/itm_tracer.hpp"

#ifndef DRONE_HEAPTRACE_HEAP_BEGIN
#define DRONE_HEAPTRACE_HEAP_BEGIN end
#endif
#ifndef DRONE_HEAPTRACE_HEAP_ALIGNMENT
#define DRONE_HEAPTRACE_HEAP_ALIGNMENT 8
#endif
#ifndef DRONE_HEAPTRACE_PORT
#define DRONE_HEAPTRACE_PORT drone::heaptrace::kDefaultPort
#endif
#ifndef DRONE_HEAPTRACE_CLOCK_KHZ
#define DRONE_HEAPTRACE_CLOCK_KHZ 0
#endif

extern "C" {

extern char DRONE_HEAPTRACE_HEAP_BEGIN[];
#ifndef DRONE_HEAPTRACE_HEAP_SIZE
[[gnu::weak]] extern char __HeapLimit[];
[[gnu::weak]] extern char _estack[];
[[gnu::weak]] extern char _Min_Stack_Size[];
#endif

void* __real__malloc_r(struct _reent* reent, std::size_t size);
void* __real__calloc_r(struct _reent* reent, std::size_t count, std::size_t size);
void* __real__realloc_r(struct _reent* reent, void* block, std::size_t size);
void* __real__memalign_r(struct _reent* reent, std::size_t alignment, std::size_t size);
void __real__free_r(struct _reent* reent, void* block);

void* __wrap__malloc_r(struct _reent* reent, std::size_t size);
void* __wrap__calloc_r(struct _reent* reent, std::size_t count, std::size_t size);
void* __wrap__realloc_r(struct _reent* reent, void* block, std::size_t size);
void* __wrap__memalign_r(struct _reent* reent, std::size_t alignment, std::size_t size);
void __wrap__free_r(struct _reent* reent, void* block);
}

namespace {

namespace heaptrace = drone::heaptrace;

heaptrace::Extent extent() noexcept {
  const auto begin = reinterpret_cast<std::uintptr_t>(DRONE_HEAPTRACE_HEAP_BEGIN);
#ifdef DRONE_HEAPTRACE_HEAP_SIZE
  return {begin, DRONE_HEAPTRACE_HEAP_SIZE};
#else
  auto limit = reinterpret_cast<std::uintptr_t>(__HeapLimit);
  if (limit == 0) {
    // A linker script's number is an address like any other.
    limit = reinterpret_cast<std::uintptr_t>(_estack) -
            reinterpret_cast<std::uintptr_t>(_Min_Stack_Size);
  }
  return {begin, limit > begin ? limit - begin : 0};
#endif
}

constexpr heaptrace::PoollessHeap kHeap{DRONE_HEAPTRACE_HEAP_ALIGNMENT, extent};

using Tracer = heaptrace::ItmTracer<kHeap, DRONE_HEAPTRACE_CLOCK_KHZ,
                                    drone::cortex_m::StimulusPort<DRONE_HEAPTRACE_PORT>>;

bool is_inside;  ///< of the allocator; read and written under the malloc lock

/// A call into the allocator, with the malloc lock held.
class Call {
 public:
  explicit Call(struct _reent* reent) noexcept : reent_(reent) {
    __malloc_lock(reent);
    is_outermost_ = !is_inside;
    is_inside = true;
  }
  ~Call() {
    // What only the outermost call changes cannot be left set by contexts that overtake each other.
    if (is_outermost_) is_inside = false;
    __malloc_unlock(reent_);
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  /// Whether the program called, and not the allocator itself.
  bool is_outermost() const noexcept { return is_outermost_; }

 private:
  struct _reent* reent_;
  bool is_outermost_;
};

/// A request of 0 bytes gets a block of its own from newlib, as one of 1 byte would.
std::uint32_t traced_size(std::size_t size) noexcept { return size == 0 ? 1 : size; }

void trace_alloc(const void* block, std::size_t size, std::size_t alignment = 1) noexcept {
  Tracer::trace_alloc(block == nullptr ? heaptrace::kNoBlock : kHeap.block_at(block),
                      traced_size(size), alignment);
}

void trace_realloc(const void* old, const void* block, std::size_t size) noexcept {
  if (block == nullptr && size == 0 && old != nullptr) {
    Tracer::trace_dealloc(kHeap.block_at(old));  // newlib-nano's realloc(p, 0)
  } else if (block == nullptr || block != old) {
    trace_alloc(block, size);
    if (block != nullptr && old != nullptr) Tracer::trace_dealloc(kHeap.block_at(old));
  } else {
    Tracer::trace_grow_in_place(kHeap.block_at(block), 0, traced_size(size));
  }
}

// What a call does while somebody listens. Functions of their own, so that the usual call is a
// jump.

[[gnu::noinline, gnu::cold]] void* traced_malloc(struct _reent* reent, std::size_t size) {
  const Call call(reent);
  void* const block = __real__malloc_r(reent, size);
  if (call.is_outermost()) trace_alloc(block, size);
  return block;
}

[[gnu::noinline, gnu::cold]] void* traced_calloc(struct _reent* reent, std::size_t count,
                                                 std::size_t size) {
  const Call call(reent);
  void* const block = __real__calloc_r(reent, count, size);
  if (call.is_outermost()) {
    std::size_t bytes;
    const bool is_too_large = __builtin_mul_overflow(count, size, &bytes);
    // newlib-nano does not see the overflow, and yields a block of the product that is left.
    trace_alloc(block, is_too_large && block == nullptr ? SIZE_MAX : bytes);
  }
  return block;
}

[[gnu::noinline, gnu::cold]] void* traced_realloc(struct _reent* reent, void* block,
                                                  std::size_t size) {
  const Call call(reent);
  void* const moved = __real__realloc_r(reent, block, size);
  if (call.is_outermost()) trace_realloc(block, moved, size);
  return moved;
}

[[gnu::noinline, gnu::cold]] void* traced_memalign(struct _reent* reent, std::size_t alignment,
                                                   std::size_t size) {
  const Call call(reent);
  void* const block = __real__memalign_r(reent, alignment, size);
  if (call.is_outermost()) {
    const bool is_power = (alignment & (alignment - 1)) == 0;
    trace_alloc(block, size, is_power ? alignment : 1);
  }
  return block;
}

[[gnu::noinline, gnu::cold]] void traced_free(struct _reent* reent, void* block) {
  const Call call(reent);
  if (call.is_outermost() && block != nullptr) Tracer::trace_dealloc(kHeap.block_at(block));
  __real__free_r(reent, block);
}

}  // namespace

extern "C" {

[[gnu::used]] void* __wrap__malloc_r(struct _reent* reent, std::size_t size) {
  if (Tracer::is_listening()) [[unlikely]]
    return traced_malloc(reent, size);
  return __real__malloc_r(reent, size);
}

[[gnu::used]] void* __wrap__calloc_r(struct _reent* reent, std::size_t count, std::size_t size) {
  if (Tracer::is_listening()) [[unlikely]]
    return traced_calloc(reent, count, size);
  return __real__calloc_r(reent, count, size);
}

[[gnu::used]] void* __wrap__realloc_r(struct _reent* reent, void* block, std::size_t size) {
  if (Tracer::is_listening()) [[unlikely]]
    return traced_realloc(reent, block, size);
  return __real__realloc_r(reent, block, size);
}

[[gnu::used]] void* __wrap__memalign_r(struct _reent* reent, std::size_t alignment,
                                       std::size_t size) {
  if (Tracer::is_listening()) [[unlikely]]
    return traced_memalign(reent, alignment, size);
  return __real__memalign_r(reent, alignment, size);
}

[[gnu::used]] void __wrap__free_r(struct _reent* reent, void* block) {
  if (Tracer::is_listening()) [[unlikely]]
    return traced_free(reent, block);
  return __real__free_r(reent, block);
}

}  // extern "C"
