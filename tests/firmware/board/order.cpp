// SPDX-License-Identifier: MIT
// Who runs when: preemption, tail-chaining, ties, subpriorities, SVC, PendSV, NMI.
#include "board.hpp"

using namespace board;
using namespace drone::cortex_m;

// Three kinds of words: enter 0x100 + exception number, leave 0x200 + it, anything else a mark.
namespace {
void entered() { say(0x100 + ipsr()); }
void left() { say(0x200 + ipsr()); }
}  // namespace

extern "C" {
void interrupt0() {  // the lowest: priority 0xC0
  entered();
  pend(1);  // higher: preempts here
  pend(2);  // the same group as 0: waits, tail-chained
  reg(kScbIcsr) = kScbIcsrPendSvSet;
  left();
}
void interrupt1() {  // priority 0x40
  entered();
  pend(3);                             // as high as this one: waits
  reg(kScbIcsr) = kScbIcsrNmiPendSet;  // nothing keeps that out
  left();
}
void interrupt2() { entered(), left(); }
void interrupt3() { entered(), left(); }
void pendsv_handler() { entered(), left(); }
void nmi_handler() { entered(), left(); }
void svc_handler() { entered(), left(); }
}

void run() {
  enable_trace();
  enable(0, 0xC0);
  enable(1, 0x40);
  enable(2, 0xC0);
  enable(3, 0x40);
  set_system_priority(14, 0xF0);
  say(1);
  pend(0);
  say(2);
  asm volatile("svc 1" ::: "memory");
  say(3);
  // Two at once: the lower number of the same priority, whatever the order of pending.
  disable_interrupts();
  pend(3);
  pend(2);
  say(4);
  enable_interrupts();
  say(5);
  // With PRIGROUP 6, priorities 0x40 and 0x00 are one group: no preemption, but order.
  reg(kScbAircr) = kScbAircrVectKey | 6U << 8;
  disable_interrupts();
  enable(2, 0x40);
  enable(3, 0x00);
  pend(2);
  pend(3);
  enable_interrupts();
  say(6);
  reg(kNvicStir) = 2;
  say(7);
}
