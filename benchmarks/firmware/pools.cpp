// SPDX-License-Identifier: MIT

// What the heap's operations cost whatever a program does: every block of every pool of a layout is
// taken and given back, for requests of every size that its pool serves first; then a request of
// the smallest size passes one exhausted pool more each time.

#include <array>
#include <cstddef>
#include <cstdint>

#include "allocator.hpp"
#include "c_library.hpp"
#include "meter.hpp"

namespace drone::benchmark {
namespace {

Histogram allocations, deallocations;
std::array<std::uint32_t, 16384> blocks;

/// A size that a pool serves first; over the times that it is asked for, all of them. With
/// BENCHMARK_SIZES the compiler knows the block sizes only.
std::uint32_t request_size(std::size_t pool, std::uint32_t time) {
  const std::uint32_t largest = kLayout.pools[pool].block_size;
#ifdef BENCHMARK_SIZES
  static_cast<void>(time);
  return largest;
#else
  const std::uint32_t below = pool == 0 ? 0 : kLayout.pools[pool - 1].block_size;
  return largest - time % (largest - below);
#endif
}

void take_all(std::size_t pool, bool is_counted) {
  for (std::uint32_t i = 0; i != kLayout.pools[pool].capacity; ++i) {
    const Call made = allocate(request_size(pool, i));
    blocks[i] = made.result;
    if (is_counted) allocations.add(made.instructions);
  }
}

void give_all(std::size_t pool, bool is_counted) {
  for (std::uint32_t i = 0; i != kLayout.pools[pool].capacity; ++i) {
    const std::uint32_t instructions = deallocate(blocks[i], request_size(pool, i));
    if (is_counted) deallocations.add(instructions);
  }
}

void print_line(const char* name, std::size_t passed, std::uint32_t instructions) {
  test::print(name);
  test::print(" ");
  print_number(static_cast<std::uint32_t>(passed));
  test::print(" ");
  print_number(instructions);
  test::print("\n");
}

}  // namespace
}  // namespace drone::benchmark

int main() {
  using namespace drone::benchmark;
  start_cycle_counter();
  if (!counts_exactly()) return 2;
  prepare();
  for (const bool is_counted : {false, true}) {
    for (std::size_t pool = 0; pool != kLayout.pools.size(); ++pool) {
      take_all(pool, is_counted);
      give_all(pool, is_counted);
    }
  }
  allocations.print("allocate");
  deallocations.print("deallocate");

  const std::uint32_t smallest = kLayout.pools[0].block_size;
  for (std::size_t passed = 0; passed != kLayout.pools.size(); ++passed) {
    const Call made = allocate(smallest);
    if (made.result == 0) return 1;
    print_line("spill", passed, made.instructions);
    print_line("spilled-deallocate", passed, deallocate(made.result, smallest));
    take_all(passed, false);
  }
}
