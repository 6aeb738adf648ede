// SPDX-License-Identifier: MIT

// The heap against a model over random operations: the model is a counter of free blocks per pool
// and the selection rule, so it says which pool must serve, or that none can. After every step all
// live blocks are looked at: where they lie, whom they overlap, what they hold.

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <vector>

#include "drone/heap/heap.hpp"
#include "recording_tracer.hpp"
#include "test_layouts.hpp"

namespace drone::heap::test {
namespace {

struct Live {
  std::size_t size;
  std::size_t alignment;
  std::size_t pool;
  std::uint32_t number;
  unsigned char fill;
};

template <class TheLayout>
class Model {
 public:
  static constexpr const auto& kLayout = TheLayout::kLayout;
  using Tracer = RecordingTracer<TheLayout>;
  using TestedHeap = Heap<kLayout, Tracer>;

  static constexpr bool kFull = kLayout.options.checks == Checks::kFull;

  Model() {
    TestedHeap::reset();
    counted_.resize(kLayout.pools.size());
    Tracer::calls.clear();
    for (const PoolSpec& pool : kLayout.pools) free_.push_back(pool.capacity);
  }

  void allocate(std::size_t size, std::size_t alignment) {
    const std::size_t pool = serving_pool(size, alignment);
    void* const block = TestedHeap::allocate(size, alignment);
    if (size == 0) {
      RC_ASSERT((block == nullptr));
      RC_ASSERT(Tracer::calls.empty());
      return;
    }
    const auto traced = static_cast<std::uint32_t>(
        std::min<std::size_t>(size, std::numeric_limits<std::uint32_t>::max()));
    const auto named = alignment > kLayout.alignment ? static_cast<std::uint32_t>(alignment) : 1;
    count(size, alignment, pool);
    if (pool == kLayout.pools.size()) {
      RC_ASSERT((block == nullptr));
      expect_call({Call::kAlloc, kNoBlock, traced, named});
      return;
    }
    RC_ASSERT((block != nullptr));
    --free_[pool];
    const std::uint32_t number = number_of(block);
    expect_call({Call::kAlloc, number, traced, named});
    add(block, {size, alignment, pool, number, next_fill_++});
  }

  void deallocate(std::size_t which, bool is_size_known) {
    if (live_.empty()) return;
    const auto entry = pick(which);
    if (is_size_known) {
      TestedHeap::deallocate(entry->first, entry->second.size);
    } else {
      TestedHeap::deallocate(entry->first);
    }
    expect_call({Call::kDealloc, entry->second.number});
    ++free_[entry->second.pool];
    --counted_[entry->second.pool].in_use;
    live_.erase(entry);
  }

  void resize(std::size_t which, std::size_t size) {
    if (live_.empty()) return;
    const auto entry = pick(which);
    Live& life = entry->second;
    const auto old_size = static_cast<std::uint32_t>(life.size);
    const auto new_size = static_cast<std::uint32_t>(size);
    if (size <= life.size) {
      RC_ASSERT(TestedHeap::shrink(entry->first, life.size, size));
      expect_call({Call::kShrink, life.number, old_size, new_size});
    } else if (size <= kLayout.pools[life.pool].block_size) {
      RC_ASSERT(TestedHeap::grow(entry->first, life.size, size));
      expect_call({Call::kGrow, life.number, old_size, new_size});
    } else {
      RC_ASSERT(!TestedHeap::grow(entry->first, life.size, size));
      RC_ASSERT(Tracer::calls.empty());
      return;
    }
    life.size = size;
    std::memset(entry->first, life.fill, size);
  }

  void reallocate(std::size_t which, std::size_t size) {
    if (live_.empty()) return;
    const auto entry = pick(which);
    Live life = entry->second;
    const auto new_size = static_cast<std::uint32_t>(size);
    const bool fits = size <= kLayout.pools[life.pool].block_size;
    const std::size_t pool = fits ? life.pool : serving_pool(size, 1);
    void* const moved = TestedHeap::reallocate(entry->first, size);
    if (fits) {
      RC_ASSERT((moved == entry->first));
      expect_call({Call::kGrow, life.number, 0, new_size});
      entry->second.size = size;
      std::memset(moved, life.fill, size);
      return;
    }
    count(size, 1, pool);
    if (pool == kLayout.pools.size()) {
      RC_ASSERT((moved == nullptr));
      expect_call({Call::kAlloc, kNoBlock, new_size, 1});
      return;
    }
    --counted_[life.pool].in_use;
    RC_ASSERT((moved != nullptr));
    const auto* const bytes = static_cast<const unsigned char*>(moved);
    RC_ASSERT(std::all_of(bytes, bytes + life.size,
                          [&](unsigned char byte) { return byte == life.fill; }));
    const std::uint32_t number = number_of(moved);
    const std::vector<Call> expected{{Call::kAlloc, number, new_size, 1},
                                     {Call::kDealloc, life.number}};
    RC_ASSERT(Tracer::calls == expected);
    Tracer::calls.clear();
    ++free_[life.pool];
    --free_[pool];
    live_.erase(entry);
    add(moved, {size, 1, pool, number, life.fill});
  }

