// SPDX-License-Identifier: MIT
#include "board.hpp"

using namespace drone::cortex_m;

extern "C" {
extern std::uint32_t stack_top, data_start, data_end, data_source, bss_start, bss_end;

[[noreturn]] void reset();
void unexpected() { board::finish(99); }

#define DEFAULT_HANDLER(name) void name() __attribute__((weak, alias("unexpected")))
DEFAULT_HANDLER(nmi_handler);
DEFAULT_HANDLER(hard_fault_handler);
DEFAULT_HANDLER(memory_fault_handler);
DEFAULT_HANDLER(bus_fault_handler);
DEFAULT_HANDLER(usage_fault_handler);
DEFAULT_HANDLER(svc_handler);
DEFAULT_HANDLER(pendsv_handler);
DEFAULT_HANDLER(systick_handler);
DEFAULT_HANDLER(interrupt0);
DEFAULT_HANDLER(interrupt1);
DEFAULT_HANDLER(interrupt2);
DEFAULT_HANDLER(interrupt3);

using Handler = void (*)();
struct Vectors {
  std::uint32_t* stack;
  Handler handlers[19];
};
[[gnu::section(".vectors"), gnu::used]] const Vectors vectors = {
    &stack_top,
    {reset, nmi_handler, hard_fault_handler, memory_fault_handler, bus_fault_handler,
     usage_fault_handler, unexpected, unexpected, unexpected, unexpected, svc_handler, unexpected,
     unexpected, pendsv_handler, systick_handler, interrupt0, interrupt1, interrupt2, interrupt3}};

void reset() {
  std::uint32_t* source = &data_source;
  for (std::uint32_t* to = &data_start; to != &data_end;) *to++ = *source++;
  for (std::uint32_t* to = &bss_start; to != &bss_end;) *to++ = 0;
  run();
  board::finish();
}
}

namespace board {

void enable_trace(std::uint32_t control_bits, std::uint32_t divider) {
  reg(kDemcr) = kDemcrTrcEna;
  reg(kDwtCycCnt) = 0;
  reg(kDwtCtrl) = kDwtCtrlCycCntEna;
  reg(kTpiuSppr) = kTpiuSpprNrz;
  reg(kTpiuAcpr) = divider - 1;
  reg(kItmLar) = kLarUnlock;
  reg(kItmTcr) = kItmTcrItmEna | 1U << kItmTcrTraceBusIdShift | control_bits;
  reg(kItmTer) = UINT32_MAX;
}

void finish(std::uint32_t status) {
  constexpr std::uint32_t kExitExtended = 0x20;
  const std::uint32_t parameters[2] = {0x20026, status};
  register std::uint32_t operation asm("r0") = kExitExtended;
  register const std::uint32_t* parameter asm("r1") = parameters;
  asm volatile("bkpt 0xab" : "+r"(operation) : "r"(parameter) : "memory");
  __builtin_unreachable();
}

}  // namespace board
