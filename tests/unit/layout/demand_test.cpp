// SPDX-License-Identifier: MIT
#include "layout/demand.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "program.hpp"

namespace drone::layout {

/// For messages of failed tests.
void PrintTo(const Demand& demand, std::ostream* out) {
  *out << demand.max_count << " x " << demand.effective_size << '@' << demand.alignment;
}

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<Demand> demands_of(const Program& program, std::uint32_t base_alignment = 4) {
  DemandCollector collector(base_alignment);
  collector.add(program.events());
  return collector.demands();
}

TEST(DemandCollector, CountsTheMostBlocksOfASizeAliveAtOneTime) {
  Program program;
  const auto first = program.alloc(12);
  program.alloc(12);
  program.dealloc(first);
  program.alloc(12);
  program.alloc(28);
  EXPECT_THAT(demands_of(program), ElementsAre(Demand{12, 4, 2}, Demand{28, 4, 1}));
}

TEST(DemandCollector, KeepsRequestedSizesOfOneEffectiveSizeApart) {
  Program program;
  program.dealloc(program.alloc(9));
  program.dealloc(program.alloc(12));
  EXPECT_THAT(demands_of(program), ElementsAre(Demand{12, 4, 1}, Demand{12, 4, 1}));
}

TEST(DemandCollector, JoinsAlignmentsThatAskForTheSameBlock) {
  Program program;
  program.dealloc(program.alloc(16, 8));
  program.alloc(16);
  EXPECT_THAT(demands_of(program), ElementsAre(Demand{16, 8, 1}));
}

TEST(DemandCollector, KeepsAlignmentsThatAskForLargerBlocksApart) {
  Program program;
  program.alloc(12);
  program.alloc(12, 64);
  EXPECT_THAT(demands_of(program), ElementsAre(Demand{12, 4, 1}, Demand{64, 64, 1}));
}

TEST(DemandCollector, RoundsToTheBaseAlignment) {
  Program program;
  program.alloc(1);
  program.alloc(12);
  EXPECT_THAT(demands_of(program, 8), ElementsAre(Demand{8, 8, 1}, Demand{16, 8, 1}));
}

TEST(DemandCollector, CountsAShrunkBlockAsItsLargestSize) {
  Program program;
  const auto block = program.alloc(100);
  program.resize(block, 8);
  program.alloc(100);
  program.resize(block, 60);
  EXPECT_THAT(demands_of(program), ElementsAre(Demand{100, 4, 2}));
}

TEST(DemandCollector, MovesABlockThatGrowsBeyondItsLargestSize) {
  Program program;
  const auto block = program.alloc(8);
  program.resize(block, 20);
  program.alloc(8);
  program.dealloc(block);
  program.alloc(20);
  EXPECT_THAT(demands_of(program), ElementsAre(Demand{8, 4, 1}, Demand{20, 4, 1}));
}

TEST(DemandCollector, KeepsTheAlignmentOfABlockThatGrows) {
  Program program;
  const auto block = program.alloc(8, 16);
  program.resize(block, 20);
  EXPECT_THAT(demands_of(program), ElementsAre(Demand{16, 16, 1}, Demand{32, 16, 1}));
}

TEST(DemandCollector, CountsAFailedRequestAsOneMoreBlock) {
  Program program;
  const auto block = program.alloc(32);
  program.alloc(32);
  program.fail(32);
  program.fail(32);
  program.dealloc(block);
  program.fail(32);
  program.fail(40);
  EXPECT_THAT(demands_of(program), ElementsAre(Demand{32, 4, 3}, Demand{40, 4, 1}));

  DemandCollector collector(4);
  collector.add(program.events());
  EXPECT_EQ(collector.failed().count, 4U);
  EXPECT_EQ(collector.failed().largest, 40U);
}

TEST(DemandCollector, MovesARealignedBlockToItsClass) {
  Program program;
  program.realign(program.alloc(12), 64);
  program.alloc(12);
  program.realign(program.alloc(16), 8);
  program.alloc(16);
  EXPECT_THAT(demands_of(program),
              ElementsAre(Demand{12, 4, 1}, Demand{16, 8, 2}, Demand{64, 64, 1}));
}

TEST(DemandCollector, RealignsABlockWithItsLargestSize) {
  Program program;
  const auto block = program.alloc(60);
  program.resize(block, 8);
  program.realign(block, 16);
  EXPECT_THAT(demands_of(program), ElementsAre(Demand{60, 4, 1}, Demand{64, 16, 1}));
}

TEST(DemandCollector, TakesTheMaximumOfTheRuns) {
  Program program;
  program.alloc(8);
  program.alloc(8);
  program.reset();
  program.alloc(8);
  program.alloc(12);
  EXPECT_THAT(demands_of(program), ElementsAre(Demand{8, 4, 2}, Demand{12, 4, 1}));
}

TEST(DemandCollector, LeavesOutWhatNoLayoutServes) {
  Program program;
  const auto aligned = program.alloc(12, 128);
  const auto realigned = program.alloc(20);
  program.realign(realigned, 128);
  program.fail(UINT32_MAX);
  program.dealloc(aligned);
  program.dealloc(realigned);
  program.alloc(20);

  DemandCollector collector(4);
  collector.add(program.events());
  EXPECT_THAT(collector.demands(), ElementsAre(Demand{20, 4, 1}));
  EXPECT_EQ(collector.unservable(), 3U);
}

TEST(DemandCollector, AsksForNothingAtFirst) {
  EXPECT_THAT(DemandCollector(4).demands(), IsEmpty());
}

TEST(DemandCollector, ServesTheLargestSizeThatRoundsIn32Bits) {
  Program program;
  program.alloc(kMaxEffectiveSize, 64);
  EXPECT_THAT(demands_of(program), ElementsAre(Demand{kMaxEffectiveSize, 64, 1}));
}

TEST(DemandCollector, OfSeveralTracesIsAsIfEachRanAfterAReset) {
  Program one;
  one.alloc(16, 8);
  one.alloc(12);
  one.fail(300);
  one.alloc(12, 128);
  Program other;
  other.alloc(16);
  other.alloc(16);
  other.alloc(12, 64);
  other.fail(500);
  DemandCollector merged(4);
  DemandCollector together(4);
  for (const Program* each : {&one, &other}) {
    DemandCollector alone(4);
    alone.add(each->events());
    merged.merge(alone);
    const heaptrace::Event reset = {heaptrace::EventKind::kReset};
    together.add({&reset, 1});
    together.add(each->events());
  }
  EXPECT_EQ(merged.demands(), together.demands());
  EXPECT_THAT(merged.demands(), ElementsAre(Demand{12, 4, 1}, Demand{16, 8, 2}, Demand{64, 64, 1},
                                            Demand{300, 4, 1}, Demand{500, 4, 1}));
  EXPECT_EQ(merged.failed().count, 2U);
  EXPECT_EQ(merged.failed().largest, 500U);
  EXPECT_EQ(merged.unservable(), 1U);
}

}  // namespace
}  // namespace drone::layout