  /// Every invariant that a program can see.
  void check() const {
    const std::byte* behind = arena<kLayout>.data();
    for (const auto& entry : live_) {
      void* const block = entry.first;
      const Live& life = entry.second;
      const PoolSpec spec = kLayout.pools[life.pool];
      RC_ASSERT(TestedHeap::owns(block));
      RC_ASSERT((static_cast<const std::byte*>(block) >= behind));
      behind = static_cast<const std::byte*>(block) + spec.block_size;
      RC_ASSERT(TestedHeap::usable_size(block) == (kFull ? life.size : spec.block_size));
      const auto alignment =
          std::max<std::size_t>(std::max<std::size_t>(life.alignment, kLayout.alignment),
                                block_alignment(spec.block_size));
      RC_ASSERT(reinterpret_cast<std::uintptr_t>(block) % alignment == 0U);
      const auto* const bytes = static_cast<const unsigned char*>(block);
      RC_ASSERT(std::all_of(bytes, bytes + life.size,
                            [&](unsigned char byte) { return byte == life.fill; }));
    }
    RC_ASSERT((behind <= arena<kLayout>.data() + arena<kLayout>.size()));
    if constexpr (kLayout.options.statistics) check_statistics();
  }

  /// Takes all there is, pool by pool: as many blocks as the model says.
  void exhaust() {
    for (std::size_t pool = 0; pool != kLayout.pools.size(); ++pool) {
      while (free_[pool] != 0) allocate(kLayout.pools[pool].block_size, 1);
    }
    check();
    allocate(1, 1);
    RC_ASSERT(std::all_of(free_.begin(), free_.end(), [](auto count) { return count == 0; }));
  }

  void give_all_back() {
    while (!live_.empty()) deallocate(0, false);
  }

 private:
  using LiveBlocks = std::map<void*, Live>;

  /// Counts as the heap is to count: `pool` served the request, or none did.
  void count(std::size_t size, std::size_t alignment, std::size_t pool) {
    const std::size_t none = kLayout.pools.size();
    const std::size_t first = serving_pool(size, alignment, [](std::size_t) { return true; });
    if (first == none) {
      ++hopeless_;
    } else if (pool == none) {
      ++counted_[first].failures;
    } else {
      PoolStatistics& served = counted_[pool];
      served.high_water = std::max(served.high_water, ++served.in_use);
      if (pool != first) ++served.spills;
    }
  }

  void check_statistics() const {
    for (std::size_t pool = 0; pool != kLayout.pools.size(); ++pool) {
      const PoolStatistics seen = TestedHeap::statistics(pool);
      RC_ASSERT(seen.in_use == counted_[pool].in_use);
      RC_ASSERT(seen.high_water == counted_[pool].high_water);
      RC_ASSERT(seen.failures == counted_[pool].failures);
      RC_ASSERT(seen.spills == counted_[pool].spills);
    }
    RC_ASSERT(TestedHeap::hopeless_count() == hopeless_);
  }

  std::size_t serving_pool(std::size_t size, std::size_t alignment) const {
    return serving_pool(size, alignment, [&](std::size_t pool) { return free_[pool] != 0; });
  }

  template <class TryTake>
  std::size_t serving_pool(std::size_t size, std::size_t alignment, TryTake try_take) const {
    const std::size_t none = kLayout.pools.size();
    if (size > kLayout.pools.back().block_size || alignment > kMaxAlignment) return none;
    const auto named = static_cast<std::uint32_t>(alignment);
    return select_pool(kLayout.pools,
                       effective_size(static_cast<std::uint32_t>(size), kLayout.alignment, named),
                       named, try_take);
  }

  /// Blocks are numbered in address order: so many blocks lie before this one.
  static std::uint32_t number_of(const void* block) {
    std::array<PoolPlacement, kLayout.pools.size()> placed{};
    place_pools(kLayout.pools, placed);
    auto offset =
        static_cast<std::uint32_t>(static_cast<const std::byte*>(block) - arena<kLayout>.data());
    std::uint32_t number = 0;
    for (const PoolPlacement& place : placed) {
      const PoolSpec pool = kLayout.pools[place.pool];
      const std::uint32_t stride = pool.block_size + (kFull ? block_alignment(pool.block_size) : 0);
      const std::uint32_t bytes = stride * pool.capacity;
      if (offset < bytes) {
        RC_ASSERT(offset % stride == 0U);
        return number + offset / stride;
      }
      offset -= bytes;
      number += pool.capacity;
    }
    RC_FAIL("not in the heap");
  }

