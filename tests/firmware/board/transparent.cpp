// SPDX-License-Identifier: MIT
// Interrupts at all possible places change nothing but time: flags, IT blocks, multiple transfers
// and exclusive loops come to the same result as without.
#include "board.hpp"

using namespace board;
using namespace drone::cortex_m;

namespace {
volatile std::uint32_t ticks;
std::uint32_t word;

std::uint32_t compute() {
  word = 1;
  std::uint32_t result = 0x12345678;
  for (std::uint32_t i = 0; i != 40; ++i) {
    asm volatile(
        "adds %[r], %[r], %[r]\n adcs %[r], %[r], #0\n"
        "tst %[i], #1\n"
        "itete eq\n eoreq %[r], %[r], #0x55\n addne %[r], %[r], #77\n"
        "moveq r4, #1\n movne r4, #2\n"
        "add %[r], %[r], r4\n"
        "tst %[i], #2\n"
        "ittt ne\n subne %[r], %[r], %[i]\n ldrne r5, [%[w]]\n addne %[r], %[r], r5\n"
        "push {r4, r5}\n mov r4, #0\n mov r5, #0\n pop {r4, r5}\n add %[r], %[r], r4\n"
        "1: ldrex r6, [%[w]]\n add r6, r6, %[i]\n strex r7, r6, [%[w]]\n cmp r7, #0\n bne 1b\n"
        "subs r6, r6, %[r]\n it cc\n rorcc %[r], %[r], #3\n sbcs %[r], %[r], r4\n"
        : [r] "+r"(result)
        : [i] "r"(i), [w] "r"(&word)
        : "r4", "r5", "r6", "r7", "cc", "memory");
  }
  return result ^ word;
}
}  // namespace

// Leaves in disorder whatever a handler may.
extern "C" [[gnu::naked]] void systick_handler() {
  asm volatile(
      "ldr r0, =%c[ticks]\n ldr r1, [r0]\n adds r1, #1\n str r1, [r0]\n"
      "mov r2, #0\n mov r3, #0\n mov r12, #0\n cmp r2, r3\n bx lr\n"
      ".ltorg" ::[ticks] "i"(&ticks));
}

void run() {
  enable_trace();
  const std::uint32_t expected = compute();
  unsigned wrong = 0;
  for (std::uint32_t reload = 30; reload != 130; ++reload) {
    reg(kSysTickRvr) = reload;
    reg(kSysTickCvr) = 0;
    reg(kSysTickCsr) = kSysTickCsrEnable | kSysTickCsrTickInt | kSysTickCsrClkSource;
    if (compute() != expected) ++wrong;
    reg(kSysTickCsr) = 0;
  }
  say(wrong);
  say(ticks > 1000);
}
