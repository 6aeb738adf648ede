// SPDX-License-Identifier: MIT
#pragma once

// A tracer that remembers what it was told.

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "drone/heap/tracer.hpp"

namespace drone::heap::test {

struct Call {
  enum Hook { kAlloc, kDealloc, kGrow, kShrink } hook;
  std::uint32_t block;
  std::uint32_t first = 0;   ///< alloc: size; grow, shrink: old size
  std::uint32_t second = 0;  ///< alloc: alignment; grow, shrink: new size

  friend bool operator==(const Call&, const Call&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Call& call) {
    return out << "{" << call.hook << ", " << call.block << ", " << call.first << ", "
               << call.second << "}";
  }
};

template <class Tag>
struct RecordingTracer {
  static inline bool listening = true;
  static inline std::vector<Call> calls;

  static bool is_listening() noexcept { return listening; }
  static void trace_alloc(std::uint32_t block, std::uint32_t size,
                          std::uint32_t alignment) noexcept {
    calls.push_back({Call::kAlloc, block, size, alignment});
  }
  static void trace_dealloc(std::uint32_t block) noexcept {
    calls.push_back({Call::kDealloc, block});
  }
  static void trace_grow_in_place(std::uint32_t block, std::uint32_t old_size,
                                  std::uint32_t new_size) noexcept {
    calls.push_back({Call::kGrow, block, old_size, new_size});
  }
  static void trace_shrink_in_place(std::uint32_t block, std::uint32_t old_size,
                                    std::uint32_t new_size) noexcept {
    calls.push_back({Call::kShrink, block, old_size, new_size});
  }
};

}  // namespace drone::heap::test
