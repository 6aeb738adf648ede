// SPDX-License-Identifier: MIT

// A recorded program, and the layouts that were found for it apart from this code
// (tests/golden/traces/README.md).

#include "recorded_trace.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "layout/optimize.hpp"
#include "layout/replay.hpp"

namespace drone::layout {
namespace {

using heap::PoolSpec;
using ::testing::ElementsAre;

Program recorded() {
  std::ifstream in(DRONE_SOURCE_DIR "/tests/golden/traces/jim_script.txt");
  return read_recorded_trace(in);
}

/// The optimal layout of at most `max_pools`, on which the program was run.
PoolLayout proven_layout(std::uint32_t base_alignment, std::size_t max_pools) {
  const Program program = recorded();
  DemandCollector collector(base_alignment);
  collector.add(program.events());
  const PoolLayout pools = optimize(collector.demands(), max_pools);
  Replay replay(pools, base_alignment);
  replay.add(program.events());
  EXPECT_GE(replay.result().requests, 1524U);
  EXPECT_EQ(replay.result().failed, 0U);
  for (const PoolReplay& pool : replay.result().pools) EXPECT_EQ(pool.spills, 0U);
  return pools;
}

TEST(RecordedTrace, HasTheLayoutsThatTryingEveryChoiceFinds) {
  EXPECT_THAT(proven_layout(4, 1), ElementsAre(PoolSpec{1740, 704}));
  EXPECT_THAT(proven_layout(4, 2), ElementsAre(PoolSpec{80, 670}, PoolSpec{1740, 34}));
  EXPECT_THAT(proven_layout(4, 3),
              ElementsAre(PoolSpec{40, 627}, PoolSpec{328, 65}, PoolSpec{1740, 12}));
  EXPECT_THAT(proven_layout(4, 5),
              ElementsAre(PoolSpec{16, 315}, PoolSpec{40, 312}, PoolSpec{136, 57},
                          PoolSpec{640, 15}, PoolSpec{1740, 5}));
}

TEST(RecordedTrace, HasTheLayoutsOfABaseAlignmentOf8) {
  EXPECT_THAT(proven_layout(8, 2), ElementsAre(PoolSpec{80, 670}, PoolSpec{1744, 34}));
  EXPECT_THAT(proven_layout(8, 5),
              ElementsAre(PoolSpec{16, 315}, PoolSpec{40, 312}, PoolSpec{136, 57},
                          PoolSpec{640, 15}, PoolSpec{1744, 5}));
}

TEST(RecordedTrace, TakesNoMoreThanItsSizesWithAPoolForEach) {
  EXPECT_EQ(layout_bytes(proven_layout(4, 64)), 30636U);
  EXPECT_EQ(layout_bytes(proven_layout(8, 64)), 31408U);
}

}  // namespace
}  // namespace drone::layout
