// SPDX-License-Identifier: MIT
// Faults that the program handles itself.
#include "board.hpp"

using namespace board;
using namespace drone::cortex_m;

extern "C" {
[[gnu::used]] void repair(std::uint32_t* frame) {
  say(0x100 + ipsr());
  say(reg(kScbCfsr));
  if (ipsr() == 5) say(reg(kScbBfar));
  reg(kScbCfsr) = UINT32_MAX;
  frame[6] = frame[6] + 4;  // behind the instruction, which is a wide one
  if (ipsr() == 4) frame[6] = frame[5] & ~1U;
}
[[gnu::naked]] void usage_fault_handler() { asm volatile("mrs r0, msp\n b repair"); }
[[gnu::naked]] void bus_fault_handler() { asm volatile("mrs r0, msp\n b repair"); }
[[gnu::naked]] void memory_fault_handler() { asm volatile("mrs r0, msp\n b repair"); }
}

void run() {
  enable_trace();
  reg(kScbShcsr) = 7U << 16;
  reg(kScbCcr) = reg(kScbCcr) | kScbCcrDiv0Trp;
  asm volatile("movs r0, #0\n udiv r1, r0, r0" ::: "r0", "r1", "memory");
  say(1);
  asm volatile("udf.w 3" ::: "memory");
  say(2);
  asm volatile("mov r0, #0x30000000\n ldr.w r1, [r0, #4]" ::: "r0", "r1", "memory");
  say(3);
  asm volatile("mov r0, #0xE0000000\n adds r0, #1\n blx r0" ::: "r0", "lr", "memory");
  say(4);
}
