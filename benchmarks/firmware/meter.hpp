// SPDX-License-Identifier: MIT
#pragma once

// Counts the instructions that a function executes, and keeps the counts. The emulated board's
// cycle counter counts every instruction as one cycle, those that an IT block skips included.

#include <array>
#include <cstdint>

#include "../../tests/firmware/semihosting.hpp"
#include "drone/cortex_m/registers.hpp"

namespace drone::benchmark {

inline volatile std::uint32_t& register_at(std::uint32_t address) {
  return *reinterpret_cast<volatile std::uint32_t*>(std::uintptr_t{address});
}

inline void start_cycle_counter() {
  register_at(cortex_m::kDemcr) = register_at(cortex_m::kDemcr) | cortex_m::kDemcrTrcEna;
  register_at(cortex_m::kDwtCtrl) = register_at(cortex_m::kDwtCtrl) | cortex_m::kDwtCtrlCycCntEna;
}

struct Call {
  std::uint32_t result;
  std::uint32_t instructions;  ///< of the function, its return included
};

/// Calls a function of up to two words, and counts from before the call to behind it: a load and
/// the call more than the function itself.
inline Call call(const void* function, std::uint32_t first, std::uint32_t second = 0) {
  register std::uint32_t r0 asm("r0") = first;
  register std::uint32_t r1 asm("r1") = second;
  register std::uint32_t begin asm("r4");
  register std::uint32_t end asm("r5");
  register std::uint32_t counter asm("r6") = cortex_m::kDwtCycCnt;
  asm volatile(
      "ldr r4, [r6]\n\t"
      "blx %[function]\n\t"
      "ldr r5, [r6]"
      : "+r"(r0), "+r"(r1), "=&r"(begin), "=&r"(end)
      : [function] "l"(function), "r"(counter)
      : "r2", "r3", "r12", "lr", "cc", "memory");
  return {r0, end - begin - 2};
}

[[gnu::naked, gnu::noinline]] inline void one_instruction() { asm("bx lr"); }

/// The correction above, tried: false if the board counts otherwise.
inline bool counts_exactly() {
  return call(reinterpret_cast<const void*>(&one_instruction), 0).instructions == 1;
}

inline void print_number(std::uint32_t number) {
  std::array<char, 11> text{};
  std::size_t at = text.size() - 1;
  do {
    text[--at] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  test::print(&text[at]);
}

/// How often each count of instructions occurred.
class Histogram {
 public:
  void add(std::uint32_t instructions) {
    if (instructions < counts_.size()) {
      ++counts_[instructions];
    } else {
      if (beyond_ == beyonds_.size())
        test::print("# too many long calls: the last are left out\n");
      else
        beyonds_[beyond_++] = instructions;
    }
  }

  /// One line for each count that occurred: NAME INSTRUCTIONS TIMES
  void print(const char* name) const {
    for (std::uint32_t i = 0; i != counts_.size(); ++i) {
      if (counts_[i] != 0) print_line(name, i, counts_[i]);
    }
    for (std::uint32_t i = 0; i != beyond_; ++i) print_line(name, beyonds_[i], 1);
  }

 private:
  static void print_line(const char* name, std::uint32_t instructions, std::uint32_t times) {
    test::print(name);
    test::print(" ");
    print_number(instructions);
    test::print(" ");
    print_number(times);
    test::print("\n");
  }

  std::array<std::uint32_t, 16384> counts_{};
  std::array<std::uint32_t, 4096> beyonds_{};
  std::uint32_t beyond_ = 0;
};

}  // namespace drone::benchmark
