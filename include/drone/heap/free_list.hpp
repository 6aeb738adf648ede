// SPDX-License-Identifier: MIT
#pragma once

// The free blocks of one pool, as a list that every context of the program may take from and give
// to. The one word a pool has in RAM.
//
// A free block's first word links to the next free block; the last one's to the pool's ListEnd, by
// an odd address. So the head alone tells that a list is empty, and where the next larger blocks
// are. (A link cannot tell: whoever reads it may be preempted just before, by somebody who takes
// the block and writes into it.)
//
// Three implementations of one interface, chosen by what the core offers:
//
//   free_list_exclusive.hpp  ARMv7-M, ARMv8-M Mainline: LDREX and STREX
//   free_list_masked.hpp     ARMv6-M: interrupts masked for a few instructions
//   free_list_tagged.hpp     the host: a head of 64 bits, half of it a tag
//
//   constexpr FreeList()           empty, not linked up, nowhere to look next
//   void link_up(begin, end, stride, list_end)   makes the list of all blocks of a pool, one every
//                                  `stride` bytes; only while nobody else uses it. `list_end`
//                                  lives as long as the list
//   bool is_linked()               whether that was done
//   static void* take(list)        takes a block from a list or, if it is empty, from the next
//                                  larger ones in turn; null if there was none
//   static void* take_checked<bounds>(list, is_last_resort)   the same; where a link leads out of
//                                  the bounds, that is reported as misuse, the list's blocks are
//                                  given up, and the next list asked. If it is not the last resort
//                                  it just yields null
//   void* pop(), pop_checked<bounds>()   the same for this list alone
//   void push(block)               gives a block back
//   ListLock                       while it lives nobody else calls link_up
//
// Taking and giving repeat themselves only if another context changed the list in between.

#include <cstddef>
#include <cstdint>

namespace drone::heap {

class FreeList;
struct ListEnd;

/// Where the links of a heap's lists may lead: to a word in the arena, or to an end of a list. The
/// lists and their ends are two arrays in one order.
struct LinkBounds {
  const std::byte* arena;
  std::uint32_t arena_size;  ///< bytes, a multiple of 4
  const ListEnd* ends;
  const FreeList* lists;
  std::uint32_t count;  ///< of lists, and of ends
};

}  // namespace drone::heap

#if defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M'
#if defined(__ARM_FEATURE_LDREX) && (__ARM_FEATURE_LDREX & 4)
#ifndef __thumb2__
#error "drone's heap does not know ARMv8-M Baseline (Cortex-M23)"
#endif
#include "drone/heap/free_list_exclusive.hpp"
#else
#include "drone/heap/free_list_masked.hpp"
#endif
#else
#include "drone/heap/free_list_tagged.hpp"
#endif
