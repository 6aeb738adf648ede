// SPDX-License-Identifier: MIT
// The program's heaps.
#pragma once

#include "drone/heap/heap.hpp"
#include "heap_layout.hpp"

#ifdef DRONE_HEAPTRACE
#include "drone/heaptrace/itm_tracer.hpp"
using Tracer =
    drone::heaptrace::ItmTracer<drone_project::kHeapLayout, drone_project::kTraceClockKhz>;
#else
using Tracer = drone::heap::NoTracer;
#endif

// From Drone.toml: behind new, malloc, and the containers that name no other.
inline constexpr drone::heap::Heap<drone_project::kHeapLayout, Tracer> heap;

// For what comes from outside: a flood of messages exhausts this one, and nothing else.
inline constexpr drone::heap::Layout<2> kMessageLayout{
    .size = 2048, .alignment = 4, .pools = {{{44, 16}, {128, 8}}}};
inline constexpr drone::heap::Heap<kMessageLayout> message_heap;
