// SPDX-License-Identifier: MIT
// Says something and sleeps for ever.
#include "board.hpp"

void run() {
  board::enable_trace(0, 100);
  board::say(0xCAFE);
  while (true) asm volatile("wfi");
}
