// SPDX-License-Identifier: MIT

// A program for counting bytes: with BENCHMARK_NOTHING what is there anyhow, and with the functions
// named by BENCHMARK_USES what an allocator adds to it.

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

#include "c_library.hpp"

#ifdef BENCHMARK_NOTHING
#define BENCHMARK_USES
#else
#include "allocator.hpp"
#endif

namespace {

template <class Function>
[[maybe_unused]] const void* address(Function* function) {
  return reinterpret_cast<const void*>(function);
}

// In a section that is not counted.
[[gnu::section(".trace"), gnu::used]] const void* const kept[] = {
    address(&_sbrk), address(&abort), address(&std::get_new_handler), BENCHMARK_USES};

}  // namespace

int main() {
  errno = 1;  // the home of errno in newlib is far larger than errno, and no part of an allocator
}
