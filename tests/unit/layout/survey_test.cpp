// SPDX-License-Identifier: MIT
#include "layout/survey.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <array>
#include <vector>

#include "layout/optimize.hpp"
#include "layout/replay.hpp"
#include "layout/spill_search.hpp"
#include "program.hpp"
#include "random_program.hpp"
#include "survey_of.hpp"

namespace drone::layout {
namespace {

std::uint64_t failed(const Program& program, const PoolLayout& pools, std::uint32_t base) {
  Replay run(pools, base);
  run.add(program.events());
  return run.result().failed;
}

TEST(Survey, OfSeveralTracesGivesLayoutsThatServeEach) {
  EXPECT_TRUE(rc::check("layouts of several traces serve each of them", [] {
    const std::uint32_t base = *rc::gen::element(4U, 8U);
    const std::array<Program, 3> programs{random_program(base), random_program(base),
                                          random_program(base)};
    const Survey survey = survey_of({&programs[0], &programs[1], &programs[2]}, base);
    const auto max_pools = *rc::gen::inRange<std::size_t>(1, 6);
    SpillSearchOptions options;
    options.max_pools = max_pools;
    options.steps = 10'000;
    const PoolLayout sums = optimize(survey.demands().demands(), max_pools);
    const PoolLayout joint = optimize(*survey.joint_peaks(), max_pools);
    const PoolLayout spilling =
        search_with_spill(*survey.workload(), *survey.joint_peaks(), options).pools;
    RC_ASSERT(layout_bytes(spilling) <= layout_bytes(joint));
    RC_ASSERT(layout_bytes(joint) <= layout_bytes(sums));
    std::uint64_t unservable = 0;
    for (const Program& program : programs) {
      const std::uint64_t its_own = survey_of(program, base).demands().unservable();
      for (const PoolLayout* const pools : {&sums, &joint, &spilling}) {
        RC_ASSERT(failed(program, *pools, base) == its_own);
      }
      unservable += its_own;
    }
    RC_ASSERT(survey.demands().unservable() == unservable);
  }));
}

TEST(Survey, ForgetsATraceThatIsReadAgain) {
  Program wrong;
  for (int i = 0; i != 9; ++i) wrong.alloc(100);
  Program right;
  right.alloc(12);
  Survey survey(4, Survey::Depth::kWorkload);
  survey.add(right.events());
  survey.end_trace();
  survey.add(wrong.events());
  survey.restart_trace();
  survey.add(right.events());
  survey.end_trace();
  const Survey expected = survey_of({&right, &right});
  EXPECT_EQ(survey.demands().demands(), expected.demands().demands());
  EXPECT_EQ(*survey.joint_peaks(), *expected.joint_peaks());
  EXPECT_EQ(survey.workload()->changes().size(), expected.workload()->changes().size());
  EXPECT_EQ(survey.workload()->sizes(), expected.workload()->sizes());
}

TEST(Survey, SeesATraceWhenItHasEnded) {
  Program program;
  program.alloc(12);
  Survey survey(4, Survey::Depth::kWorkload);
  survey.add(program.events());
  EXPECT_TRUE(survey.demands().demands().empty());
  EXPECT_TRUE(survey.joint_peaks()->sizes().empty());
  EXPECT_TRUE(survey.workload()->sizes().empty());
  survey.end_trace();
  EXPECT_EQ(survey.demands().demands().size(), 1U);
  EXPECT_EQ(survey.joint_peaks()->sizes().size(), 1U);
  EXPECT_EQ(survey.workload()->sizes().size(), 1U);
}

TEST(Survey, TellsHowFarItIsWithEachTrace) {
  Program program;
  for (std::uint32_t size = 1; size <= 100; ++size) program.alloc(4 * size);
  Survey survey(4, Survey::Depth::kJointPeaks);
  std::vector<double> told;
  survey.tell_progress([&told](double done) { told.push_back(done); });
  for (int trace = 0; trace != 2; ++trace) {
    survey.add(program.events());
    survey.end_trace();
    EXPECT_GT(told.size(), 1U);
    EXPECT_EQ(told.back(), 1.0);
    told.clear();
  }
  Survey quick(4, Survey::Depth::kDemands);
  quick.tell_progress([&told](double done) { told.push_back(done); });
  quick.add(program.events());
  quick.end_trace();
  EXPECT_TRUE(told.empty());
}

TEST(Survey, KeepsNoWorkloadUnlessToldTo) {
  Program program;
  program.alloc(12);
  Survey survey(4, Survey::Depth::kJointPeaks);
  survey.add(program.events());
  survey.end_trace();
  EXPECT_EQ(survey.workload(), nullptr);
  ASSERT_NE(survey.joint_peaks(), nullptr);
  EXPECT_EQ(survey.joint_peaks()->peak(0, 0), 1U);
}

TEST(Survey, HasNoJointPeaksOfTooManySizes) {
  Program program;
  for (std::uint32_t size = 1; size <= kMostJointSizes + 1; ++size) program.alloc(4 * size);
  const Survey survey = survey_of(program);
  EXPECT_EQ(survey.joint_peaks(), nullptr);
  EXPECT_EQ(survey.demands().demands().size(), kMostJointSizes + 1);
}

}  // namespace
}  // namespace drone::layout
