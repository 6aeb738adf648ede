// SPDX-License-Identifier: MIT
#pragma once

// A section of code with interrupts masked (PRIMASK), on Cortex-M; on the host, a mark that tests
// can ask for.

#include <cstdint>
#include <utility>

namespace drone::cortex_m {

/// Masks interrupts while it lives, and restores what was before; may be nested. NMI and HardFault
/// are not masked. Unprivileged code cannot mask: there this does nothing. Two or three
/// instructions to enter, one to leave.
class InterruptMask {
 public:
  [[gnu::always_inline]] InterruptMask() noexcept : before_(mask()) {}
  [[gnu::always_inline]] ~InterruptMask() noexcept { restore(before_); }
  InterruptMask(const InterruptMask&) = delete;
  InterruptMask& operator=(const InterruptMask&) = delete;

  /// Whether interrupts are masked now.
  static bool is_masked() noexcept { return (read() & 1) != 0; }

 private:
#if defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M'
  [[gnu::always_inline]] static std::uint32_t read() noexcept {
    std::uint32_t primask;
    asm volatile("mrs %0, primask" : "=r"(primask));
    return primask;
  }
  [[gnu::always_inline]] static std::uint32_t mask() noexcept {
    const std::uint32_t before = read();
    asm volatile("cpsid i" ::: "memory");
    return before;
  }
  [[gnu::always_inline]] static void restore(std::uint32_t before) noexcept {
    asm volatile("msr primask, %0" ::"r"(before) : "memory");
  }
#else
  static std::uint32_t read() noexcept { return host_primask_; }
  static std::uint32_t mask() noexcept { return std::exchange(host_primask_, 1); }
  static void restore(std::uint32_t before) noexcept { host_primask_ = before; }

  static inline thread_local constinit std::uint32_t host_primask_ = 0;
#endif

  std::uint32_t before_;
};

}  // namespace drone::cortex_m
