// SPDX-License-Identifier: MIT
#pragma once

// Programs for property tests: every kind of event, and blocks that are reused.

#include <rapidcheck.h>

#include <cstddef>
#include <cstdint>

#include "program.hpp"

namespace drone::layout {

/// A random program; sizes from few values, so that blocks are reused and resizes stay and move.
inline Program random_program(std::uint32_t base) {
  Program program(base);
  const auto steps = *rc::gen::inRange(1, 120);
  for (int i = 0; i != steps; ++i) {
    const auto action = *rc::gen::inRange(0, 100);
    const auto live = program.live();
    const auto any_live = [&live] { return live[*rc::gen::inRange<std::size_t>(0, live.size())]; };
    const auto size = *rc::gen::inRange(1U, 48U);
    const auto alignment =
        *rc::gen::weightedElement<std::uint32_t>({{40, 1}, {10, 8}, {4, 16}, {4, 64}, {1, 128}});
    if (action < 45 || live.empty()) {
      program.alloc(size, alignment);
    } else if (action < 65) {
      program.dealloc(any_live());
    } else if (action < 85) {
      program.resize(any_live(), size);
    } else if (action < 92) {
      if (alignment > base) program.realign(any_live(), alignment);
    } else if (action < 98) {
      program.fail(size, alignment);
    } else {
      program.reset();
    }
  }
  return program;
}

}  // namespace drone::layout
