// SPDX-License-Identifier: MIT
#pragma once

// What a program can do wrong with a heap, as far as the heap's checks (options.hpp) see it, and
// the one function that hears of it.

#include <cstdint>

namespace drone::heap {

enum class Misuse : std::uint8_t {
  kNone,            ///< never reported
  kForeignPointer,  ///< given back or resized: an address outside of this heap
  kInsideBlock,     ///< given back or resized: an address that is not where a block begins
  kCorruptList,     ///< a free block's link points to no block: somebody wrote into that block
  kDoubleFree,      ///< given back or resized: a block that is free (Checks::kFull)
  kOverflow,        ///< something was written behind a block's requested bytes (kFull)
  kWriteAfterFree,  ///< something was written into a free block (kFull)
  kWrongSize,       ///< grow to fewer or shrink to more bytes, or an old size that is not (kFull)
};

}  // namespace drone::heap

/// Hears of each misuse, if the program defines it: what it was, and the address that was passed or
/// the block that shows it. Called in the context that called the heap, interrupt handlers
/// included; must not call the heap. If it returns, the heap goes on as best it can: what was not
/// given back stays allocated, a corrupt list's other blocks are given up, a damaged block is taken
/// as it is.
extern "C" [[gnu::weak]] void drone_heap_misuse(drone::heap::Misuse kind,
                                                const void* address) noexcept;

namespace drone::heap {

/// Tells drone_heap_misuse. Without one, a breakpoint: a debugger stops here, with kind and address
/// in r0 and r1; without a debugger it is a fault.
[[gnu::noinline, gnu::cold]] inline void report_misuse(Misuse kind, const void* address) noexcept {
  if (drone_heap_misuse != nullptr) return drone_heap_misuse(kind, address);
#if defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M'
  register auto r0 asm("r0") = static_cast<std::uint32_t>(kind);
  register const void* r1 asm("r1") = address;
  asm volatile("bkpt 0x48" : : "r"(r0), "r"(r1));
#endif
  __builtin_trap();
}

}  // namespace drone::heap
