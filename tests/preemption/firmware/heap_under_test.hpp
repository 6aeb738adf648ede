// SPDX-License-Identifier: MIT
#pragma once

// The heap that the firmware tests: the real one, or one of the deliberately wrong ones (CONTROL),
// with or without the ITM tracer (DRONE_HEAPTRACE), with options (HEAP_OPTIONS).

#include "../interface.hpp"
#include "drone/heap/heap.hpp"
#ifdef CONTROL
#include "control_heap.hpp"
#endif
#ifdef DRONE_HEAPTRACE
#include "drone/heaptrace/itm_tracer.hpp"
#endif

namespace drone::preemption {

#if !defined(DRONE_HEAPTRACE)
using Trace = heap::NoTracer;
#elif defined(LEAKY_PORT)
/// Lets interrupts in between the test of the FIFO and the write.
struct LeakyPort : cortex_m::StimulusPort<31> {
  static bool is_ready() noexcept {
    const bool ready = StimulusPort::is_ready();
    asm volatile("cpsie i\n\tnop\n\tcpsid i" ::: "memory");
    return ready;
  }
};
using Trace = heaptrace::ItmTracer<kLayout, 25000, LeakyPort>;
#else
using Trace = heaptrace::ItmTracer<kLayout, 25000>;
#endif

#if defined(CONTROL)
using HeapUnderTest = ControlHeap<kLayout, Trace, Flaw::CONTROL>;
#elif defined(HEAP_OPTIONS)
inline constexpr heap::Options kOptions{HEAP_OPTIONS};
using HeapUnderTest = heap::Heap<kLayout, Trace, kOptions>;
#else
using HeapUnderTest = heap::Heap<kLayout, Trace>;
#endif

}  // namespace drone::preemption

inline constexpr drone::preemption::HeapUnderTest tested;
