// SPDX-License-Identifier: MIT
// A system reset: RAM and the trace registers survive, the rest starts anew. A vector table in RAM.
#include "board.hpp"

using namespace board;
using namespace drone::cortex_m;

namespace {
constexpr std::uint32_t kMagic = 0x12345678;
std::uint32_t magic [[gnu::section(".keep")]];
alignas(512) std::uint32_t table [[gnu::section(".keep")]][20];
void other_handler() { say(0x200); }
}  // namespace

extern "C" void interrupt0() { say(0x100); }

void run() {
  if (magic != kMagic) {
    magic = kMagic;
    enable_trace();
    enable(0, 0);
    pend(0);
    for (unsigned i = 0; i != 20; ++i) table[i] = reinterpret_cast<std::uint32_t*>(0x08000000)[i];
    table[16] = reinterpret_cast<std::uint32_t>(&other_handler);
    reg(kScbVtor) = reinterpret_cast<std::uint32_t>(table);
    pend(0);
    disable_interrupts();
    reg(kScbAircr) = 0xDEAD0000 | kScbAircrSysResetReq;  // the wrong key
    say(1);
    reg(kScbAircr) = kScbAircrVectKey | kScbAircrSysResetReq;
    while (true) {
    }
  }
  say(2);
  say(reg(kScbVtor));
  say(reg(kNvicIser));
  enable(0, 0);
  pend(0);
}
