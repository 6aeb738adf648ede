// SPDX-License-Identifier: MIT
#include "layout/replay.hpp"

#include <algorithm>

#include "drone/heap/select_pool.hpp"
#include "layout/demand.hpp"

namespace drone::layout {

using heaptrace::Event;
using heaptrace::EventKind;

void merge(ReplayResult& into, const ReplayResult& other) {
  into.requests += other.requests;
  into.failed += other.failed;
  into.unservable += other.unservable;
  into.moves += other.moves;
  for (std::size_t i = 0; i != into.pools.size(); ++i) {
    PoolReplay& pool = into.pools[i];
    pool.high_water_mark = std::max(pool.high_water_mark, other.pools[i].high_water_mark);
    pool.spills += other.pools[i].spills;
  }
}

Replay::Replay(std::span<const heap::PoolSpec> pools, std::uint32_t base_alignment)
    : base_alignment_(base_alignment),
      pools_(pools.begin(), pools.end()),
      used_(pools.size(), 0),
      served_(pools.size(), 0) {
  for (const heap::PoolSpec& pool : pools_) result_.pools.push_back({pool, 0, 0});
}

void Replay::add(std::span<const Event> events) {
  for (const Event& event : events) {
    switch (event.kind) {
      case EventKind::kAlloc:
      case EventKind::kFailed: {
        ++result_.requests;
        const std::size_t pool = take(event.size, event.alignment);
        if (pool == pools_.size()) {
          ++result_.failed;
        } else if (event.kind == EventKind::kFailed) {
          --used_[pool];
        } else {
          live_.assign(event.block, {.largest_size = event.size,
                                     .alignment = event.alignment,
                                     .pool = static_cast<std::uint32_t>(pool)});
        }
        break;
      }
      case EventKind::kDealloc:
        if (LiveBlock* const block = live_.find(event.block); block != nullptr) {
          --used_[block->pool];
          live_.erase(*block);
        }
        break;
      case EventKind::kResize:
        if (LiveBlock* const block = live_.find(event.block); block != nullptr) {
          resize(*block, event.size);
        }
        break;
      case EventKind::kRealign:
        if (LiveBlock* const block = live_.find(event.block);
            block != nullptr && event.alignment > block->alignment) {
          realign(*block, event.alignment);
        }
        break;
      case EventKind::kReset:
        live_.clear();
        std::fill(used_.begin(), used_.end(), 0);
        break;
    }
  }
}

/// Takes a block and returns its pool, or pools_.size() if no pool can serve the request.
std::size_t Replay::take(std::uint32_t size, std::uint32_t alignment) {
  if (!is_servable(size, alignment)) {
    ++result_.unservable;
    return pools_.size();
  }
  bool spilled = false;
  const auto try_take = [this, &spilled](std::size_t i) {
    if (used_[i] == pools_[i].capacity) {
      spilled = true;
      return false;
    }
    ++used_[i];
    return true;
  };
  const std::uint32_t effective = heap::effective_size(size, base_alignment_, alignment);
  const std::size_t pool =
      heap::select_pool(std::span<const heap::PoolSpec>(pools_), effective, alignment, try_take);
  if (pool != pools_.size()) {
    ++served_[pool];
    PoolReplay& served = result_.pools[pool];
    served.high_water_mark = std::max(served.high_water_mark, used_[pool]);
    if (spilled) ++served.spills;
  }
  return pool;
}

void Replay::resize(LiveBlock& block, std::uint32_t size) {
  if (size <= pools_[block.pool].block_size) {
    block.largest_size = std::max(block.largest_size, size);
    return;
  }
  ++result_.requests;
  ++result_.moves;
  const std::size_t pool = take(size, block.alignment);
  if (pool == pools_.size()) {
    ++result_.failed;
    return;
  }
  --used_[block.pool];
  block.largest_size = size;
  block.pool = static_cast<std::uint32_t>(pool);
}

/// The program asked for the alignment from the start, so this is the same request. If its block is
/// good for it, it would have got that one: the smaller pools had none. Otherwise it is served anew
/// from the pool that can.
void Replay::realign(LiveBlock& block, std::uint32_t alignment) {
  if (is_servable(block.largest_size, alignment) &&
      heap::can_serve(pools_[block.pool],
                      heap::effective_size(block.largest_size, base_alignment_, alignment),
                      alignment)) {
    block.alignment = alignment;
    return;
  }
  --used_[block.pool];
  --served_[block.pool];
  const std::size_t pool = take(block.largest_size, alignment);
  if (pool == pools_.size()) {
    ++result_.failed;
    live_.erase(block);
    return;
  }
  block.alignment = alignment;
  block.pool = static_cast<std::uint32_t>(pool);
}

}  // namespace drone::layout
