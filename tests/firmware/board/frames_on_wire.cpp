// SPDX-License-Identifier: MIT
// The TPIU's formatter.
#include "board.hpp"

using namespace board;
using namespace drone::cortex_m;

void run() {
  enable_trace(0x55U << kItmTcrTraceBusIdShift, 1);
  reg(kTpiuFfcr) = kTpiuFfcrEnFCont | kTpiuFfcrTrigIn;
  for (unsigned i = 0; i != 100; ++i) say(i * 0x01234567);
}
