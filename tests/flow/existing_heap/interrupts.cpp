// SPDX-License-Identifier: MIT

// The allocator from two contexts, as newlib allows it to who provides its lock: here the lock
// masks interrupts. Each context has sizes of its own and counts them itself.

#include <malloc.h>
#include <reent.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "drone/cortex_m/registers.hpp"

namespace {

volatile std::uint32_t ticks;
std::uint32_t locks, primask_before;
std::uint32_t failed;

volatile std::uint32_t& reg(std::uint32_t address) {
  return *reinterpret_cast<volatile std::uint32_t*>(address);
}

void* checked(void* block) {
  if (block == nullptr) ++failed;
  return block;
}

}  // namespace

extern "C" {

// Recursive, as newlib demands.
void __malloc_lock(struct _reent*) {
  std::uint32_t primask;
  asm volatile("mrs %0, primask\n\tcpsid i" : "=r"(primask)::"memory");
  if (locks++ == 0) primask_before = primask;
}

void __malloc_unlock(struct _reent*) {
  if (--locks == 0) asm volatile("msr primask, %0" ::"r"(primask_before) : "memory");
}

// Holds at most two blocks of 44 bytes, and one that grows from 52 to 152.
void SysTick_Handler() {
  static void* kept;
  static void* grown;
  ticks = ticks + 1;
  void* const block = checked(std::malloc(44));
  std::free(kept);
  kept = block;
  if (ticks % 2 != 0) {
    grown = checked(std::malloc(52));
  } else {
    grown = checked(std::realloc(grown, 152));
    std::free(grown);
  }
}
}

int main() {
  using namespace drone::cortex_m;
  // The handler comes at ever other places, and leaves the trace time for what both contexts say.
  reg(kSysTickRvr) = 7001;
  reg(kSysTickCvr) = 0;
  reg(kSysTickCsr) = 7;
  constexpr std::uint32_t kRounds = 800;
  for (std::uint32_t i = 0; i != kRounds; ++i) {
    void* const a = checked(std::malloc(20));
    void* const z = checked(std::calloc(5, 8));
    void* const b = checked(std::realloc(a, 250));
    void* const c = checked(memalign(64, 100));
    std::free(z);
    std::free(b);
    std::free(c);
  }
  reg(kSysTickCsr) = 0;
  const std::uint32_t taken = ticks;
  // size, max count, allocations
  std::printf("audit size 20 1 %lu\naudit size 40 1 %lu\n", kRounds, kRounds);
  std::printf("audit size 250 1 %lu\naudit size 100 1 %lu\n", kRounds, kRounds);
  std::printf("audit size 44 2 %lu\naudit size 52 1 %lu\naudit size 152 1 %lu\n", taken,
              (taken + 1) / 2, taken / 2);
  std::printf("audit end\n");
  std::fflush(stdout);
  return failed == 0 ? 0 : 1;
}
