// SPDX-License-Identifier: MIT

// The heap of the user's example as the program's heap: what check_target_code.py measures.

#include "drone/heap/heap.hpp"
#ifdef DRONE_HEAPTRACE
#include "drone/heaptrace/itm_tracer.hpp"
#endif

inline constexpr drone::heap::Layout<5> kHeapLayout{
    .size = 10240,
    .alignment = 4,
    .pools = {{{4, 201}, {12, 222}, {28, 115}, {32, 83}, {128, 7}}},
    .options = {.checks = drone::heap::Checks::DRONE_CHECKS}};

#ifdef DRONE_HEAPTRACE
inline constexpr drone::heap::Heap<kHeapLayout, drone::heaptrace::ItmTracer<kHeapLayout, 84000>>
    heap;
#else
inline constexpr drone::heap::Heap<kHeapLayout> heap;
#endif

#define DRONE_GLOBAL_HEAP heap
#include "drone/heap/global.hpp"

// Sizes that the compiler knows.
extern "C" void* allocate_12();
extern "C" void deallocate_12(void* block);
void* allocate_12() { return heap.allocate(12); }
void deallocate_12(void* block) { heap.deallocate(block, 12); }
