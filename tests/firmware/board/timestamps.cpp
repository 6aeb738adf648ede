// SPDX-License-Identifier: MIT
// Local timestamps: differences in cycles, their long and short forms, a prescaler, a wrap.
#include "board.hpp"

using namespace board;
using namespace drone::cortex_m;

namespace {
void sleep(std::uint32_t ticks) {
  reg(kSysTickRvr) = ticks;
  reg(kSysTickCvr) = 0;
  reg(kSysTickCsr) = kSysTickCsrEnable | kSysTickCsrTickInt | kSysTickCsrClkSource;
  asm volatile("wfi" ::: "memory");
}
void wait_until(std::uint32_t cycle) {
  while (static_cast<std::int32_t>(cycles() - cycle) < 0) {
  }
}
}  // namespace

extern "C" void systick_handler() { reg(kSysTickCsr) = 0; }

void run() {
  enable_trace(kItmTcrTsEna, 1);
  const std::uint32_t start = cycles();
  say(1);
  const std::uint32_t second = cycles();
  say(2);
  wait_until(second + 100000);
  say(3);
  const std::uint32_t third = cycles();
  say(third - start);
  // 40 * 2^23 cycles: longer than one timestamp can say.
  for (unsigned i = 0; i != 40; ++i) sleep(0x7FFFFF);
  say(5);
  const std::uint32_t fifth = cycles();
  say(fifth - third);
  reg(kItmTcr) = reg(kItmTcr) | 2U << kItmTcrTsPrescaleShift;  // by 16
  const std::uint32_t scaled = cycles();
  say(7);
  wait_until(scaled + 16000);
  say(8);
}
