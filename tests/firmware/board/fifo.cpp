// SPDX-License-Identifier: MIT
// The trace FIFO takes time: how much, what fits, and what is lost when nobody waits.
#include "board.hpp"

using namespace board;
using namespace drone::cortex_m;

#ifndef CONTROL
#define CONTROL 0
#endif
#ifndef DIVIDER
#define DIVIDER 8
#endif

void run() {
  enable_trace(CONTROL, DIVIDER);
  // From a full FIFO to a full FIFO: as many bytes as were written left in that time.
  for (unsigned i = 0; i != 10; ++i) say(i);
  const std::uint32_t start = cycles();
  for (unsigned i = 0; i != 200; ++i) trace<std::uint32_t>(2, i);
  const std::uint32_t words = cycles() - start;
  for (unsigned i = 0; i != 10; ++i) trace<std::uint16_t>(2, static_cast<std::uint16_t>(i));
  const std::uint32_t middle = cycles();
  for (unsigned i = 0; i != 200; ++i) trace<std::uint16_t>(2, static_cast<std::uint16_t>(i));
  const std::uint32_t halfwords = cycles() - middle;
  say(words);
  say(halfwords);
  while ((reg(kItmTcr) & kItmTcrBusy) != 0) {
  }
  // All at once.
  for (unsigned i = 0; i != 12; ++i) reg(itm_stim(3)) = i;
  say(0xFFFF);
}