  void add(void* block, Live life) {
    RC_ASSERT(TestedHeap::usable_size(block) ==
              (kFull ? life.size : kLayout.pools[life.pool].block_size));
    RC_ASSERT(live_.count(block) == 0U);
    std::memset(block, life.fill, life.size);
    live_.emplace(block, life);
  }

  typename LiveBlocks::iterator pick(std::size_t which) {
    return std::next(live_.begin(), static_cast<std::ptrdiff_t>(which % live_.size()));
  }

  static void expect_call(const Call& call) {
    const std::vector<Call> expected{call};
    RC_ASSERT(Tracer::calls == expected);
    Tracer::calls.clear();
  }

  std::vector<std::uint32_t> free_;
  std::vector<PoolStatistics> counted_;
  std::uint32_t hopeless_ = 0;
  LiveBlocks live_;
  unsigned char next_fill_ = 1;
};

template <class TheLayout>
class HeapModel : public testing::Test {};

using Layouts =
    testing::Types<Example, OnePool, TwoPools, OneBlock, SixteenPools, Alignment8, Aligned64,
                   Granular, Large, With<Example, Checks::kOff>, With<SixteenPools, Checks::kOff>,
                   With<Large, Checks::kOff, true>, With<Example, Checks::kFull>,
                   With<SixteenPools, Checks::kFull, true>, With<Alignment8, Checks::kFull>,
                   With<OneBlock, Checks::kFull>, With<Large, Checks::kFull>>;
TYPED_TEST_SUITE(HeapModel, Layouts);

TYPED_TEST(HeapModel, ServesEveryRequestFromTheBlockThatTheRuleSays) {
  const bool ok = rc::check([] {
    Model<TypeParam> model;
    const std::size_t largest = TypeParam::kLayout.pools.back().block_size;
    const auto sizes = rc::gen::weightedOneOf<std::size_t>(
        {{8, rc::gen::inRange<std::size_t>(1, 40)},
         {4, rc::gen::inRange<std::size_t>(1, largest + 1)},
         {1, rc::gen::elementOf(
                 std::vector<std::size_t>{0, largest, largest + 1, UINT32_MAX - 2, UINT32_MAX,
                                          std::numeric_limits<std::size_t>::max()})}});
    const auto small_sizes = rc::gen::inRange<std::size_t>(1, largest + 8);
    const auto alignments = rc::gen::weightedElement<std::size_t>(
        {{12, 1}, {1, 2}, {2, 4}, {3, 8}, {1, 16}, {1, 32}, {2, 64}, {1, 128}});
    const auto steps = *rc::gen::inRange(1, 120);
    for (int step = 0; step != steps; ++step) {
      const auto which = *rc::gen::arbitrary<std::uint16_t>();
      switch (*rc::gen::weightedElement<int>({{10, 0}, {6, 1}, {2, 2}, {2, 3}, {1, 4}, {1, 5}})) {
        case 0:
          model.allocate(*sizes, *alignments);
          break;
        case 1:
          model.deallocate(which, *rc::gen::arbitrary<bool>());
          break;
        case 2:
          model.resize(which, *small_sizes);
          break;
        case 3:
          model.reallocate(which, *small_sizes);
          break;
        case 4:
          for (int i = 0; i != 8; ++i) model.allocate(which % 32 + 1U, 1);
          break;
        default:
          for (std::size_t i = 0; i != 4; ++i) model.deallocate(which + 7 * i, false);
          break;
      }
      model.check();
    }
    model.exhaust();
    model.give_all_back();
    model.exhaust();
  });
  EXPECT_TRUE(ok);
}

TYPED_TEST(HeapModel, HandsOutUntouchedBlocksInAddressOrder) {
  using TestedHeap = Heap<TypeParam::kLayout>;
  TestedHeap::reset();
  for (const PoolSpec& pool : TypeParam::kLayout.pools) {
    const std::byte* expected = nullptr;
    for (std::uint32_t i = 0; i != pool.capacity; ++i) {
      void* const block = TestedHeap::allocate(pool.block_size);
      ASSERT_NE(block, nullptr);
      if (expected != nullptr) {
        EXPECT_EQ(block, expected);
      }
      const bool is_full = TypeParam::kLayout.options.checks == Checks::kFull;
      expected = static_cast<std::byte*>(block) + pool.block_size +
                 (is_full ? block_alignment(pool.block_size) : 0);
    }
  }
  EXPECT_EQ(TestedHeap::allocate(1), nullptr);
}

}  // namespace
}  // namespace drone::heap::test
