// SPDX-License-Identifier: MIT
#pragma once

// What a heap tells about its operations, and to whom: a class of static functions, chosen at
// compile time. `drone/heaptrace/itm_tracer.hpp` has the one that reports through the ITM; a
// program may bring its own.

#include <concepts>
#include <cstdint>

namespace drone::heap {

/// Given to trace_alloc as the block of a request that failed.
inline constexpr std::uint32_t kNoBlock = 0xFFFFFFFF;

/// A class that hears of a heap's operations. All functions are static, never throw, and are called
/// from every context that calls the heap, interrupt handlers included, so they may preempt each
/// other. They must not call the heap. Blocks are numbered from 0 in address order across all
/// pools; sizes are what the program asked for, in bytes: at least 1, when resizing 0 as well.
///
/// - `is_listening()`: whether the hooks need to be called at all. The heap asks before each call
///   and computes nothing for a hook that it does not call, so this should cost a few instructions.
/// - `trace_alloc(block, size, alignment)`: a request was served by `block`, or by none
///   (kNoBlock). `alignment` is the one that the request named if that is above the heap's base
///   alignment, else 1. Called after the block was taken from its pool.
/// - `trace_dealloc(block)`: the block is about to go back to its pool.
/// - `trace_grow_in_place(block, old_size, new_size)`: the block now holds `new_size` bytes. An
///   `old_size` of 0 means unknown (`realloc`), and the new size may then be the smaller one.
/// - `trace_shrink_in_place(block, old_size, new_size)`: the block now holds only `new_size` bytes.
template <class T>
concept Tracer = requires(std::uint32_t block, std::uint32_t size) {
  { T::is_listening() }
  noexcept->std::same_as<bool>;
  { T::trace_alloc(block, size, size) }
  noexcept;
  { T::trace_dealloc(block) }
  noexcept;
  { T::trace_grow_in_place(block, size, size) }
  noexcept;
  { T::trace_shrink_in_place(block, size, size) }
  noexcept;
};

/// Hears nothing: a heap with this tracer has no byte and no instruction for tracing.
struct NoTracer {
  static constexpr bool is_listening() noexcept { return false; }
  static constexpr void trace_alloc(std::uint32_t, std::uint32_t, std::uint32_t) noexcept {}
  static constexpr void trace_dealloc(std::uint32_t) noexcept {}
  static constexpr void trace_grow_in_place(std::uint32_t, std::uint32_t, std::uint32_t) noexcept {}
  static constexpr void trace_shrink_in_place(std::uint32_t, std::uint32_t,
                                              std::uint32_t) noexcept {}
};

}  // namespace drone::heap
