// SPDX-License-Identifier: MIT

// Tight layouts without spill, and what no layout can do with less.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "every_layout.hpp"
#include "layout/optimize.hpp"
#include "layout/replay.hpp"
#include "program.hpp"
#include "random_program.hpp"
#include "survey_of.hpp"

namespace drone::layout {
namespace {

using heap::PoolSpec;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// A program of a few steps and sizes: small enough to try every layout on.
Program tiny_program(std::uint32_t base, std::uint32_t largest, bool has_alignments) {
  Program program(base);
  const auto steps = *rc::gen::inRange(1, 16);
  for (int i = 0; i != steps; ++i) {
    const auto live = program.live();
    const auto any_live = [&live] { return live[*rc::gen::inRange<std::size_t>(0, live.size())]; };
    const auto size = *rc::gen::inRange(1U, largest + 1);
    const auto alignment = has_alignments ? *rc::gen::element(1U, 1U, 8U, 16U) : 1U;
    const auto action = *rc::gen::inRange(0, 100);
    if ((action < 50 && live.size() < 4) || live.empty()) {
      program.alloc(size, alignment);
    } else if (action < 80) {
      program.dealloc(any_live());
    } else if (action < 94) {
      program.resize(any_live(), size);
    } else if (action < 97) {
      if (alignment > base) program.realign(any_live(), alignment);
    } else {
      program.fail(size, alignment);
    }
  }
  return program;
}

TEST(OptimizeJointly, SharesBlocksBetweenSizesThatDoNotMeet) {
  Program program;
  const auto first = program.alloc(4);
  program.dealloc(first);
  program.alloc(8);
  EXPECT_THAT(optimize(*survey_of(program).joint_peaks(), 5), ElementsAre(PoolSpec{8, 1}));
}

TEST(OptimizeJointly, TakesFewerPoolsAmongEquals) {
  // Two blocks of 4, and then one of 8: one pool of two blocks of 8, or two pools of 4 + 4 and 8.
  Program program;
  const auto first = program.alloc(4);
  const auto second = program.alloc(4);
  program.dealloc(first);
  program.dealloc(second);
  program.alloc(8);
  EXPECT_THAT(optimize(*survey_of(program).joint_peaks(), 5), ElementsAre(PoolSpec{8, 2}));
}

TEST(OptimizeJointly, AsksForNoPoolsWithoutRequests) {
  EXPECT_THAT(optimize(JointPeaks(), 5), IsEmpty());
  EXPECT_EQ(lower_bound(JointPeaks(), 5).bytes, 0U);
}

/// The best layout by trying every set of blocks. The first block that holds a size serves it, and
/// is a multiple of its alignment; a pool has as many blocks as there were of its sizes at once.
PoolLayout exhaustive(const JointPeaks& peaks, std::size_t max_pools, std::uint32_t unit,
                      std::uint32_t largest) {
  PoolLayout best;
  const auto key = [](const PoolLayout& pools) {
    std::vector<std::uint64_t> values{layout_bytes(pools), pools.size()};
    for (const PoolSpec& pool : pools) values.push_back(pool.block_size);
    return values;
  };
  for_each_set_of_blocks(unit, largest, max_pools, [&](PoolLayout pools) {
    std::size_t next = 0;
    for (PoolSpec& pool : pools) {
      const std::size_t first = next;
      while (next != peaks.sizes().size() && peaks.sizes()[next] <= pool.block_size) {
        if (pool.block_size % peaks.alignments()[next] != 0) return;
        ++next;
      }
      if (next != first) pool.capacity = peaks.peak(first, next - 1);
    }
    if (next != peaks.sizes().size()) return;
    if (best.empty() || key(pools) < key(best)) best = pools;
  });
  return best;
}

TEST(OptimizeJointly, FindsWhatExhaustiveSearchFinds) {
  EXPECT_TRUE(rc::check("the tight layout without spill is exhaustive search", [] {
    const std::uint32_t base = *rc::gen::element(4U, 8U);
    const Program program = tiny_program(base, 40, *rc::gen::arbitrary<bool>());
    const Survey survey = survey_of(program, base);
    const auto max_pools = *rc::gen::inRange<std::size_t>(1, 6);
    RC_ASSERT(optimize(*survey.joint_peaks(), max_pools) ==
              exhaustive(*survey.joint_peaks(), max_pools, base, 48));
  }));
}

TEST(OptimizeJointly, RunsTheProgramWithoutASpill) {
  EXPECT_TRUE(rc::check("the tight layout without spill is proven by replay", [] {
    const std::uint32_t base = *rc::gen::element(4U, 8U);
    const Program program = random_program(base);
    const Survey survey = survey_of(program, base);
    const auto max_pools = *rc::gen::inRange<std::size_t>(1, 10);
    const PoolLayout pools = optimize(*survey.joint_peaks(), max_pools);
    RC_ASSERT(pools.size() <= max_pools);
    Replay run(pools, base);
    run.add(program.events());
    RC_ASSERT(run.result().failed == survey.demands().unservable());
    for (const PoolReplay& pool : run.result().pools) RC_ASSERT(pool.spills == 0U);
    RC_ASSERT(layout_bytes(pools) <= layout_bytes(optimize(survey.demands().demands(), max_pools)));
    RC_ASSERT(lower_bound(*survey.joint_peaks(), max_pools).bytes <= layout_bytes(pools));
  }));
}

TEST(LowerBound, CountsWhatFitsNoSmallerBlock) {
  // Three blocks of 4 and one of 12 at once, and two of 12 at another time: whoever places them,
  // two blocks hold 12, and four hold something.
  Program program;
  std::vector<std::uint32_t> small;
  for (int i = 0; i != 3; ++i) small.push_back(program.alloc(4));
  program.alloc(12);
  for (const std::uint32_t block : small) program.dealloc(block);
  program.alloc(12);
  const JointPeaks peaks = *survey_of(program).joint_peaks();
  const LowerBound bound = lower_bound(peaks, 2);
  EXPECT_EQ(bound.bytes, 2U * 4 + 2U * 12);
  EXPECT_THAT(bound.pools, ElementsAre(PoolSpec{4, 2}, PoolSpec{12, 2}));
  EXPECT_EQ(layout_bytes(optimize(peaks, 2)), 3U * 4 + 2U * 12);
  EXPECT_EQ(lower_bound(peaks, 1).bytes, 4U * 12);
}

/// Whether at each moment all that is alive could be put into these blocks, if it might be put
/// anywhere it fits and be moved about: no placement does with less. Alignments are left out.
bool could_hold(const Workload& workload, const PoolLayout& pools) {
  std::vector<std::uint32_t> live(workload.sizes().size());
  const auto size_of = [&workload](std::uint16_t class_index) {
    return workload.classes()[class_index].size_index;
  };
  for (const Workload::Change& change : workload.changes()) {
    if (change.from != Workload::kNoClass) --live[size_of(change.from)];
    if (change.to != Workload::kNoClass) ++live[size_of(change.to)];
    // From the largest on, as many blocks as there are for the sizes that fit no smaller one.
    std::size_t size = live.size();
    std::uint32_t blocks = 0;
    std::uint32_t above = 0;
    for (std::size_t p = pools.size(); p-- != 0;) {
      if (p + 1 == pools.size() && workload.sizes().back() > pools[p].block_size) return false;
      const std::uint32_t below = p == 0 ? 0 : pools[p - 1].block_size;
      for (; size != 0 && workload.sizes()[size - 1] > below; --size) above += live[size - 1];
      blocks += pools[p].capacity;
      if (above > blocks) return false;
    }
  }
  return true;
}

TEST(LowerBound, IsWhatTheBestOfAllLayoutsTakesIfBlocksMayBeMovedAbout) {
  EXPECT_TRUE(rc::check("no layout takes less than the bound", [] {
    const Program program = tiny_program(4, 20, *rc::gen::arbitrary<bool>());
    const Survey survey = survey_of(program);
    const Workload& workload = *survey.workload();
    RC_PRE(!workload.sizes().empty());
    const JointPeaks& peaks = *survey.joint_peaks();
    const auto max_pools = *rc::gen::inRange<std::size_t>(1, 4);
    const std::uint32_t all = peaks.peak(0, peaks.sizes().size() - 1);
    const LowerBound bound = lower_bound(peaks, max_pools);
    std::uint64_t least = UINT64_MAX;      // of those that could hold what is alive
    std::uint64_t least_run = UINT64_MAX;  // of those on which the heap's own rule serves it
    for_each_layout(4, 32, max_pools, all, [&](const PoolLayout& pools) {
      const std::uint64_t bytes = layout_bytes(pools);
      if (bytes < least && could_hold(workload, pools)) least = bytes;
      if (bytes >= least_run) return;
      Replay run(pools, 4);
      run.add(program.events());
      if (run.result().failed == survey.demands().unservable()) least_run = bytes;
    });
    RC_ASSERT(bound.bytes == least);
    RC_ASSERT(bound.bytes <= least_run);
    RC_ASSERT(least_run <= layout_bytes(optimize(peaks, max_pools)));
    RC_ASSERT(layout_bytes(bound.pools) == bound.bytes);
    RC_ASSERT(could_hold(workload, bound.pools));
  }));
}

}  // namespace
}  // namespace drone::layout
