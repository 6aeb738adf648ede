// SPDX-License-Identifier: MIT
#pragma once

// The two semihosting calls that a test program needs (Arm, "Semihosting for AArch32 and AArch64"):
// QEMU and the emulated board answer them.

#include <cstdint>

namespace drone::test {

inline std::uint32_t semihosting_call(std::uint32_t operation, std::uintptr_t argument) {
  register std::uint32_t r0 asm("r0") = operation;
  register std::uintptr_t r1 asm("r1") = argument;
  asm volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}

/// SYS_WRITE0: shows a text on the host's console.
inline void print(const char* text) {
  semihosting_call(0x04, reinterpret_cast<std::uintptr_t>(text));
}

/// SYS_EXIT_EXTENDED: ends the emulator with that exit status.
[[noreturn]] inline void exit_emulator(std::uint32_t status) {
  constexpr std::uint32_t kApplicationExit = 0x20026;
  const std::uint32_t block[2] = {kApplicationExit, status};
  semihosting_call(0x20, reinterpret_cast<std::uintptr_t>(block));
  for (;;) {
  }
}

}  // namespace drone::test
