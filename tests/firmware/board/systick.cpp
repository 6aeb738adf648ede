// SPDX-License-Identifier: MIT
// The timer's period in cycles, while the processor computes and while it sleeps; its registers.
#include "board.hpp"

using namespace board;
using namespace drone::cortex_m;

namespace {
constexpr unsigned kTicks = 8;
volatile std::uint32_t at[kTicks];
volatile unsigned ticks;
}  // namespace

extern "C" void systick_handler() {
  const std::uint32_t now = cycles();
  if (ticks < kTicks) at[ticks] = now;
  ticks = ticks + 1;
}

namespace {

// Instructions of all lengths and costs, but no IT block: those are not interrupted.
void compute() {
  while (ticks < kTicks) {
    asm volatile(
        "mov r0, sp\n push {r1, r2, r3}\n ldr.w r1, [r0]\n muls r1, r1\n pop {r1, r2, r3}\n "
        "nop.w" ::
            : "r0", "memory");
  }
}

void sleep() {
  while (ticks < kTicks) asm volatile("wfi");
}

void measure(std::uint32_t reload, std::uint32_t clock_source, void (*pass_time)()) {
  ticks = 0;
  reg(kSysTickRvr) = reload;
  reg(kSysTickCvr) = 0;
  reg(kSysTickCsr) = kSysTickCsrEnable | kSysTickCsrTickInt | clock_source;
  pass_time();
  reg(kSysTickCsr) = 0;
  for (unsigned i = 1; i != kTicks; ++i) say(at[i] - at[i - 1]);
}

}  // namespace

void run() {
  enable_trace();
  measure(999, kSysTickCsrClkSource, compute);
  measure(1233, kSysTickCsrClkSource, sleep);
  measure(99, 0, sleep);  // an eighth of the clock
  // Without interrupt: the flag is set once a period, and reading clears it.
  reg(kSysTickRvr) = 499;
  reg(kSysTickCvr) = 7;  // any write clears it
  say(reg(kSysTickCvr));
  reg(kSysTickCsr) = kSysTickCsrEnable | kSysTickCsrClkSource;
  while ((reg(kSysTickCsr) & kSysTickCsrCountFlag) == 0) {
  }
  say(reg(kSysTickCsr) >> 16);
  const std::uint32_t first = reg(kSysTickCvr);
  const std::uint32_t second = reg(kSysTickCvr);
  say(first > second && first <= 499);
}
