// SPDX-License-Identifier: MIT
#include "layout/optimize.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

#include "support/error.hpp"

namespace drone::layout {
namespace {

using heap::PoolSpec;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Optimize, GivesEachSizeItsPoolIfThereAreEnough) {
  const std::vector<Demand> demands{{4, 4, 1}, {8, 4, 100}, {12, 4, 1}};
  EXPECT_THAT(optimize(demands, 3), ElementsAre(PoolSpec{4, 1}, PoolSpec{8, 100}, PoolSpec{12, 1}));
  EXPECT_THAT(optimize(demands, 64),
              ElementsAre(PoolSpec{4, 1}, PoolSpec{8, 100}, PoolSpec{12, 1}));
}

TEST(Optimize, WastesOnTheRarestSizes) {
  const std::vector<Demand> demands{{4, 4, 1}, {8, 4, 100}, {12, 4, 1}};
  const PoolLayout layout = optimize(demands, 2);
  EXPECT_THAT(layout, ElementsAre(PoolSpec{8, 101}, PoolSpec{12, 1}));
  EXPECT_EQ(fragmentation(layout, demands), 4U);
}

TEST(Optimize, TakesDemandsInAnyOrder) {
  std::vector<Demand> demands;
  for (std::uint32_t i = 1; i <= 60; ++i) {
    demands.push_back({4 * (i * 37 % 61), 4U << i % 3, i * i % 17 + 1});
    demands.back().effective_size = heap::round_up(demands.back().effective_size, 4U << i % 3);
  }
  const PoolLayout layout = optimize(demands, 8);
  for (std::uint32_t seed = 1; seed != 20; ++seed) {
    for (std::size_t i = demands.size() - 1; i != 0; --i) {
      std::swap(demands[i], demands[(i * seed * 7919) % (i + 1)]);
    }
    EXPECT_EQ(optimize(demands, 8), layout);
  }
}

TEST(Optimize, JoinsDemandsOfOneEffectiveSize) {
  const std::vector<Demand> demands{{16, 8, 3}, {16, 4, 2}};
  EXPECT_THAT(optimize(demands, 5), ElementsAre(PoolSpec{16, 5}));
}

TEST(Optimize, PrefersSmallerBlocksFirstAmongEquals) {
  // Any two pairs of neighbours waste 8 bytes, as do no other intervals.
  const std::vector<Demand> demands{{4, 4, 1}, {8, 4, 1}, {12, 4, 1}, {16, 4, 1}, {20, 4, 1}};
  EXPECT_THAT(optimize(demands, 3), ElementsAre(PoolSpec{4, 1}, PoolSpec{12, 2}, PoolSpec{20, 2}));
}

TEST(Optimize, AlignsBlocksForEveryRequestOfTheirInterval) {
  const std::vector<Demand> demands{{16, 16, 1}, {20, 4, 5}};
  EXPECT_THAT(optimize(demands, 1), ElementsAre(PoolSpec{32, 6}));
  EXPECT_THAT(optimize(demands, 2), ElementsAre(PoolSpec{16, 1}, PoolSpec{20, 5}));
}

TEST(Optimize, CountsASizeThatARoundedBlockReaches) {
  // A block for 16@16 and 24@8 would be 32, and that holds 28 too: there is no pool of 28 above it.
  const std::vector<Demand> demands{{16, 16, 1}, {24, 8, 1}, {28, 4, 100}};
  EXPECT_THAT(optimize(demands, 2), ElementsAre(PoolSpec{16, 1}, PoolSpec{32, 101}));
}

TEST(Optimize, AsksForNoPoolsWithoutDemands) {
  EXPECT_THAT(optimize(std::vector<Demand>(), 5), IsEmpty());
  EXPECT_THAT(optimize(std::vector<Demand>{{4, 4, 0}}, 5), IsEmpty());
}

TEST(Optimize, RefusesWhatNoHeapHolds) {
  const auto status_of = [](const std::vector<Demand>& demands) {
    try {
      optimize(demands, 5);
    } catch (const Error& error) {
      return error.status();
    }
    return ExitStatus::kDone;
  };
  EXPECT_EQ(status_of({{12, 128, 1}}), ExitStatus::kNoLayout);
  EXPECT_EQ(status_of({{UINT32_MAX - 3, 4, 1}}), ExitStatus::kNoLayout);
  EXPECT_EQ(status_of({{4, 4, 1U << 30}}), ExitStatus::kNoLayout);
  EXPECT_EQ(status_of({{4, 4, UINT64_MAX}, {8, 4, UINT64_MAX}}), ExitStatus::kNoLayout);
  EXPECT_EQ(status_of({{1U << 31, 4, 1}, {1U << 30, 4, 2}}), ExitStatus::kNoLayout);
  EXPECT_EQ(status_of({{1U << 31, 4, 1}, {1U << 30, 4, 1}}), ExitStatus::kDone);
}

TEST(FewestPools, FindsThemByFragmentation) {
  const std::vector<Demand> demands{{4, 4, 1}, {8, 4, 100}, {12, 4, 1}};
  EXPECT_EQ(fewest_pools(demands, 0, 64), 3U);
  EXPECT_EQ(fewest_pools(demands, 3, 64), 3U);
  EXPECT_EQ(fewest_pools(demands, 4, 64), 2U);
  EXPECT_EQ(fewest_pools(demands, 408, 64), 1U);
  EXPECT_EQ(fewest_pools(demands, 0, 2), std::nullopt);
  EXPECT_EQ(fewest_pools({}, 0, 64), 0U);
}

TEST(Fragmentation, FollowsTheHeapsRule) {
  const PoolLayout pools{{12, 9}, {20, 9}, {32, 9}};
  EXPECT_EQ(fragmentation(pools, std::vector<Demand>{{12, 4, 5}}), 0U);
  EXPECT_EQ(fragmentation(pools, std::vector<Demand>{{16, 4, 5}}), 20U);
  EXPECT_EQ(fragmentation(pools, std::vector<Demand>{{16, 16, 5}}), 80U);
  EXPECT_EQ(fragmentation(pools, std::vector<Demand>{{36, 4, 5}}), 0U);
}

/// The best layout by trying every set of at most `max_pools` of the multiples of 4 up to
/// `largest_block`, as DESIGN's words have it: the first block that holds a request serves it, and
/// is a multiple of its alignment.
PoolLayout exhaustive(const std::vector<Demand>& demands, std::size_t max_pools,
                      std::uint32_t largest_block) {
  const std::uint32_t candidates = largest_block / 4;
  PoolLayout best;
  const auto key = [](const PoolLayout& pools) {
    std::vector<std::uint64_t> values{layout_bytes(pools), pools.size()};
    for (const PoolSpec& pool : pools) values.push_back(pool.block_size);
    return values;
  };
  for (std::uint32_t set = 1; set < 1U << candidates; ++set) {
    PoolLayout pools;
    for (std::uint32_t i = 0; i != candidates; ++i) {
      if ((set >> i & 1) != 0) pools.push_back({4 * (i + 1), 0});
    }
    if (pools.size() > max_pools) continue;
    bool allowed = true;
    for (const Demand& demand : demands) {
      const auto pool = std::find_if(pools.begin(), pools.end(), [&demand](const PoolSpec& each) {
        return each.block_size >= demand.effective_size;
      });
      allowed = pool != pools.end() && pool->block_size % demand.alignment == 0;
      if (!allowed) break;
      pool->capacity += static_cast<std::uint32_t>(demand.max_count);
    }
    if (allowed && (best.empty() || key(pools) < key(best))) best = pools;
  }
  return best;
}

TEST(Optimize, FindsWhatExhaustiveSearchFinds) {
  EXPECT_TRUE(rc::check("optimize is exhaustive search", [] {
    const std::uint32_t base = *rc::gen::element(4U, 4U, 8U);
    const auto count = *rc::gen::inRange<std::size_t>(1, 9);
    // Aligned requests are often in each other's way, or there are none and ties are common.
    const bool aligned = *rc::gen::arbitrary<bool>();
    std::vector<Demand> demands;
    for (std::size_t i = 0; i != count; ++i) {
      const std::uint32_t alignment =
          aligned ? std::max(base, *rc::gen::element(4U, 8U, 16U)) : base;
      const std::uint32_t size = *rc::gen::inRange(1U, 33U);
      const auto blocks = *rc::gen::element<std::uint64_t>(1, 1, 1, 2, 20);
      demands.push_back({heap::effective_size(size, base, alignment), alignment, blocks});
    }
    const auto max_pools = *rc::gen::inRange<std::size_t>(1, 6);
    const PoolLayout layout = optimize(demands, max_pools);
    RC_ASSERT(layout == exhaustive(demands, max_pools, 48));
    RC_ASSERT(layout_bytes(layout) == demand_bytes(demands) + fragmentation(layout, demands));
    RC_ASSERT(*fewest_pools(demands, fragmentation(layout, demands), 64) == layout.size());
  }));
}

}  // namespace
}  // namespace drone::layout
