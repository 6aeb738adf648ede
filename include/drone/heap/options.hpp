// SPDX-License-Identifier: MIT
#pragma once

// What a heap does beyond allocating: chosen at compile time, so that what is off costs nothing.

#include <cstdint>

namespace drone::heap {

/// How much misuse the heap looks for.
enum class Checks : std::uint8_t {
  kOff,       ///< none
  kPointers,  ///< addresses that are no block of this heap
  kFull,      ///< also blocks freed twice, written after they were freed, or written beyond
};

struct Options {
  Checks checks = Checks::kPointers;
  bool statistics = false;  ///< counts, for each pool, what happens at run time
};

}  // namespace drone::heap
