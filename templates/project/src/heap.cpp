// SPDX-License-Identifier: MIT
// The program's heap, laid out by [heap] in Drone.toml: behind new, malloc and all their kin.
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

#define DRONE_GLOBAL_HEAP heap
#include "drone/heap/global.hpp"

// Called before the first constructor: links the heap's blocks, so that every request costs alike.
void prepare_heap() { heap.prepare(); }
