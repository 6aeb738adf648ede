// SPDX-License-Identifier: MIT

// What drone_heaptrace_freertos.h calls. Add this file to the program as it is. C++20; the rest of
// the program may be C.
//
// Macros, both optional: DRONE_HEAPTRACE_PORT (31), DRONE_HEAPTRACE_CLOCK_KHZ (the trace clock, if
// the trace is to say it). portBYTE_ALIGNMENT is taken to be 8, as in FreeRTOS's Cortex-M ports.

#if !defined(__cplusplus) || __cplusplus < 202002L
#error "compile this file as C++20: -std=c++20"
#endif
#if !defined(__arm__) || __ARM_ARCH_ISA_THUMB < 2
#error "this core has no ITM; heap tracing needs ARMv7-M or ARMv8-M Mainline"
#endif

#include "drone_heaptrace_freertos.h"

#include <cstddef>
#include <cstdint>

#include "drone/heaptrace/description.hpp"
#include "drone/heaptrace/itm_tracer.hpp"

#ifndef DRONE_HEAPTRACE_PORT
#define DRONE_HEAPTRACE_PORT drone::heaptrace::kDefaultPort
#endif
#ifndef DRONE_HEAPTRACE_CLOCK_KHZ
#define DRONE_HEAPTRACE_CLOCK_KHZ 0
#endif

namespace {

namespace heaptrace = drone::heaptrace;

/// Known from the first request on, which comes before any event.
heaptrace::Extent its_extent;
heaptrace::Extent extent() noexcept { return its_extent; }

constexpr heaptrace::PoollessHeap kHeap{8, extent};

using Tracer = heaptrace::ItmTracer<kHeap, DRONE_HEAPTRACE_CLOCK_KHZ,
                                    drone::cortex_m::StimulusPort<DRONE_HEAPTRACE_PORT>>;

}  // namespace

extern "C" {

void drone_heaptrace_freertos_malloc(const void* heap, size_t heap_size, const void* block,
                                     size_t size) {
  if (size == 0 || !Tracer::is_listening()) return;
  its_extent = {reinterpret_cast<std::uintptr_t>(heap), heap_size};
  Tracer::trace_alloc(block == nullptr ? heaptrace::kNoBlock : kHeap.block_at(block), size, 1);
}

void drone_heaptrace_freertos_free(const void* block) {
  // A trace does not begin with what it did not see begin: where the heap lies is not known yet.
  if (its_extent.size == 0 || !Tracer::is_listening()) return;
  Tracer::trace_dealloc(kHeap.block_at(block));
}

}  // extern "C"
