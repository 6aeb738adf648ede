// SPDX-License-Identifier: MIT

// A program that allocates with `new` only, or if PRINTS is defined with the C library as well.

#include <cstdio>
#include <memory>

int main() {
  const auto values = std::make_unique<int[]>(3);
  values[1] = 5;
#ifdef PRINTS
  std::printf("%d %f\n", values[1], 1.5 * values[1]);
#endif
  return *static_cast<volatile int*>(&values[1]);
}

// What a runtime would call; kept out of the measurement.
extern "C" [[noreturn]] void _exit(int) {
  for (;;) {
  }
}
void* __dso_handle = nullptr;
