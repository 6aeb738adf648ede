// SPDX-License-Identifier: MIT
// The one C++ file of a C firmware: its heaps.
#include "drone/heap/heap.hpp"

#include "heap_layout.hpp"

#ifdef DRONE_HEAPTRACE
#include "drone/heaptrace/itm_tracer.hpp"
using Tracer =
    drone::heaptrace::ItmTracer<drone_project::kHeapLayout, drone_project::kTraceClockKhz>;
#else
using Tracer = drone::heap::NoTracer;
#endif

constinit drone::heap::Heap<drone_project::kHeapLayout, Tracer> heap;

// A second one, for packets only; its functions begin with packet_heap.
inline constexpr drone::heap::Layout<1> kPacketLayout{
    .size = 1024, .alignment = 8, .pools = {{{128, 8}}}};
constinit drone::heap::Heap<kPacketLayout> packet_heap;

#define DRONE_C_HEAP heap
#include "drone/heap/c_api.hpp"

#define DRONE_C_HEAP packet_heap
#define DRONE_C_HEAP_PREFIX packet_heap
#include "drone/heap/c_api.hpp"

// malloc, free and what the C library allocates come from the first one, too.
#define DRONE_GLOBAL_HEAP heap
#include "drone/heap/global.hpp"
