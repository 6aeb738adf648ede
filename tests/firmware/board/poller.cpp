// SPDX-License-Identifier: MIT
// Like a traced heap under full load: waits for the FIFO, writes port 31, COUNT times.
#include "board.hpp"

using namespace board;
using namespace drone::cortex_m;

#ifndef COUNT
#define COUNT 10000
#endif

void run() {
  enable_trace(kItmTcrTsEna, 42);  // 84 MHz, 2 Mbaud
  for (std::uint32_t i = 0; i != COUNT; ++i) {
    if (i % 2 == 0) {
      trace<std::uint32_t>(31, i << 3 | 1);
    } else {
      trace<std::uint16_t>(31, static_cast<std::uint16_t>(i << 1));
    }
  }
}
