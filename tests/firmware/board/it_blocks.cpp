// SPDX-License-Identifier: MIT
// How many cycles IT blocks take: every instruction of a block is one, executed or skipped.
#include "board.hpp"

using namespace board;

namespace {

// The cycles between two readings of the counter, the reading itself left out. Register 0 holds 5.
#define CYCLES_OF(compare, instructions)                                   \
  [] {                                                                     \
    std::uint32_t begin;                                                   \
    std::uint32_t end;                                                     \
    register std::uint32_t five asm("r0") = 5;                             \
    asm volatile(compare "\n\tldr %[begin], [%[counter]]\n\t" instructions \
                         "\n\tldr %[end], [%[counter]]"                    \
                 : [begin] "=&r"(begin), [end] "=&r"(end)                  \
                 : [counter] "r"(drone::cortex_m::kDwtCycCnt), "r"(five)   \
                 : "r1", "r2", "r3", "cc", "memory");                      \
    return end - begin - 1;                                                \
  }()

}  // namespace

extern "C" {
[[gnu::naked]] void svc_handler() { asm("bx lr"); }
}

void run() {
  enable_trace();
  say(CYCLES_OF("cmp r0, #5", "nop; nop"));
  say(CYCLES_OF("cmp r0, #5", "it eq; moveq r1, #1"));
  say(CYCLES_OF("cmp r0, #6", "it eq; moveq r1, #1"));
  // Narrow and wide ones, none or some of them executed.
  say(CYCLES_OF("cmp r0, #6",
                "itttt eq; moveq r1, #1; moveq.w r2, #1; moveq r3, #1; moveq.w r1, #1"));
  say(CYCLES_OF("cmp r0, #6",
                "itete eq; moveq r1, #1; movne.w r2, #1; moveq r3, #1; movne r1, #1"));
  say(CYCLES_OF("cmp r0, #5",
                "ittee eq; moveq r1, #1; moveq.w r2, #1; movne.w r3, #1; movne r1, #1"));
  // A branch, as the last one of a block: taken, over an instruction that does not count; skipped.
  say(CYCLES_OF("cmp r0, #5", "itt eq; moveq r1, #1; beq.n 1f; nop; 1:"));
  say(CYCLES_OF("cmp r0, #6", "itt eq; moveq r1, #1; beq.n 1f; nop; 1:"));
  // One block behind another.
  say(CYCLES_OF("cmp r0, #6",
                "itt eq; moveq r1, #1; moveq r2, #1; ite eq; moveq r1, #1; movne r2, #1"));
  // An exception inside of a block, with a handler of one instruction.
  say(CYCLES_OF("cmp r0, #6", "itete ne; svcne 1; moveq r1, #1; movne r2, #1; moveq r3, #1"));
  say(CYCLES_OF("cmp r0, #6", "itete eq; moveq r1, #1; svcne 1; moveq r2, #1; movne r3, #1"));
  // In a loop that is executed often.
  say(CYCLES_OF("movs r1, #100",
                "2: lsrs r2, r1, #1; ite cs; movcs r3, #1; movcc r3, #2; subs r1, #1; bne 2b"));
}
