// SPDX-License-Identifier: MIT

// What the heap's operations cost, in instructions, return included: counted by the cycle counter
// of the emulated board, where every instruction takes one cycle. Prints a line for each; ends the
// board with status 1 if one costs more than docs/heap.md promises.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>

#include "drone/cortex_m/registers.hpp"
#include "drone/heap/heap.hpp"
#ifdef DRONE_HEAPTRACE
#include "drone/heaptrace/itm_tracer.hpp"
#endif
#include "semihosting.hpp"

/// The user's example of the documentation.
inline constexpr drone::heap::Layout<5> kHeapLayout{
    .size = 10 * 1024,
    .alignment = 4,
    .pools = {{{4, 201}, {12, 222}, {28, 115}, {32, 83}, {128, 7}}},
    .options = {.checks = drone::heap::Checks::DRONE_CHECKS}};
constexpr std::uint32_t kBlocks = 201 + 222 + 115 + 83 + 7;

#ifdef DRONE_HEAPTRACE
inline constexpr drone::heap::Heap<kHeapLayout, drone::heaptrace::ItmTracer<kHeapLayout, 25000>>
    heap;
constexpr bool kTraced = true;
#else
inline constexpr drone::heap::Heap<kHeapLayout> heap;
constexpr bool kTraced = false;
#endif

#define DRONE_GLOBAL_HEAP heap
#include "drone/heap/global.hpp"

namespace {

namespace cortex_m = drone::cortex_m;

volatile std::uint32_t& register_at(std::uint32_t address) {
  return *reinterpret_cast<volatile std::uint32_t*>(address);
}

struct Call {
  std::uint32_t result;
  std::uint32_t cycles;  ///< the call and one load more than the function itself
};

Call measure(const void* function, std::uint32_t argument) {
  register std::uint32_t r0 asm("r0") = argument;
  std::uint32_t begin;
  std::uint32_t end;
  asm volatile(
      "ldr %[begin], [%[counter]]\n\t"
      "blx %[function]\n\t"
      "ldr %[end], [%[counter]]"
      : "+r"(r0), [begin] "=&r"(begin), [end] "=&r"(end)
      : [function] "r"(function), [counter] "r"(cortex_m::kDwtCycCnt)
      : "r1", "r2", "r3", "r12", "lr", "cc", "memory");
  return {r0, end - begin};
}

[[gnu::naked, gnu::noinline]] void just_return() { asm("bx lr"); }

// The most that each may cost: docs/heap.md.
constexpr bool kChecked = kHeapLayout.options.checks == drone::heap::Checks::kPointers;
constexpr std::uint32_t kSilent = kTraced ? 4 : 0;
constexpr std::uint32_t kNewCost = (kChecked ? 19 : 13) + kSilent;
constexpr std::uint32_t kDeleteCost = (kChecked ? 32 : 17) + kSilent;
constexpr std::uint32_t kSpillCost = 6;
constexpr std::uint32_t kFailureCost = 117 + (kTraced ? 12 : 0) + (kChecked ? 4 : 0);

int exit_status = 0;

/// Calls `function`, shows what it cost, and yields what it returned.
template <class Function>
std::uint32_t cost(const char* what, std::uint32_t most, Function* function,
                   std::uint32_t argument) {
  const std::uint32_t overhead = measure(reinterpret_cast<const void*>(&just_return), 0).cycles - 1;
  const Call call = measure(reinterpret_cast<const void*>(function), argument);
  const std::uint32_t instructions = call.cycles - overhead;
  const bool ok = instructions <= most;
  if (!ok) exit_status = 1;
  char text[96];
  std::snprintf(text, sizeof text, "%-36s %3u%s\n", what, static_cast<unsigned>(instructions),
                ok ? "" : "  MORE THAN IT MAY");
  drone::test::print(text);
  return call.result;
}

void* (*const kNew)(std::size_t) = &::operator new;
void (*const kDelete)(void*) = &::operator delete;

/// Takes all blocks of a pool but leaves the larger ones alone.
void exhaust(std::size_t block_size, std::size_t count) {
  for (std::size_t i = 0; i != count; ++i) {
    if (heap.allocate(block_size) == nullptr) drone::test::exit_emulator(2);
  }
}

}  // namespace

int main() {
  register_at(cortex_m::kDemcr) = register_at(cortex_m::kDemcr) | cortex_m::kDemcrTrcEna;
  register_at(cortex_m::kDwtCtrl) = register_at(cortex_m::kDwtCtrl) | cortex_m::kDwtCtrlCycCntEna;

  // The first request links all blocks if nobody did so before; here somebody does.
  const std::uint32_t begin = register_at(cortex_m::kDwtCycCnt);
  heap.prepare();
  const std::uint32_t prepared = register_at(cortex_m::kDwtCycCnt) - begin;
  char text[64];
  std::snprintf(text, sizeof text, "%-36s %5u  for %u blocks\n", "prepare",
                static_cast<unsigned>(prepared), static_cast<unsigned>(kBlocks));
  drone::test::print(text);
  if (prepared > 5 * kBlocks + 100) exit_status = 1;

  const std::uint32_t block = cost("new, first use of the block", kNewCost, kNew, 12);
  cost("delete", kDeleteCost, kDelete, block);
  kDelete(reinterpret_cast<void*>(cost("new", kNewCost, kNew, 12)));
  cost("delete of null", 2, kDelete, 0);
  const std::uint32_t last = cost("new of the largest blocks", kNewCost, kNew, 128);
  cost("delete of it", kDeleteCost, kDelete, last);

  exhaust(4, 201);
  cost("new, 1 exhausted pool passed", kNewCost + 1 * kSpillCost, kNew, 4);
  exhaust(12, 221);
  cost("new, 2 exhausted pools passed", kNewCost + 2 * kSpillCost, kNew, 4);
  exhaust(28, 114);
  cost("new, 3 exhausted pools passed", kNewCost + 3 * kSpillCost, kNew, 4);
  exhaust(32, 82);
  cost("new, 4 exhausted pools passed", kNewCost + 4 * kSpillCost, kNew, 4);
  exhaust(128, 6);
  if (cost("malloc that fails, 5 pools passed", kFailureCost, &::malloc, 4) != 0) return 2;
  return exit_status;
}
