// SPDX-License-Identifier: MIT

// Replays a recorded trace on an allocator, and prints how often an operation took how many
// instructions. The trace is a section of the program; each word of it is an event: what to do in
// two bits, the number of a slot that holds a block in 15, a size in 15. What a program does with
// its blocks is stood in for by writing to both ends of each, which is read again before the block
// goes: blocks that overlap, or an allocator that writes into them, end the board with status 1.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "allocator.hpp"
#include "c_library.hpp"
#include "meter.hpp"

extern "C" {
extern const std::uint32_t trace_begin[], trace_end[];
}

namespace drone::benchmark {
namespace {

enum Operation : std::uint32_t { kAllocate, kDeallocate, kReallocate };

struct Slot {
  std::uint32_t block;
  std::uint32_t size;
};

std::array<Slot, 1U << 15> slots;
Histogram allocations, deallocations, grown_in_place, moved;

[[noreturn]] void fail(const char* what, const std::uint32_t* event) {
  test::print("failed: ");
  test::print(what);
  test::print(", event ");
  print_number(static_cast<std::uint32_t>(event - trace_begin));
  test::print("\n");
  test::exit_emulator(1);
}

std::uint8_t& byte_at(std::uint32_t address) {
  return *reinterpret_cast<std::uint8_t*>(std::uintptr_t{address});
}

void write_ends(const Slot& slot, std::uint32_t number) {
  byte_at(slot.block) = static_cast<std::uint8_t>(number);
  byte_at(slot.block + slot.size - 1) = static_cast<std::uint8_t>(number);
}

bool has_ends(std::uint32_t block, std::uint32_t size, std::uint32_t number) {
  const auto expected = static_cast<std::uint8_t>(number);
  return byte_at(block) == expected && (size == 0 || byte_at(block + size - 1) == expected);
}

void replay() {
  for (const std::uint32_t* event = trace_begin; event != trace_end; ++event) {
    const std::uint32_t number = *event >> 2 & 0x7FFF;
    const std::uint32_t size = *event >> 17;
    Slot& slot = slots[number];
    if ((*event & 3) != kAllocate && !has_ends(slot.block, slot.size, number)) {
      fail("a block was overwritten", event);
    }
#ifdef BENCHMARK_LISTENING
    // Lets the trace FIFO drain: what an event costs shall not depend on what came before.
    while ((register_at(cortex_m::kItmTcr) & cortex_m::kItmTcrBusy) != 0) {
    }
#endif
    switch (*event & 3) {
      case kAllocate: {
        const Call made = allocate(size);
        allocations.add(made.instructions);
        slot = {made.result, size};
        break;
      }
      case kDeallocate:
        deallocations.add(deallocate(slot.block, slot.size));
        continue;
      default: {
        const Call made = call(reinterpret_cast<const void*>(&::realloc), slot.block, size);
        (made.result == slot.block ? grown_in_place : moved).add(made.instructions);
        if (made.result != 0 && byte_at(made.result) != static_cast<std::uint8_t>(number)) {
          fail("a block that moved lost its contents", event);
        }
        slot = {made.result, size};
        break;
      }
    }
    if (slot.block == 0) fail("no block", event);
    write_ends(slot, number);
  }
}

void listen() {
#ifdef BENCHMARK_LISTENING
  // As a debugger would set it up; a byte takes ten cycles on the wire.
  register_at(cortex_m::kTpiuSppr) = cortex_m::kTpiuSpprNrz;
  register_at(cortex_m::kTpiuAcpr) = 0;
  register_at(cortex_m::kItmLar) = cortex_m::kLarUnlock;
  register_at(cortex_m::kItmTcr) = cortex_m::kItmTcrItmEna | 1U << cortex_m::kItmTcrTraceBusIdShift;
  register_at(cortex_m::kItmTer) = 1U << 31;
#endif
}

}  // namespace
}  // namespace drone::benchmark

int main() {
  using namespace drone::benchmark;
  start_cycle_counter();
  if (!counts_exactly()) return 2;
  prepare();
  listen();
  replay();
  allocations.print("allocate");
  deallocations.print("deallocate");
  grown_in_place.print("resize");
  moved.print("move");
  drone::test::print("sbrk ");
  print_number(static_cast<std::uint32_t>(highest_break - free_ram));
  drone::test::print("\n");
}
