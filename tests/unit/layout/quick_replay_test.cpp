// SPDX-License-Identifier: MIT
#include "layout/quick_replay.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "layout/replay.hpp"
#include "long_program.hpp"
#include "program.hpp"
#include "random_program.hpp"
#include "survey_of.hpp"

namespace drone::layout {
namespace {

using heap::PoolSpec;
using ::testing::ElementsAre;

/// A layout as a search has it.
struct Layout {
  PoolEnds ends;
  std::vector<std::uint32_t> capacities;
};

/// None if a pool would have no block.
std::optional<PoolLayout> pools_of(const QuickReplay& quick, const Layout& layout) {
  PoolLayout pools;
  std::uint32_t begin = 0;
  for (std::size_t p = 0; p != layout.ends.size(); ++p) {
    const std::uint32_t block = quick.block(begin, layout.ends[p]);
    if (block == 0) return std::nullopt;
    pools.push_back({block, layout.capacities[p]});
    begin = layout.ends[p];
  }
  return pools;
}

bool runs(std::span<const heaptrace::Event> events, const PoolLayout& pools, std::uint32_t base,
          std::uint64_t unservable) {
  Replay run(pools, base);
  run.add(events);
  return run.result().failed == unservable;
}

TEST(QuickReplay, NamesThePoolThatARequestFailedInAndThoseThatOverflowIntoIt) {
  Program program;
  for (int i = 0; i != 3; ++i) program.alloc(4);
  program.alloc(8);
  program.alloc(12);
  const Survey survey = survey_of(program);
  QuickReplay quick(*survey.workload());
  EXPECT_EQ(quick.block(0, 1), 4U);
  EXPECT_EQ(quick.block(1, 3), 12U);
  const std::vector<std::uint32_t> enough{3, 1, 1};
  EXPECT_TRUE(quick.run({1, 2, 3}, enough).runs);
  const std::vector<std::uint32_t> too_few{1, 1, 1};
  const QuickReplay::Outcome second = quick.run({1, 2, 3}, too_few);
  EXPECT_FALSE(second.runs);
  EXPECT_EQ(second.failed_pool, 1U);
  EXPECT_EQ(second.overflowing_pools, 0b1U);
  const std::vector<std::uint32_t> one_more{1, 1, 2};
  const QuickReplay::Outcome third = quick.run({1, 2, 3}, one_more);
  EXPECT_FALSE(third.runs);
  EXPECT_EQ(third.failed_pool, 2U);
  EXPECT_EQ(third.overflowing_pools, 0b11U);
  const std::vector<std::uint32_t> just_enough{1, 1, 3};
  EXPECT_TRUE(quick.run({1, 2, 3}, just_enough).runs);
  const std::vector<std::uint32_t> spilling{1, 3, 1};
  EXPECT_TRUE(quick.run({1, 2, 3}, spilling).runs);
}

TEST(QuickReplay, HasNoPoolWhoseBlockWouldServeTheNextSize) {
  Program program;
  program.alloc(16, 16);
  program.alloc(24, 8);
  program.alloc(28);
  const Survey survey = survey_of(program);
  const QuickReplay quick(*survey.workload());
  EXPECT_EQ(quick.block(0, 1), 16U);
  EXPECT_EQ(quick.block(0, 2), 0U);
  EXPECT_EQ(quick.block(1, 2), 24U);
  EXPECT_EQ(quick.block(0, 3), 32U);
}

/// The pools of all sizes cut at random, and capacities from 1 to `most`.
Layout random_layout(std::size_t sizes, std::uint32_t most) {
  Layout layout;
  for (std::uint32_t end = 1; end <= sizes; ++end) {
    if (end == sizes || *rc::gen::inRange(0, 3) == 0) {
      layout.ends.push_back(end);
      layout.capacities.push_back(*rc::gen::inRange(1U, most + 1));
    }
  }
  return layout;
}

TEST(QuickReplay, RunsWhatTheHeapsRuleRuns) {
  EXPECT_TRUE(rc::check("three replays agree", [] {
    const std::uint32_t base = *rc::gen::element(4U, 8U);
    const Program program = random_program(base);
    const Survey survey = survey_of(program, base);
    const Workload& workload = *survey.workload();
    RC_PRE(!workload.sizes().empty());
    // A request that fails and could have been served may end the life of one that could not later.
    RC_PRE(survey.demands().unservable() == 0U);
    QuickReplay quick(workload);
    const std::uint32_t most = *rc::gen::inRange(2U, 12U);
    for (int i = 0; i != 20; ++i) {
      const Layout layout = random_layout(workload.sizes().size(), most);
      const auto pools = pools_of(quick, layout);
      if (!pools) continue;
      const bool expected = runs(program.events(), *pools, base, survey.demands().unservable());
      RC_ASSERT(replay(workload, *pools).runs == expected);
      RC_ASSERT(quick.run(layout.ends, layout.capacities).runs == expected);
    }
  }));
}

/// What a search does to a layout: the capacities change, and now and then the pools.
void change(Layout& layout, std::uint32_t sizes, Numbers& numbers) {
  const auto a_pool = [&] { return numbers.below(static_cast<std::uint32_t>(layout.ends.size())); };
  const std::uint32_t p = a_pool();
  const std::uint32_t dice = numbers.below(100);
  if (dice < 45) {
    layout.capacities[p] += 1 + numbers.below(2);
  } else if (dice < 80) {
    layout.capacities[p] -= std::min(layout.capacities[p] - 1, 1 + numbers.below(2));
  } else if (dice < 90 && p + 1 != layout.ends.size()) {
    const std::uint32_t begin = p == 0 ? 0 : layout.ends[p - 1];
    layout.ends[p] = begin + 1 + numbers.below(layout.ends[p + 1] - begin - 1);
  } else if (dice < 95 && p + 1 != layout.ends.size()) {
    layout.capacities[p + 1] += layout.capacities[p];
    layout.ends.erase(layout.ends.begin() + p);
    layout.capacities.erase(layout.capacities.begin() + p);
  } else if (layout.ends.size() < 8) {
    const std::uint32_t begin = p == 0 ? 0 : layout.ends[p - 1];
    if (layout.ends[p] - begin < 2 || layout.ends[p] > sizes) return;
    layout.ends.insert(layout.ends.begin() + p,
                       begin + 1 + numbers.below(layout.ends[p] - begin - 1));
    layout.capacities.insert(layout.capacities.begin() + p, layout.capacities[p] / 2 + 1);
  }
}

struct Tries {
  int runs = 0;
  int failures = 0;
  int mistakes = 0;
  std::string first_mistake;
};

/// Goes from try to try as a search does. What the tries before have left behind must not be seen:
/// each is compared with a replay that knows nothing of them.
Tries try_many(const std::vector<heaptrace::Event>& events, std::uint32_t base, int count,
               std::uint64_t seed) {
  Survey survey(base, Survey::Depth::kWorkload);
  survey.add(events);
  survey.end_trace();
  const Workload& workload = *survey.workload();
  const JointPeaks& peaks = *survey.joint_peaks();
  const auto sizes = static_cast<std::uint32_t>(workload.sizes().size());
  QuickReplay quick(workload);
  Numbers numbers(seed);
  Tries tries;
  Layout kept{{sizes}, {peaks.peak(0, sizes - 1)}};
  Layout now = kept;
  std::uint64_t kept_bytes = UINT64_MAX / 100;
  for (int i = 0; i != count; ++i) {
    if (numbers.below(3) == 0) now = kept;
    change(now, sizes, numbers);
    const auto pools = pools_of(quick, now);
    if (!pools) {
      now = kept;
      continue;
    }
    const bool expected = replay(workload, *pools).runs;
    const QuickReplay::Outcome outcome = quick.run(now.ends, now.capacities);
    const QuickReplay::Outcome afresh = QuickReplay(workload).run(now.ends, now.capacities);
    ++(expected ? tries.runs : tries.failures);
    const bool is_right =
        outcome.runs == expected && afresh.runs == expected &&
        (expected || (outcome.failed_pool == afresh.failed_pool &&
                      outcome.overflowing_pools == afresh.overflowing_pools)) &&
        (i % 16 != 0 || runs(events, *pools, base, survey.demands().unservable()) == expected);
    if (!is_right && tries.mistakes++ == 0) {
      tries.first_mistake = "try " + std::to_string(i) + " of seed " + std::to_string(seed);
    }
    // As a search does: a layout that runs is gone on from if it takes less, or not much more.
    const std::uint64_t bytes = layout_bytes(*pools);
    if (expected && bytes <= kept_bytes + kept_bytes * numbers.below(3) / 100) {
      kept_bytes = bytes;
      quick.keep();
      kept = now;
    }
    // A layout that fails is mostly grown where it failed.
    if (!expected && numbers.below(3) != 0) now.capacities[outcome.failed_pool] += 1;
  }
  return tries;
}

TEST(QuickReplay, SaysTheSameAfterThousandsOfOtherTries) {
  for (std::uint64_t seed = 1; seed != 9; ++seed) {
    const LongProgram program{.events = 300 + 700 * seed,
                              .sizes = 6 + 2 * static_cast<std::uint32_t>(seed),
                              .most_live = seed % 3 == 0 ? 300U : 40U,
                              .has_alignments = seed % 2 == 0,
                              .seed = seed};
    const Tries tries = try_many(long_events(program), seed % 4 == 0 ? 8 : 4, 3000, seed);
    EXPECT_EQ(tries.mistakes, 0) << tries.first_mistake;
    // Otherwise too little was tried.
    EXPECT_GT(tries.runs, 200) << seed;
    EXPECT_GT(tries.failures, 200) << seed;
  }
}

TEST(QuickReplay, SaysTheSameOfATraceThatIsLong) {
  const LongProgram program{.events = 200'000, .sizes = 20, .most_live = 150, .seed = 3};
  const Tries tries = try_many(long_events(program), 4, 400, 3);
  EXPECT_EQ(tries.mistakes, 0) << tries.first_mistake;
  EXPECT_GT(tries.runs, 20);
  EXPECT_GT(tries.failures, 20);
}

TEST(QuickReplay, CountsStepsThatDependOnNothingButTheTries) {
  const std::vector<heaptrace::Event> events = long_events({.events = 5000});
  Survey survey(4, Survey::Depth::kWorkload);
  survey.add(events);
  survey.end_trace();
  const auto sizes = static_cast<std::uint32_t>(survey.workload()->sizes().size());
  const auto steps = [&] {
    QuickReplay quick(*survey.workload());
    std::vector<std::uint64_t> after;
    for (std::uint32_t capacity = 70; capacity != 30; --capacity) {
      const std::vector<std::uint32_t> capacities{capacity, 20};
      quick.run({sizes / 2, sizes}, capacities);
      after.push_back(quick.steps());
    }
    return after;
  };
  EXPECT_EQ(steps(), steps());
}

}  // namespace
}  // namespace drone::layout
