// SPDX-License-Identifier: MIT
#pragma once

// Which pool serves a request, and what happens when it is empty. The rule of docs/heap.md, written
// once: firmware runs it on its free lists, `drone heap generate` on counters.

#include <cstddef>
#include <cstdint>
#include <span>

#include "drone/heap/pool_spec.hpp"

namespace drone::heap {

/// Whether a pool's blocks can serve a request of that effective size that names that alignment.
constexpr bool can_serve(PoolSpec pool, std::uint32_t effective_size, std::uint32_t alignment) {
  return pool.block_size >= effective_size && block_alignment(pool.block_size) >= alignment;
}

/// Index of the pool that serves a request, or `pools.size()` if none can.
/// Tries, in ascending block size, each pool whose blocks hold `effective_size` bytes and are
/// aligned to `alignment`; `try_take(i)` takes one block of pool i and says whether there was one.
/// `pools` is sorted by block_size. O(pools).
template <class TryTake>
constexpr std::size_t select_pool(std::span<const PoolSpec> pools, std::uint32_t effective_size,
                                  std::uint32_t alignment, TryTake&& try_take) {
  std::size_t i = 0;
  for (; i != pools.size(); ++i) {
    if (can_serve(pools[i], effective_size, alignment) && try_take(i)) break;
  }
  return i;
}

}  // namespace drone::heap
