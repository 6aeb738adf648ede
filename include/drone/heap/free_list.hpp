// SPDX-License-Identifier: MIT
#pragma once

// The free blocks of one pool, as a list that every context of the program may take from and give
// to. The one word a pool has in RAM.
//
// A free block's first word is its link. Memory that nobody has touched is a list already:
//
//   link = 0         the next free block is the one behind this one, or none if this is the last
//   link = anything  the next free block
//   the end          is a word that is 0 itself, kept outside of all pools
//
// So arenas live in .bss, start-up runs no loop, and taking a block needs one test: if the first
// block's link is not 0, it is the new head. Only a block that was never used, or the end, has 0
// there, and both are told apart off the fast path.
//
// Three implementations of one interface, chosen by what the core offers:
//
//   free_list_exclusive.hpp  ARMv7-M, ARMv8-M Mainline: LDREX and STREX
//   free_list_masked.hpp     ARMv6-M: interrupts masked for a few instructions
//   free_list_tagged.hpp     the host: a head of 64 bits, half of it a tag
//
//   constexpr FreeList(std::byte* first_block)   the list of a pool that nobody has touched
//   void* pop_linked()              takes a block by the fast path; null if that is not enough
//                                   (the list is empty, its first block was never used, or
//                                   somebody else came between): then `pop` knows
//   void* pop(block_size, pool_end) takes a block; null if there was none
//   bool try_push(block)            gives a block back; false if somebody else came between
//   void push(block)                gives a block back
//   bool is_empty()                 whether there was no free block at that moment
//   void reset(first_block)         the pool is untouched again; its memory must be 0
//
// `pop` and `push` repeat themselves only if another context changed this list in between.

#if defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M'
#if defined(__ARM_FEATURE_LDREX) && (__ARM_FEATURE_LDREX & 4)
#include "drone/heap/free_list_exclusive.hpp"
#else
#include "drone/heap/free_list_masked.hpp"
#endif
#else
#include "drone/heap/free_list_tagged.hpp"
#endif
