// SPDX-License-Identifier: MIT
// The exclusive monitor: an exception at any point between LDREX and STREX makes the store fail,
// even if the handler leaves the word as it was; one before or behind does not.
#include "board.hpp"

using namespace board;
using namespace drone::cortex_m;

namespace {
std::uint32_t word = 5;
volatile std::uint32_t interrupted_at;
}  // namespace

extern "C" {
[[gnu::used]] void tick(const std::uint32_t* frame) {
  interrupted_at = frame[6];
  reg(kSysTickCsr) = 0;
  // There and back: a monitor that compares values would not notice.
  *const_cast<volatile std::uint32_t*>(&word) = 77;
  *const_cast<volatile std::uint32_t*>(&word) = 5;
}
[[gnu::naked]] void systick_handler() { asm volatile("mrs r0, msp\n b tick"); }
}

void run() {
  enable_trace();
  unsigned wrong = 0;
  unsigned failed = 0;
  unsigned succeeded = 0;
  for (std::uint32_t delay = 1; delay != 40; ++delay) {
    interrupted_at = 0;
    reg(kSysTickRvr) = delay;
    reg(kSysTickCvr) = 0;
    std::uint32_t after_load;
    std::uint32_t at_store;
    std::uint32_t value;
    std::uint32_t result;
    asm volatile(
        "adr %[first], 1f\n adr %[last], 2f\n"
        "str %[on], [%[csr]]\n"
        "nop\n nop\n nop\n nop\n"
        ".balign 4\n ldrex %[value], [%[word]]\n"
        "1: nop.w\n nop\n nop\n nop\n nop\n nop\n nop\n nop\n nop\n nop\n"
        ".balign 4\n 2: strex %[result], %[value], [%[word]]\n"
        "nop\n nop\n nop\n nop\n"
        : [first] "=&r"(after_load), [last] "=&r"(at_store), [value] "=&r"(value),
          [result] "=&r"(result)
        : [on] "r"(kSysTickCsrEnable | kSysTickCsrTickInt | kSysTickCsrClkSource),
          [csr] "r"(kSysTickCsr), [word] "r"(&word)
        : "memory");
    while (interrupted_at == 0) {
    }
    const bool between = interrupted_at >= after_load && interrupted_at <= at_store;
    if ((result != 0) != between) ++wrong;
    ++(result != 0 ? failed : succeeded);
  }
  say(wrong);
  say(failed);
  say(succeeded);
  std::uint32_t result;
  asm volatile("ldrex r0, [%1]\n clrex\n strex %0, r0, [%1]"
               : "=&r"(result)
               : "r"(&word)
               : "r0", "memory");
  say(result);
  asm volatile("ldrex r0, [%1]\n strex %0, r0, [%1]" : "=&r"(result) : "r"(&word) : "r0", "memory");
  say(result);
}
