// SPDX-License-Identifier: MIT
#pragma once

// What a C library and its allocator want of the system that they run on.

#include <cstddef>

#include "../../tests/firmware/semihosting.hpp"

extern "C" {
extern std::byte free_ram[], free_ram_end[];
inline std::byte* program_break = free_ram;
inline std::byte* highest_break = free_ram;  ///< some allocators give memory back

/// Memory, as much as an allocator wants. newlib asks by the first name, picolibc by the second.
[[gnu::used]] inline void* _sbrk(std::ptrdiff_t increment) {
  std::byte* const block = program_break;
  if (increment > free_ram_end - program_break) return reinterpret_cast<void*>(-1);
  program_break += increment;
  if (program_break > highest_break) highest_break = program_break;
  return block;
}
[[gnu::used]] inline void* sbrk(std::ptrdiff_t increment) { return _sbrk(increment); }

/// What `new` does in the end if there is no memory. The library's own raises a signal.
[[gnu::used, noreturn]] inline void abort() { drone::test::exit_emulator(3); }
}
