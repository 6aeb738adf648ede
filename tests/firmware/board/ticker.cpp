// SPDX-License-Identifier: MIT
// Runs for ever: a byte every millisecond of a 1 MHz clock, and something to debug.
#include "board.hpp"

using namespace board;
using namespace drone::cortex_m;

volatile std::uint32_t ticks;
volatile std::uint32_t resets [[gnu::section(".keep")]];

extern "C" void systick_handler() { ticks = ticks + 1; }

[[gnu::noinline]] std::uint32_t square(std::uint32_t value) {
  const std::uint32_t result = value * value;
  asm volatile("" ::"r"(result));
  return result;
}

void run() {
  resets = resets + 1;
  enable_trace(0, 10);
  say(0xB0070000 + resets);
  reg(kSysTickRvr) = 999;
  reg(kSysTickCvr) = 0;
  reg(kSysTickCsr) = kSysTickCsrEnable | kSysTickCsrTickInt | kSysTickCsrClkSource;
  while (true) {
    asm volatile("wfi");
    trace<std::uint8_t>(2, static_cast<std::uint8_t>(square(ticks)));
  }
}
