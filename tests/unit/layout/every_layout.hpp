// SPDX-License-Identifier: MIT
#pragma once

// All layouts there are, for exhaustive search on small inputs.

#include <cstddef>
#include <cstdint>

#include "layout/optimize.hpp"

namespace drone::layout {

/// Calls `see(blocks)` for every set of 1 to `max_pools` multiples of `unit` up to `largest`, as a
/// layout without capacities.
template <class See>
void for_each_set_of_blocks(std::uint32_t unit, std::uint32_t largest, std::size_t max_pools,
                            const See& see) {
  const std::uint32_t candidates = largest / unit;
  for (std::uint32_t set = 1; set < 1U << candidates; ++set) {
    PoolLayout pools;
    for (std::uint32_t i = 0; i != candidates; ++i) {
      if ((set >> i & 1) != 0) pools.push_back({unit * (i + 1), 0});
    }
    if (pools.size() <= max_pools) see(pools);
  }
}

/// Calls `see(layout)` for every layout of such blocks with capacities from 1 to `most_blocks`.
template <class See>
void for_each_layout(std::uint32_t unit, std::uint32_t largest, std::size_t max_pools,
                     std::uint32_t most_blocks, const See& see) {
  for_each_set_of_blocks(unit, largest, max_pools, [&](PoolLayout pools) {
    for (heap::PoolSpec& pool : pools) pool.capacity = 1;
    for (;;) {
      see(pools);
      std::size_t i = 0;
      while (i != pools.size() && pools[i].capacity == most_blocks) pools[i++].capacity = 1;
      if (i == pools.size()) return;
      ++pools[i].capacity;
    }
  });
}

}  // namespace drone::layout
