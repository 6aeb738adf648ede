// SPDX-License-Identifier: MIT
#pragma once

// A section of code with interrupts masked (PRIMASK), on Cortex-M; on the host, a mark that tests
// can ask for.

#include <cstdint>

namespace drone::cortex_m {

/// Masks interrupts while it lives, and restores what was before; may be nested. NMI and HardFault
/// are not masked. Unprivileged code cannot mask: there this does nothing. Two or three
/// instructions to enter, one to leave.
class InterruptMask {
 public:
  InterruptMask() noexcept;
  ~InterruptMask() noexcept;
  InterruptMask(const InterruptMask&) = delete;
  InterruptMask& operator=(const InterruptMask&) = delete;

  /// Whether interrupts are masked now.
  static bool is_masked() noexcept;

 private:
  std::uint32_t before_;
};

#if defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M'

[[gnu::always_inline]] inline InterruptMask::InterruptMask() noexcept {
  asm volatile("mrs %0, primask\n\tcpsid i" : "=r"(before_)::"memory");
}

[[gnu::always_inline]] inline InterruptMask::~InterruptMask() noexcept {
  asm volatile("msr primask, %0" ::"r"(before_) : "memory");
}

[[gnu::always_inline]] inline bool InterruptMask::is_masked() noexcept {
  std::uint32_t primask;
  asm volatile("mrs %0, primask" : "=r"(primask));
  return (primask & 1) != 0;
}

#else

namespace detail {
inline thread_local std::uint32_t host_primask = 0;
}

inline InterruptMask::InterruptMask() noexcept : before_(detail::host_primask) {
  detail::host_primask = 1;
}

inline InterruptMask::~InterruptMask() noexcept { detail::host_primask = before_; }

inline bool InterruptMask::is_masked() noexcept { return detail::host_primask != 0; }

#endif

}  // namespace drone::cortex_m
