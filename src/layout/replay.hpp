// SPDX-License-Identifier: MIT
#pragma once

// Would this trace have run on that layout? Runs the events through the selection rule that
// firmware uses, on counters instead of free lists.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "drone/heap/pool_spec.hpp"
#include "heaptrace/block_table.hpp"
#include "heaptrace/event.hpp"

namespace drone::layout {

struct PoolReplay {
  heap::PoolSpec pool;
  std::uint64_t high_water_mark = 0;  ///< most of its blocks in use at one time
  std::uint64_t spills = 0;           ///< requests it served because a smaller pool was empty

  friend bool operator==(const PoolReplay&, const PoolReplay&) = default;
};

struct ReplayResult {
  std::uint64_t requests = 0;     ///< allocations, failed ones included, and resizes that moved
  std::uint64_t failed = 0;       ///< requests that no pool could serve
  std::uint64_t unservable = 0;   ///< those of failed that no layout serves (see is_servable)
  std::uint64_t moves = 0;        ///< resizes in place that the layout's blocks could not hold
  std::vector<PoolReplay> pools;  ///< ascending block size
};

/// `into` becomes the result of both traces, each replayed on its own on the same pools: the
/// largest high-water marks, the sums of the rest.
void merge(ReplayResult& into, const ReplayResult& other);

/// A resize that its block holds stays there; another moves, taking the new block before it gives
/// back the old. A request that failed in the trace takes a block, if there is one, and gives it
/// back at once. A request that fails here is not live, and what happens to it later is ignored; a
/// move that fails leaves the block where it was, as `realloc` does. O(pools) an event.
class Replay {
 public:
  /// `pools` in ascending block size; `base_alignment` 4 or 8.
  Replay(std::span<const heap::PoolSpec> pools, std::uint32_t base_alignment);
  void add(std::span<const heaptrace::Event> events);
  const ReplayResult& result() const { return result_; }

  /// By pool: blocks in use now.
  const std::vector<std::uint64_t>& used() const { return used_; }
  /// By pool: the requests that it served, spills included.
  const std::vector<std::uint64_t>& served() const { return served_; }

 private:
  struct LiveBlock {
    std::uint32_t largest_size = 0;  ///< requested bytes
    std::uint32_t alignment = 0;
    std::uint32_t pool = 0;

    bool is_live() const { return largest_size != 0; }
  };

  std::size_t take(std::uint32_t size, std::uint32_t alignment);
  void resize(LiveBlock& block, std::uint32_t size);
  void realign(LiveBlock& block, std::uint32_t alignment);

  std::uint32_t base_alignment_;
  std::vector<heap::PoolSpec> pools_;
  std::vector<std::uint64_t> used_;  ///< blocks in use, by pool
  heaptrace::BlockTable<LiveBlock> live_;
  std::vector<std::uint64_t> served_;
  ReplayResult result_;
};

}  // namespace drone::layout
