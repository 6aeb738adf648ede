// SPDX-License-Identifier: MIT
// Exception frames: EXC_RETURN for each origin, stack alignment, the process stack, an unprivileged
// thread, and the floating-point context.
#include "board.hpp"

using namespace board;
using namespace drone::cortex_m;

namespace {
alignas(8) std::uint32_t process_stack[128];
volatile std::uint32_t nested;
}  // namespace

extern "C" {
[[gnu::used]] void service(std::uint32_t* frame, std::uint32_t exc_return) {
  const auto number = reinterpret_cast<const std::uint8_t*>(frame[6])[-2];
  say(exc_return);
  if (number == 1) {  // what was pushed
    say(frame[0]);
    say(frame[7] >> 9 & 1);
    say(reinterpret_cast<std::uint32_t>(frame) & 7);
  }
  if (number == 2) frame[0] = 0xABCD;
  if (number == 3) pend(0);  // nested: from handler mode
  if (number == 4) {         // back to privileged
    asm volatile("msr control, %0\n isb" ::"r"(2));
  }
  if (number == 5) {
    std::uint32_t control;
    asm volatile("mrs %0, control" : "=r"(control));
    say(control);
    asm volatile("vmov s0, %0\n vmov s15, %0\n vmsr fpscr, %0" ::"r"(0) : "s0", "s15");
  }
}
[[gnu::naked]] void svc_handler() {
  asm volatile(
      "tst lr, #4\n ite eq\n mrseq r0, msp\n mrsne r0, psp\n mov r1, lr\n"
      "push {r4, lr}\n bl service\n pop {r4, pc}");
}
[[gnu::naked]] void interrupt0() {
  asm volatile("mov r0, lr\n push {r4, lr}\n bl note\n pop {r4, pc}");
}
[[gnu::used]] void note(std::uint32_t exc_return) { say(exc_return); }
}

void run() {
  enable_trace();
  enable(0, 0);
  set_system_priority(11, 0x80);
  say(1);
  asm volatile("movw r0, #0x1234\n svc 1" ::: "r0", "memory");
  // A stack that is aligned by 4 only.
  asm volatile("push {r0}\n movw r0, #0x1235\n svc 1\n pop {r0}" ::: "r0", "memory");
  say(2);
  std::uint32_t value;
  asm volatile("movs r0, #1\n svc 2\n mov %0, r0" : "=r"(value)::"r0", "memory");
  say(value);
  asm volatile("svc 3" ::: "memory");
  say(3);
  // A thread on the process stack, and unprivileged: masks and CONTROL are out of its reach.
  std::uint32_t primask;
  asm volatile(
      "mov r4, sp\n msr psp, %[psp]\n msr control, %[control]\n isb\n"
      "cpsid i\n mrs r5, control\n svc 4\n mrs %[primask], primask\n"
      "movs r0, #0\n msr control, r0\n isb\n mov sp, r4\n"
      : [primask] "=&r"(primask)
      : [psp] "r"(process_stack + 128), [control] "r"(3)
      : "r0", "r4", "r5", "memory");
  say(primask);
  say(4);
  reg(kScbCpacr) = 0xFU << 20;
  std::uint32_t low;
  std::uint32_t high;
  asm volatile("vmov s0, %[a]\n vmov s15, %[b]\n svc 5\n vmov %[low], s0\n vmov %[high], s15\n"
               : [low] "=r"(low), [high] "=r"(high)
               : [a] "r"(0x11111111), [b] "r"(0x22222222)
               : "s0", "s15", "memory");
  say(low);
  say(high);
  std::uint32_t control;
  asm volatile("mrs %0, control" : "=r"(control));
  say(control & 7);
}
