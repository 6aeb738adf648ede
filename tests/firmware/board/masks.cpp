// SPDX-License-Identifier: MIT
// PRIMASK, BASEPRI and FAULTMASK hold exceptions off, and let them in at once when lifted.
#include "board.hpp"

using namespace board;
using namespace drone::cortex_m;

extern "C" {
void interrupt0() { say(0x100); }
void interrupt1() { say(0x101); }
void nmi_handler() { say(0x102); }
void systick_handler() {
  say(0x10F);
  reg(kSysTickCsr) = 0;
}
}

void run() {
  enable_trace();
  enable(0, 0x80);
  enable(1, 0x40);
  say(1);
  set_basepri(0x80);
  pend(0);  // as low as the mask: held off
  say(2);
  pend(1);  // higher: comes through
  say(3);
  set_basepri(0x40);
  pend(1);
  say(4);
  set_basepri(0);  // both, the higher one first
  say(5);
  asm volatile("msr basepri_max, %0" ::"r"(0x80));
  asm volatile("msr basepri_max, %0" ::"r"(0xC0));  // only ever raises
  pend(0);
  say(6);
  set_basepri(0);
  say(7);
  disable_interrupts();
  pend(1);
  reg(kScbIcsr) = kScbIcsrNmiPendSet;  // PRIMASK does not hold NMI off
  say(8);
  // Sleep ends for an interrupt that PRIMASK holds off, and the handler does not run yet.
  reg(kNvicIcpr) = 2;
  reg(kSysTickRvr) = 5000;
  reg(kSysTickCvr) = 0;
  reg(kSysTickCsr) = kSysTickCsrEnable | kSysTickCsrTickInt | kSysTickCsrClkSource;
  const std::uint32_t before = cycles();
  asm volatile("wfi" ::: "memory");
  say(cycles() - before >= 5000);
  say(9);
  enable_interrupts();
  say(10);
  asm volatile("cpsid f" ::: "memory");
  pend(0);
  say(11);
  asm volatile("cpsie f" ::: "memory");
  say(12);
  // In one piece: the interrupt comes in between, as real cores do it.
  disable_interrupts();
  pend(0);
  asm volatile("cpsie i\n cpsid i" ::: "memory");
  say(13);
  // WFE: an event that was sent earlier does not let it sleep; then an interrupt wakes it.
  asm volatile("cpsie i\n sev\n wfe\n" ::: "memory");
  say(14);
  reg(kSysTickCvr) = 0;
  reg(kSysTickCsr) = kSysTickCsrEnable | kSysTickCsrTickInt | kSysTickCsrClkSource;
  asm volatile("wfe\n" ::: "memory");
  say(15);
}
