// SPDX-License-Identifier: MIT
// Synchronization packets, asked for by the cycle counter's tap.
#include "board.hpp"

using namespace board;
using namespace drone::cortex_m;

extern "C" void systick_handler() {}

void run() {
  enable_trace(kItmTcrSyncEna, 4);
  reg(kDwtCtrl) = kDwtCtrlCycCntEna | 1U << kDwtCtrlSyncTapShift;
  reg(kSysTickRvr) = 999999;
  reg(kSysTickCvr) = 0;
  reg(kSysTickCsr) = kSysTickCsrEnable | kSysTickCsrTickInt | kSysTickCsrClkSource;
  for (unsigned i = 0; i != 60; ++i) {
    asm volatile("wfi");
    trace<std::uint8_t>(1, static_cast<std::uint8_t>(i + 1));
  }
}
