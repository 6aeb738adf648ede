// SPDX-License-Identifier: MIT
#include "heaptrace/described_heap.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "drone/heap/pool_spec.hpp"

namespace drone::heaptrace {
namespace {

constexpr std::uint32_t kSettlingEvents = 64;
constexpr std::size_t kMostPools = 1024;
constexpr std::uint32_t kMostBlocks = 0xFFFFFF;

constexpr std::uint32_t kNarrowBlocks = 0x7FFF;
constexpr std::uint32_t kMostNarrowBytes = 0x3FFE;

constexpr std::array<std::uint16_t, kNarrowBlocks + 1> kNoLimits = [] {
  std::array<std::uint16_t, kNarrowBlocks + 1> limits{};
  for (std::uint32_t block = 0; block != kNarrowBlocks; ++block) limits[block] = kMostNarrowBytes;
  return limits;
}();

}  // namespace

void DescribedHeap::begin_run() {
  has_changed_ = true;
  pools_ = Pools::kNone;
  described_ = false;
  block_size_ = 0;
  events_since_fact_ = 0;
}

/// The first fact of a run replaces the description of the run before.
void DescribedHeap::begin_description() {
  if (described_) return;
  described_ = true;
  description_ = {};
  pool_ends_.clear();
  if (pools_ == Pools::kNone) pools_ = Pools::kOpen;
}

bool DescribedHeap::add_fact(const Record& record) {
  has_changed_ = true;
  begin_description();
  events_since_fact_ = 0;
  const std::uint32_t value = record.argument;
  const bool of_pools = record.op == Op::kPoolBlock || record.op == Op::kPoolCapacity;
  if (!of_pools && pools_ == Pools::kOpen && (!pool_ends_.empty() || block_size_ != 0)) {
    close_pools();
  }
  switch (record.op) {
    case Op::kPoolBlock:
      if (pools_ != Pools::kOpen) break;
      if (value == 0 || block_size_ != 0) {
        drop_pools();
        return value != 0;
      }
      block_size_ = value;
      break;
    case Op::kPoolCapacity:
      if (pools_ == Pools::kOpen) add_capacity(value);
      break;
    case Op::kHeapSize:
      if (value == 0) return false;
      description_.heap_size = value;
      break;
    case Op::kClock:
      description_.clock_khz = value;
      break;
    case Op::kHeapBaseLow:
      base_low_ = value;
      break;
    case Op::kHeapBaseHigh:
      if (value > 0xFF) return false;
      description_.heap_base = value << 24 | base_low_;
      break;
    case Op::kHeapAlignment:
      if (value != 4 && value != 8) return false;
      description_.base_alignment = value;
      break;
    default:
      break;
  }
  return true;
}

void DescribedHeap::add_capacity(std::uint32_t capacity) {
  const std::uint32_t first = pool_ends_.empty() ? 0 : pool_ends_.back();
  if (block_size_ == 0 || pool_ends_.size() == kMostPools || capacity > kMostBlocks - first) {
    drop_pools();
    return;
  }
  description_.pools.push_back({block_size_, capacity});
  pool_ends_.push_back(first + capacity);
  block_size_ = 0;
}

void DescribedHeap::close_pools() {
  has_changed_ = true;
  if (block_size_ != 0) {
    drop_pools();
  } else {
    pools_ = Pools::kClosed;
  }
}

void DescribedHeap::drop_pools() {
  has_changed_ = true;
  pools_ = Pools::kLost;
  block_size_ = 0;
  description_.pools.clear();
  pool_ends_.clear();
}

void DescribedHeap::note_event() {
  if (pools_ == Pools::kOpen && ++events_since_fact_ == kSettlingEvents) close_pools();
}

void DescribedHeap::note_loss() {
  if (pools_ == Pools::kOpen) drop_pools();
  if (pools_ == Pools::kNone) pools_ = Pools::kLost;
}

void DescribedHeap::end_stream() {
  if (pools_ == Pools::kOpen) close_pools();
}

DescribedHeap::Verdict DescribedHeap::judge(std::uint32_t block, std::uint32_t size,
                                            std::uint32_t alignment) const {
  if (pools_ != Pools::kOpen && pools_ != Pools::kClosed) return Verdict::kUnknown;
  const auto pool = std::upper_bound(pool_ends_.begin(), pool_ends_.end(), block);
  if (pool != pool_ends_.end()) {
    const heap::PoolSpec& spec =
        description_.pools[static_cast<std::size_t>(pool - pool_ends_.begin())];
    const bool possible =
        size <= spec.block_size && alignment <= heap::block_alignment(spec.block_size);
    return possible ? Verdict::kPossible : Verdict::kImpossible;
  }
  if (pools_ == Pools::kOpen) return Verdict::kUnknown;
  if (!pool_ends_.empty()) return Verdict::kImpossible;
  if (!description_.heap_size) return Verdict::kUnknown;
  const std::uint64_t offset = std::uint64_t{block} * kPoollessUnit;
  return offset < *description_.heap_size && size <= *description_.heap_size - offset
             ? Verdict::kPossible
             : Verdict::kImpossible;
}

std::optional<DescribedHeap::NarrowLimits> DescribedHeap::narrow_limits() {
  if (pools_ == Pools::kOpen) return std::nullopt;
  const bool describes =
      pools_ == Pools::kClosed && (!pool_ends_.empty() || description_.heap_size);
  if (!describes) return NarrowLimits{kNoLimits, false};
  if (std::exchange(has_changed_, false) &&
      (limits_.empty() || limited_.heap_size != description_.heap_size ||
       limited_.pools != description_.pools)) {
    fill_limits();
  }
  return NarrowLimits{std::span(limits_).first<kNarrowBlocks + 1>(), true};
}

void DescribedHeap::fill_limits() {
  limited_ = {description_.pools, description_.heap_size};
  limits_.assign(kNarrowBlocks + 1, 0);
  std::uint32_t block = 0;
  for (std::size_t pool = 0; pool != pool_ends_.size(); ++pool) {
    const std::uint32_t most = std::min(description_.pools[pool].block_size, kMostNarrowBytes);
    for (; block != std::min(pool_ends_[pool], kNarrowBlocks); ++block) {
      limits_[block] = static_cast<std::uint16_t>(most);
    }
  }
  if (!pool_ends_.empty()) return;
  const std::uint32_t size = *description_.heap_size;
  for (; block != kNarrowBlocks && block * kPoollessUnit < size; ++block) {
    limits_[block] =
        static_cast<std::uint16_t>(std::min(size - block * kPoollessUnit, kMostNarrowBytes));
  }
}

}  // namespace drone::heaptrace
