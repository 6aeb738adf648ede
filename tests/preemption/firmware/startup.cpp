// SPDX-License-Identifier: MIT

// Start-up of the firmware under test, and its vectors: two interrupts, the second preempts the
// first. After start-up the core stands on a BKPT until the host calls something.

#include <cstdint>

#include "../interface.hpp"
#include "drone/cortex_m/registers.hpp"

namespace {
using Handler = void (*)();

volatile std::uint32_t& reg(std::uint32_t address) {
  return *reinterpret_cast<volatile std::uint32_t*>(address);
}

void fault_handler() {
  for (;;) {
  }
}
}  // namespace

extern "C" {
extern std::uint32_t stack_top, data_begin, data_end, data_load, bss_begin, bss_end;
extern Handler init_array_begin[], init_array_end[];
extern const drone::preemption::Interface preemption_interface;
void interrupt_0();
void interrupt_1();

[[gnu::naked]] void stopped() {
  asm volatile(
      "bkpt 0\n\t"
      "b stopped");
}

[[noreturn]] void reset_handler() {
  const std::uint32_t* from = &data_load;
  for (std::uint32_t* to = &data_begin; to != &data_end;) *to++ = *from++;
  for (std::uint32_t* to = &bss_begin; to != &bss_end;) *to++ = 0;
  for (Handler* function = init_array_begin; function != init_array_end; ++function) (*function)();
  reg(drone::cortex_m::kNvicIpr) = 0x40 << 8 | 0x80;
  reg(drone::cortex_m::kNvicIser) = 3;
  stopped();
  __builtin_unreachable();
}

void* __dso_handle = nullptr;  // which shared object registers a destructor: there is only one
[[noreturn]] void _exit(int) {
  for (;;) {
  }
}
}

namespace {
struct Vectors {
  std::uint32_t* stack;
  Handler handlers[6];
  const drone::preemption::Interface* interface;
  Handler more_handlers[8];
  Handler interrupts[2];
};

[[gnu::section(".vectors"), gnu::used]] constexpr Vectors kVectors{
    &stack_top,
    {reset_handler, fault_handler, fault_handler, fault_handler, fault_handler, fault_handler},
    &preemption_interface,
    {fault_handler, fault_handler, fault_handler, fault_handler, fault_handler, fault_handler,
     fault_handler, fault_handler},
    {interrupt_0, interrupt_1}};
}  // namespace
