// SPDX-License-Identifier: MIT

// A program for counting bytes: with BENCHMARK_NOTHING what is there anyhow, and with the functions
// named by BENCHMARK_USES what an allocator adds to it.

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <tuple>

#include "c_library.hpp"

#ifdef BENCHMARK_NOTHING
#define BENCHMARK_USES
#else
#include "allocator.hpp"
#endif

namespace {

// In a section that is not counted.
[[gnu::section(".trace"), gnu::used]] constinit const std::tuple kept{
    &_sbrk, &abort, &std::get_new_handler BENCHMARK_USES};

}  // namespace

int main() {
  errno = 1;  // the home of errno in newlib is far larger than errno, and no part of an allocator
}
