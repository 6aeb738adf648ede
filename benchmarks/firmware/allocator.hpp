// SPDX-License-Identifier: MIT
#pragma once

// The allocator that a benchmark is built for:
//
//   BENCHMARK_LIBC       the C library's, or whatever defines malloc, realloc and free
//   otherwise            the heap of `kLayout` in "layout.hpp", as the program's heap
//   BENCHMARK_OPTIONS    its drone::heap::Options, as designated initialisers
//   BENCHMARK_TRACED     with the ITM tracer
//   BENCHMARK_SIZES      sizes that the compiler knows: one function for each

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <utility>

#include "meter.hpp"

#ifndef BENCHMARK_LIBC
#include "drone/heap/heap.hpp"
#include "layout.hpp"
#ifdef BENCHMARK_TRACED
#include "drone/heaptrace/itm_tracer.hpp"
#endif

namespace drone::benchmark {
#ifdef BENCHMARK_TRACED
using Tracer = heaptrace::ItmTracer<kLayout>;
#else
using Tracer = heap::NoTracer;
#endif
inline constexpr heap::Heap<kLayout, Tracer> heap;
}  // namespace drone::benchmark

#define DRONE_GLOBAL_HEAP drone::benchmark::heap
#include "drone/heap/global.hpp"
#endif

namespace drone::benchmark {

// prepare() is what start-up code does before interrupts use the heap.

#ifdef BENCHMARK_LIBC
inline void prepare() {}
inline const void* allocate_function(std::uint32_t) {
  return reinterpret_cast<const void*>(static_cast<void* (*)(std::size_t)>(&::malloc));
}
inline const void* deallocate_function(std::uint32_t) {
  return reinterpret_cast<const void*>(static_cast<void (*)(void*)>(&::free));
}

#elif defined(BENCHMARK_SIZES)
inline void prepare() { heap.prepare(); }

// What the compiler makes of a size that it knows, as a function.
inline constexpr std::array kSizes = {BENCHMARK_SIZES};

template <std::size_t kSize>
void* allocate_constant() {
  return heap.allocate(kSize);
}
template <std::size_t kSize>
void deallocate_constant(void* block) {
  heap.deallocate(block, kSize);
}

inline constexpr auto kIndexOfSize = [] {
  std::array<std::uint16_t, kSizes.back() + 1> index{};
  for (std::size_t i = 0; i != kSizes.size(); ++i) index[kSizes[i]] = static_cast<std::uint16_t>(i);
  return index;
}();

inline const void* allocate_function(std::uint32_t size) {
  static constexpr auto kFunctions = []<std::size_t... kIndex>(std::index_sequence<kIndex...>) {
    return std::array{&allocate_constant<kSizes[kIndex]>...};
  }
  (std::make_index_sequence<kSizes.size()>());
  return reinterpret_cast<const void*>(kFunctions[kIndexOfSize[size]]);
}
inline const void* deallocate_function(std::uint32_t size) {
  static constexpr auto kFunctions = []<std::size_t... kIndex>(std::index_sequence<kIndex...>) {
    return std::array{&deallocate_constant<kSizes[kIndex]>...};
  }
  (std::make_index_sequence<kSizes.size()>());
  return reinterpret_cast<const void*>(kFunctions[kIndexOfSize[size]]);
}

#else
inline void prepare() { heap.prepare(); }
inline const void* allocate_function(std::uint32_t) {
  return reinterpret_cast<const void*>(static_cast<void* (*)(std::size_t)>(&::operator new));
}
inline const void* deallocate_function(std::uint32_t) {
  return reinterpret_cast<const void*>(static_cast<void (*)(void*) noexcept>(&::operator delete));
}
#endif

/// The instructions of a function that are no part of it where it is inlined: the return, and what
/// saves the return address.
inline std::uint32_t inlined_away([[maybe_unused]] const void* function) {
#ifdef BENCHMARK_SIZES
  constexpr std::uint16_t kPushLr = 0xB500;
  constexpr std::uint16_t kPushR3Lr = 0xB508;  // r3 for the stack's alignment only
  const std::uint16_t first =
      *reinterpret_cast<const std::uint16_t*>(reinterpret_cast<std::uintptr_t>(function) - 1);
  return first == kPushLr || first == kPushR3Lr ? 2 : 1;
#else
  return 0;
#endif
}

/// A call of the allocator, in the instructions that count.
inline Call allocate(std::uint32_t size) {
  const void* const function = allocate_function(size);
  Call made = call(function, size);
  made.instructions -= inlined_away(function);
  return made;
}
inline std::uint32_t deallocate(std::uint32_t block, std::uint32_t size) {
  const void* const function = deallocate_function(size);
  return call(function, block).instructions - inlined_away(function);
}

}  // namespace drone::benchmark
