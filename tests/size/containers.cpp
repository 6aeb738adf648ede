// SPDX-License-Identifier: MIT

// A list whose elements lie in the program's heap, in a heap of their own, or (STD, OWN, PMR) where
// a memory resource says. Its user is compiled by itself (USER), as in a program of several files.

#include <cstdlib>
#include <list>

#include "drone/heap/heap.hpp"
#ifdef PMR
#include "drone/heap/memory_resource.hpp"
#else
#include "drone/heap/allocator.hpp"
#endif

inline constexpr drone::heap::Layout<5> kLayout{
    .size = 10240, .alignment = 4, .pools = {{{4, 201}, {12, 222}, {28, 115}, {32, 83}, {128, 7}}}};
inline constexpr drone::heap::Heap<kLayout> heap;

#if defined(PMR)
using List = std::pmr::list<int>;
#elif defined(OWN)
using List = std::list<int, drone::allocator<int, heap> >;
#else
using List = std::list<int>;
#endif

void use(List& list);

#ifdef USER

void use(List& list) {
  for (int i = 0; i != 3; ++i) list.push_back(i);
  list.pop_front();
}

#else

#ifndef OWN
// The same heap behind `new`.
#define DRONE_GLOBAL_HEAP heap
#include "drone/heap/global.hpp"
#endif

int main() {
#ifdef PMR
  List list(drone::memory_resource<heap>());
#else
  List list;
#endif
  use(list);
}

extern "C" {
void* __dso_handle = nullptr;

[[noreturn]] void abort() {
  for (;;) {
  }
}
}

#endif
