// SPDX-License-Identifier: MIT

// The least that a Cortex-M program needs: vectors, .data and .bss, constructors, main. Faults end
// the emulator with status 70.

#include <cstdint>

#include "semihosting.hpp"

extern "C" {
extern std::uint32_t stack_top, data_begin, data_end, data_load, bss_begin, bss_end;
using Function = void (*)();
extern Function init_array_begin[], init_array_end[];
int main();
void SysTick_Handler();

[[gnu::weak]] void SysTick_Handler() {}

[[noreturn]] void reset_handler() {
  const std::uint32_t* from = &data_load;
  for (std::uint32_t* to = &data_begin; to != &data_end;) *to++ = *from++;
  for (std::uint32_t* to = &bss_begin; to != &bss_end;) *to++ = 0;
  for (Function* function = init_array_begin; function != init_array_end; ++function) (*function)();
// Calling main is what start-up code is for; ISO C++ means everybody else.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
  drone::test::exit_emulator(static_cast<std::uint32_t>(main()));
#pragma GCC diagnostic pop
}

static void fault_handler() {
  drone::test::print("fault\n");
  drone::test::exit_emulator(70);
}

void* __dso_handle = nullptr;  // which shared object registers a destructor: there is only one

[[noreturn]] void _exit(int status) {
  drone::test::exit_emulator(static_cast<std::uint32_t>(status));
}
}

namespace {
struct Vectors {
  std::uint32_t* stack;
  Function handlers[15];
};

[[gnu::section(".vectors"), gnu::used]] constexpr Vectors kVectors{
    &stack_top,
    {reset_handler, fault_handler, fault_handler, fault_handler, fault_handler, fault_handler,
     fault_handler, fault_handler, fault_handler, fault_handler, fault_handler, fault_handler,
     fault_handler, fault_handler, SysTick_Handler}};
}  // namespace
