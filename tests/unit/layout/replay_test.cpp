// SPDX-License-Identifier: MIT
#include "layout/replay.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "layout/optimize.hpp"
#include "program.hpp"
#include "random_program.hpp"

namespace drone::layout {
namespace {

using heap::PoolSpec;
using ::testing::ElementsAre;

ReplayResult replay(const Program& program, const PoolLayout& pools,
                    std::uint32_t base_alignment = 4) {
  Replay run(pools, base_alignment);
  run.add(program.events());
  return run.result();
}

TEST(Replay, CountsTheMostBlocksInUse) {
  Program program;
  const auto first = program.alloc(12);
  program.alloc(9);
  program.dealloc(first);
  program.alloc(1);
  const ReplayResult result = replay(program, {{4, 1}, {12, 3}});
  EXPECT_EQ(result.requests, 3U);
  EXPECT_EQ(result.failed, 0U);
  EXPECT_EQ(result.moves, 0U);
  EXPECT_THAT(result.pools, ElementsAre(PoolReplay{{4, 1}, 1, 0}, PoolReplay{{12, 3}, 2, 0}));
}

TEST(Replay, SpillsToTheNextPoolThatHasABlock) {
  Program program;
  for (int i = 0; i != 4; ++i) program.alloc(4);
  program.alloc(12);
  const ReplayResult result = replay(program, {{4, 1}, {8, 2}, {12, 2}});
  EXPECT_EQ(result.failed, 0U);
  EXPECT_THAT(result.pools, ElementsAre(PoolReplay{{4, 1}, 1, 0}, PoolReplay{{8, 2}, 2, 2},
                                        PoolReplay{{12, 2}, 2, 1}));
}

TEST(Replay, CountsNoSpillWhereASmallerBlockCouldNotServe) {
  Program program;
  program.alloc(12, 16);
  const ReplayResult result = replay(program, {{20, 0}, {32, 1}});
  EXPECT_THAT(result.pools, ElementsAre(PoolReplay{{20, 0}, 0, 0}, PoolReplay{{32, 1}, 1, 0}));
}

TEST(Replay, IgnoresWhatBecomesOfARequestThatFailed) {
  Program program;
  program.alloc(8);
  const auto failing = program.alloc(8);
  program.resize(failing, 4);
  program.dealloc(failing);
  program.alloc(4);
  const ReplayResult result = replay(program, {{8, 1}});
  EXPECT_EQ(result.requests, 3U);
  EXPECT_EQ(result.failed, 2U);
  EXPECT_THAT(result.pools, ElementsAre(PoolReplay{{8, 1}, 1, 0}));
}

TEST(Replay, LeavesAResizeInItsBlock) {
  Program program;
  const auto block = program.alloc(20);
  program.resize(block, 4);
  program.resize(block, 32);
  const ReplayResult result = replay(program, {{4, 1}, {32, 1}});
  EXPECT_EQ(result.requests, 1U);
  EXPECT_EQ(result.moves, 0U);
  EXPECT_THAT(result.pools, ElementsAre(PoolReplay{{4, 1}, 0, 0}, PoolReplay{{32, 1}, 1, 0}));
}

TEST(Replay, MovesAResizeThatItsBlockDoesNotHold) {
  Program program;
  const auto first = program.alloc(4);
  program.resize(first, 8);
  program.alloc(4);
  const ReplayResult result = replay(program, {{4, 1}, {8, 1}});
  EXPECT_EQ(result.requests, 3U);
  EXPECT_EQ(result.moves, 1U);
  EXPECT_EQ(result.failed, 0U);
  EXPECT_THAT(result.pools, ElementsAre(PoolReplay{{4, 1}, 1, 0}, PoolReplay{{8, 1}, 1, 0}));
}

TEST(Replay, LeavesABlockWhoseMoveFailsWhereItWas) {
  Program program;
  const auto block = program.alloc(4);
  program.resize(block, 12);
  program.alloc(4);
  program.dealloc(block);
  program.alloc(4);
  const ReplayResult result = replay(program, {{4, 1}});
  EXPECT_EQ(result.requests, 4U);
  EXPECT_EQ(result.failed, 2U);
  EXPECT_EQ(result.moves, 1U);
}

TEST(Replay, TriesAFailedRequestAndGivesItBack) {
  Program program;
  program.fail(4);
  program.fail(4);
  program.alloc(4);
  program.fail(4);
  const ReplayResult result = replay(program, {{4, 1}});
  EXPECT_EQ(result.requests, 4U);
  EXPECT_EQ(result.failed, 1U);
  EXPECT_THAT(result.pools, ElementsAre(PoolReplay{{4, 1}, 1, 0}));
}

TEST(Replay, ServesARealignedBlockFromAPoolThatIsAligned) {
  Program program;
  const auto block = program.alloc(12);
  program.realign(block, 16);
  program.alloc(12);
  program.dealloc(block);
  program.alloc(16, 16);
  const ReplayResult result = replay(program, {{12, 1}, {16, 1}});
  EXPECT_EQ(result.requests, 3U);
  EXPECT_EQ(result.failed, 0U);
  EXPECT_EQ(result.moves, 0U);
}

TEST(Replay, ServesARealignedBlockForItsLargestSize) {
  Program program;
  const auto block = program.alloc(4);
  program.resize(block, 12);
  program.resize(block, 8);
  program.realign(block, 8);
  const ReplayResult result = replay(program, {{8, 0}, {12, 1}, {16, 1}});
  EXPECT_EQ(result.failed, 0U);
  EXPECT_THAT(result.pools, ElementsAre(PoolReplay{{8, 0}, 0, 0}, PoolReplay{{12, 1}, 1, 1},
                                        PoolReplay{{16, 1}, 1, 0}));
}

TEST(Replay, LeavesARealignedBlockWhereItCouldHaveBeenFromTheStart) {
  Program program;
  const auto first = program.alloc(8);
  const auto spilled = program.alloc(8);
  program.dealloc(first);
  program.realign(spilled, 8);
  program.alloc(8);
  program.alloc(12);
  const ReplayResult result = replay(program, {{8, 1}, {16, 2}});
  EXPECT_EQ(result.requests, 4U);
  EXPECT_EQ(result.failed, 0U);
  EXPECT_THAT(result.pools, ElementsAre(PoolReplay{{8, 1}, 1, 0}, PoolReplay{{16, 2}, 2, 1}));
}

TEST(Replay, FreesEverythingOnReset) {
  Program program;
  program.alloc(4);
  program.reset();
  program.alloc(4);
  EXPECT_EQ(replay(program, {{4, 1}}).failed, 0U);
}

TEST(Replay, RoundsToTheBaseAlignment) {
  Program program;
  program.alloc(12);
  EXPECT_EQ(replay(program, {{12, 1}}, 4).failed, 0U);
  EXPECT_EQ(replay(program, {{12, 1}}, 8).failed, 1U);
}

TEST(Replay, FailsWhatNoLayoutServes) {
  Program program;
  program.alloc(12, 128);
  program.alloc(UINT32_MAX);
  program.realign(program.alloc(12), 128);
  EXPECT_EQ(replay(program, {{16, 4}, {1U << 31, 1}}).failed, 3U);
}

TEST(Replay, FailsEverythingWithoutPools) {
  Program program;
  program.alloc(1);
  EXPECT_EQ(replay(program, {}).failed, 1U);
}

TEST(Replay, RunsEveryTraceOnTheLayoutOptimisedForIt) {
  EXPECT_TRUE(rc::check("the default layout is proven by replay", [] {
    const std::uint32_t base = *rc::gen::element(4U, 8U);
    const Program program = random_program(base);
    DemandCollector collector(base);
    collector.add(program.events());
    const PoolLayout layout = optimize(collector.demands(), *rc::gen::inRange<std::size_t>(1, 8));
    const ReplayResult result = replay(program, layout, base);
    RC_ASSERT(result.failed == collector.unservable());
    for (const PoolReplay& pool : result.pools) {
      RC_ASSERT(pool.high_water_mark <= pool.pool.capacity);
      RC_ASSERT(pool.spills == 0U);
    }

    const std::uint64_t heap_size = layout_bytes(layout) + *rc::gen::inRange(0U, 5000U);
    const PoolLayout roomy = with_headroom(layout, heap_size);
    RC_ASSERT(layout_bytes(roomy) <= heap_size);
    RC_ASSERT(replay(program, roomy, base).failed == collector.unservable());
  }));
}

TEST(Replay, OfSeveralTracesHasTheLargestMarksAndTheSumsOfTheRest) {
  Program one;
  for (int i = 0; i != 3; ++i) one.alloc(4);
  Program other;
  other.alloc(12);
  other.resize(other.alloc(4), 12);
  const PoolLayout pools = {{4, 2}, {12, 1}};
  ReplayResult result = replay(one, pools);
  merge(result, replay(other, pools));
  EXPECT_EQ(result.requests, 6U);
  EXPECT_EQ(result.failed, 1U);
  EXPECT_EQ(result.moves, 1U);
  EXPECT_THAT(result.pools, ElementsAre(PoolReplay{{4, 2}, 2, 0}, PoolReplay{{12, 1}, 1, 1}));
}

}  // namespace
}  // namespace drone::layout
