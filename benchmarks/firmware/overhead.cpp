// SPDX-License-Identifier: MIT

// What a block takes beside the bytes that were requested: how far apart two blocks lie that are
// requested one after the other. At the least, over the sizes up to 128 bytes: with the size that
// suits the allocator best. And all that a block for one byte takes.

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "allocator.hpp"
#include "c_library.hpp"
#include "meter.hpp"

int main() {
  using namespace drone::benchmark;
  prepare();
  std::uint32_t least = UINT32_MAX;
  for (std::uint32_t size = 1; size != 129; ++size) {
    const std::uint32_t first = allocate(size).result;
    const std::uint32_t second = allocate(size).result;
    if (first == 0 || second == 0) return 1;
    const std::uint32_t apart = first < second ? second - first : first - second;
    least = std::min(least, apart - size);
    if (size == 1) {
      drone::test::print("one-byte ");
      print_number(apart);
      drone::test::print("\n");
    }
    deallocate(first, size);
    deallocate(second, size);
  }
  drone::test::print("least ");
  print_number(least);
  drone::test::print("\n");
}
