// SPDX-License-Identifier: MIT
// From reset to main: the vector table, the FPU, initialised variables, constructors.

#include <cstddef>
#include <cstdint>

#include "drone/cortex_m/registers.hpp"

int main();
void prepare_heap();

// Places in link.ld.
extern "C" {
extern std::uint32_t stack_top[];
extern const std::uint32_t data_load[];
extern std::uint32_t data_begin[];
extern std::uint32_t data_end[];
extern std::uint32_t bss_begin[];
extern std::uint32_t bss_end[];
using Constructor = void (*)();
extern const Constructor init_array_begin[];
extern const Constructor init_array_end[];
}

namespace {

volatile std::uint32_t& reg(std::uint32_t address) {
  return *reinterpret_cast<volatile std::uint32_t*>(address);
}

}  // namespace

extern "C" {

void Default_Handler() {
  for (;;) asm volatile("");
}

// A function of one of these names anywhere in the program takes its place.
#define WEAK_HANDLER [[gnu::weak, gnu::nothrow, gnu::alias("Default_Handler")]]
WEAK_HANDLER void NMI_Handler();
WEAK_HANDLER void HardFault_Handler();
WEAK_HANDLER void MemManage_Handler();
WEAK_HANDLER void BusFault_Handler();
WEAK_HANDLER void UsageFault_Handler();
WEAK_HANDLER void SVC_Handler();
WEAK_HANDLER void DebugMon_Handler();
WEAK_HANDLER void PendSV_Handler();
WEAK_HANDLER void SysTick_Handler();

[[noreturn]] void Reset_Handler();
}

namespace {

using Handler = void (*)();

// More than any supported device has; the rest is never used.
constexpr std::size_t kInterrupts = 112;

struct VectorTable {
  std::uint32_t* stack;
  Handler exceptions[15];
  Handler interrupts[kInterrupts];
};

constexpr VectorTable make_vectors() {
  VectorTable table{stack_top,
                    {Reset_Handler, NMI_Handler, HardFault_Handler, MemManage_Handler,
                     BusFault_Handler, UsageFault_Handler, nullptr, nullptr, nullptr, nullptr,
                     SVC_Handler, DebugMon_Handler, nullptr, PendSV_Handler, SysTick_Handler},
                    {}};
  for (Handler& handler : table.interrupts) handler = Default_Handler;
  // The device's own interrupts, by their number: table.interrupts[37] = uart_handler;
  return table;
}

[[gnu::section(".vectors"), gnu::used]] constinit const VectorTable vectors = make_vectors();

}  // namespace

extern "C" void Reset_Handler() {
  namespace cm = drone::cortex_m;
  reg(cm::kScbVtor) = reinterpret_cast<std::uint32_t>(&vectors);
#ifdef __ARM_FP
  constexpr std::uint32_t kFullAccessToFpu = 0xFU << 20;
  reg(cm::kScbCpacr) = reg(cm::kScbCpacr) | kFullAccessToFpu;
  asm volatile("dsb\n\tisb" ::: "memory");
#endif
  const std::uint32_t* from = data_load;
  for (std::uint32_t* to = data_begin; to != data_end; ++to) *to = *from++;
  for (std::uint32_t* to = bss_begin; to != bss_end; ++to) *to = 0;
  prepare_heap();
  for (const Constructor* init = init_array_begin; init != init_array_end; ++init) (*init)();
  main();
  for (;;) asm volatile("wfi");
}
