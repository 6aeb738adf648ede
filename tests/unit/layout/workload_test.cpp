// SPDX-License-Identifier: MIT
#include "layout/workload.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "layout/optimize.hpp"
#include "layout/replay.hpp"
#include "program.hpp"
#include "random_program.hpp"
#include "survey_of.hpp"

namespace drone::layout {
namespace {

using ::testing::ElementsAre;

TEST(Workload, TellsRequestsApartThatSomePoolTreatsDifferently) {
  Program program;
  program.alloc(9);
  program.alloc(12);
  program.alloc(16, 16);
  program.alloc(13);
  const Survey survey = survey_of(program);
  const Workload& workload = *survey.workload();
  EXPECT_THAT(workload.sizes(), ElementsAre(12, 16));
  ASSERT_EQ(workload.classes().size(), 3U);
  EXPECT_EQ(workload.classes()[1].alignment, 4U);
  EXPECT_EQ(workload.classes()[2].alignment, 16U);
  EXPECT_EQ(workload.classes()[2].size_index, 1U);
  EXPECT_EQ(workload.object_count(), 4U);
}

TEST(Workload, CountsRequestsAndSpillsUntilOneFails) {
  Program program;
  for (int i = 0; i != 3; ++i) program.alloc(4);
  program.alloc(12);
  const Survey survey = survey_of(program);
  const PoolLayout enough{{4, 2}, {12, 2}};
  const WorkloadReplay served = replay(*survey.workload(), enough);
  EXPECT_TRUE(served.runs);
  EXPECT_EQ(served.requests, 4U);
  EXPECT_EQ(served.spills, 1U);
  const PoolLayout too_little{{4, 2}, {12, 1}};
  EXPECT_FALSE(replay(*survey.workload(), too_little).runs);
}

TEST(Workload, KnowsWhereALifeGoesOn) {
  Program program;
  const auto first = program.alloc(4);
  program.alloc(8);
  program.resize(first, 12);
  program.dealloc(first);
  const Survey survey = survey_of(program);
  EXPECT_THAT(survey.workload()->next(), ElementsAre(2, 4, 3, Workload::kNever, Workload::kNever));
}

TEST(Workload, OfSeveralTracesIsOneAfterTheOther) {
  EXPECT_TRUE(rc::check("a layout runs the workload if it runs each trace", [] {
    const std::uint32_t base = *rc::gen::element(4U, 8U);
    const Program one = random_program(base);
    const Program other = random_program(base);
    const Survey survey = survey_of({&one, &other}, base);
    const Survey of_one = survey_of(one, base);
    const Survey of_other = survey_of(other, base);
    PoolLayout pools = optimize(survey.demands().demands(), 4);
    RC_PRE(!pools.empty());
    for (heap::PoolSpec& pool : pools) pool.capacity -= *rc::gen::inRange(0U, pool.capacity);
    RC_ASSERT(replay(*survey.workload(), pools).runs ==
              (replay(*of_one.workload(), pools).runs && replay(*of_other.workload(), pools).runs));
    for (const Program* const program : {&one, &other}) {
      const Survey alone = survey_of(*program, base);
      if (alone.demands().unservable() != 0) continue;
      Replay run(pools, base);
      run.add(program->events());
      RC_ASSERT(replay(*alone.workload(), pools).runs ==
                (run.result().failed == alone.demands().unservable()));
    }
  }));
}

}  // namespace
}  // namespace drone::layout
