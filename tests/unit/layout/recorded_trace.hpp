// SPDX-License-Identifier: MIT
#pragma once

// Allocation traces recorded as text, as events. One event a line: `a ID SIZE` allocates, `f ID`
// frees, `r ID SIZE` reallocates, which becomes a resize in place: it is the layout that decides
// whether the block holds it.

#include <cstdint>
#include <istream>
#include <map>
#include <stdexcept>
#include <vector>

#include "program.hpp"

namespace drone::layout {

inline Program read_recorded_trace(std::istream& in) {
  Program program;
  std::map<std::uint64_t, std::uint32_t> block_of;
  char kind = 0;
  std::uint64_t id = 0;
  std::uint32_t size = 0;
  while (in >> kind >> id) {
    if (kind != 'f' && !(in >> size)) throw std::runtime_error("recorded trace: size expected");
    switch (kind) {
      case 'a':
        block_of[id] = program.alloc(size);
        break;
      case 'f':
        program.dealloc(block_of.at(id));
        block_of.erase(id);
        break;
      case 'r':
        program.resize(block_of.at(id), size);
        break;
      default:
        throw std::runtime_error("recorded trace: unknown event");
    }
  }
  return program;
}

}  // namespace drone::layout
