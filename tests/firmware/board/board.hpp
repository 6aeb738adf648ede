// SPDX-License-Identifier: MIT
#pragma once

// What the board's test programs share: registers, trace output, the end of the program.
// A program defines run() and the handlers that it needs; the others end it as unexpected.

#include <cstdint>

#include "drone/cortex_m/registers.hpp"

namespace board {

inline volatile std::uint32_t& reg(std::uint32_t address) {
  return *reinterpret_cast<volatile std::uint32_t*>(address);  // NOLINT: that is what they are
}

/// Waits for room in the trace FIFO, then writes.
template <class T>
void trace(unsigned port, T value) {
  const std::uint32_t address = drone::cortex_m::itm_stim(port);
  while ((reg(address) & 1) == 0) {
  }
  *reinterpret_cast<volatile T*>(address) = value;
}

/// What a test reads: words on port 1.
inline void say(std::uint32_t value) { trace<std::uint32_t>(1, value); }

/// Trace as a debugger would set it up: all ports, one SWO bit takes `divider` cycles.
void enable_trace(std::uint32_t control_bits = 0, std::uint32_t divider = 1);

/// Ends the program through semihosting.
[[noreturn]] void finish(std::uint32_t status = 0);

inline std::uint32_t cycles() { return reg(drone::cortex_m::kDwtCycCnt); }
inline void pend(unsigned interrupt) {
  reg(drone::cortex_m::kNvicIspr + interrupt / 32 * 4) = 1U << interrupt % 32;
}
inline void enable(unsigned interrupt, std::uint8_t priority) {
  *reinterpret_cast<volatile std::uint8_t*>(drone::cortex_m::kNvicIpr + interrupt) = priority;
  reg(drone::cortex_m::kNvicIser + interrupt / 32 * 4) = 1U << interrupt % 32;
}
inline void set_system_priority(unsigned exception, std::uint8_t priority) {
  *reinterpret_cast<volatile std::uint8_t*>(drone::cortex_m::kScbShpr1 + exception - 4) = priority;
}

inline void disable_interrupts() { asm volatile("cpsid i" ::: "memory"); }
inline void enable_interrupts() { asm volatile("cpsie i" ::: "memory"); }
inline void set_basepri(std::uint32_t value) {
  asm volatile("msr basepri, %0" ::"r"(value) : "memory");
}
inline std::uint32_t ipsr() {
  std::uint32_t value;
  asm volatile("mrs %0, ipsr" : "=r"(value));
  return value;
}

}  // namespace board

void run();

extern "C" {
void nmi_handler();
void hard_fault_handler();
void memory_fault_handler();
void bus_fault_handler();
void usage_fault_handler();
void svc_handler();
void pendsv_handler();
void systick_handler();
void interrupt0();
void interrupt1();
void interrupt2();
void interrupt3();
}
