// SPDX-License-Identifier: MIT
#include "layout/spill_search.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "every_layout.hpp"
#include "layout/replay.hpp"
#include "long_program.hpp"
#include "program.hpp"
#include "random_program.hpp"
#include "survey_of.hpp"

namespace drone::layout {
namespace {

using heap::PoolSpec;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

SpillSearchResult search_with(const Survey& survey, const SpillSearchOptions& options) {
  return search_with_spill(*survey.workload(), *survey.joint_peaks(), options);
}

PoolLayout search(const Survey& survey, std::size_t max_pools, std::uint64_t seed = 1,
                  std::uint64_t steps = 200'000) {
  return search_with(survey, {.max_pools = max_pools, .seed = seed, .steps = steps}).pools;
}

bool runs(std::span<const heaptrace::Event> events, const PoolLayout& pools, const Survey& survey) {
  Replay run(pools, survey.base_alignment());
  run.add(events);
  return run.result().failed == survey.demands().unservable();
}

TEST(SpillSearch, LetsALargerPoolServeWhatOverflows) {
  // Three blocks of 4 and one of 12 at once, then two of 12: the second block of 12 is idle while
  // the third of 4 is there.
  Program program;
  std::vector<std::uint32_t> small;
  for (int i = 0; i != 3; ++i) small.push_back(program.alloc(4));
  program.alloc(12);
  for (const std::uint32_t block : small) program.dealloc(block);
  program.alloc(12);
  const Survey survey = survey_of(program);
  EXPECT_THAT(search(survey, 2), ElementsAre(PoolSpec{4, 2}, PoolSpec{12, 2}));
}

TEST(SpillSearch, FindsNoneWithoutRequests) {
  const Survey survey = survey_of(Program());
  EXPECT_THAT(search(survey, 5), IsEmpty());
}

TEST(SpillSearch, ServesEveryRequestWithinItsBounds) {
  EXPECT_TRUE(rc::check("a layout with spill runs, and is between the bounds", [] {
    const std::uint32_t base = *rc::gen::element(4U, 8U);
    const Program program = random_program(base);
    const Survey survey = survey_of(program, base);
    const auto max_pools = *rc::gen::inRange<std::size_t>(1, 8);
    const auto seed = *rc::gen::inRange<std::uint64_t>(1, 1000);
    const PoolLayout pools = search(survey, max_pools, seed, 20'000);
    RC_ASSERT(pools.size() <= max_pools);
    RC_ASSERT(std::is_sorted(pools.begin(), pools.end(),
                             [](PoolSpec a, PoolSpec b) { return a.block_size < b.block_size; }));
    RC_ASSERT(runs(program.events(), pools, survey));
    const std::uint64_t bytes = layout_bytes(pools);
    RC_ASSERT(bytes >= lower_bound(*survey.joint_peaks(), max_pools).bytes);
    RC_ASSERT(bytes <= layout_bytes(optimize(*survey.joint_peaks(), max_pools)));
    RC_ASSERT(search(survey, max_pools, seed, 20'000) == pools);
  }));
}

/// A survey of one long program.
Survey survey_of_events(const std::vector<heaptrace::Event>& events, std::uint32_t base = 4) {
  Survey survey(base, Survey::Depth::kWorkload);
  survey.add(events);
  survey.end_trace();
  return survey;
}

TEST(SpillSearch, ServesEveryRequestOfALongProgramInFewerBytes) {
  for (std::uint64_t seed = 1; seed != 4; ++seed) {
    const std::vector<heaptrace::Event> events = long_events(
        {.events = 3000 * seed, .sizes = 16, .has_alignments = seed != 1, .seed = seed});
    const Survey survey = survey_of_events(events, seed == 3 ? 8 : 4);
    const PoolLayout pools = search(survey, 5, seed, 1'000'000);
    EXPECT_TRUE(runs(events, pools, survey)) << seed;
    EXPECT_LT(layout_bytes(pools), layout_bytes(optimize(*survey.joint_peaks(), 5))) << seed;
    EXPECT_GE(layout_bytes(pools), lower_bound(*survey.joint_peaks(), 5).bytes) << seed;
    EXPECT_EQ(search(survey, 5, seed, 1'000'000), pools) << seed;
  }
}

TEST(SpillSearch, GoesOnFromALayoutThatIsGiven) {
  const std::vector<heaptrace::Event> events = long_events({.events = 3000, .sizes = 16});
  const Survey survey = survey_of_events(events);
  SpillSearchOptions options{.max_pools = 6, .steps = 1};
  options.start = search(survey, 5, 1, 2'000'000);
  const PoolLayout pools = search_with(survey, options).pools;
  EXPECT_LE(layout_bytes(pools), layout_bytes(options.start));
  EXPECT_TRUE(runs(events, pools, survey));
}

TEST(SpillSearch, TellsItsProgress) {
  const Survey survey = survey_of_events(long_events({.events = 20'000, .sizes = 40}));
  std::vector<double> told;
  SpillSearchOptions options{.max_pools = 12, .steps = 20'000'000};
  options.keep_on = [&told](SearchPhase phase, double done) {
    EXPECT_TRUE(done >= 0 && done <= 1) << done;
    if (phase == SearchPhase::kImprove) told.push_back(done);
    return true;
  };
  search_with(survey, options);
  EXPECT_GE(told.size(), 10U);
  EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
}

TEST(SpillSearch, EndsWhenItIsTold) {
  const std::vector<heaptrace::Event> events =
      long_events({.events = 20'000, .sizes = 40, .has_alignments = false});
  const Survey survey = survey_of_events(events);
  int asked = 0;
  SpillSearchOptions options{.max_pools = 12, .prove = true};
  options.keep_on = [&asked](SearchPhase, double) { return ++asked < 3; };
  const SpillSearchResult found = search_with(survey, options);
  EXPECT_EQ(asked, 3);
  EXPECT_FALSE(found.is_best);
  EXPECT_TRUE(found.was_ended);
  EXPECT_GT(found.untried, 0U);
  EXPECT_TRUE(runs(events, found.pools, survey));
}

/// A program of up to 4 sizes and few live blocks.
Program tiny_program(std::uint64_t seed, bool has_alignments = false) {
  Numbers numbers(seed);
  Program program;
  const std::uint32_t sizes = 3 + numbers.below(2);
  const std::uint32_t most_live = 4 + numbers.below(2);
  for (std::uint32_t i = 0; i != 24; ++i) {
    const auto live = program.live();
    const std::uint32_t size = 4 * (1 + numbers.below(sizes));
    const std::uint32_t dice = numbers.below(100);
    if (live.empty() || (dice < 55 && live.size() < most_live)) {
      program.alloc(size, has_alignments && numbers.below(4) == 0 ? 8 : 0);
      continue;
    }
    const std::uint32_t block = live[numbers.below(static_cast<std::uint32_t>(live.size()))];
    if (dice < 90) {
      program.dealloc(block);
    } else {
      program.resize(block, size);
    }
  }
  return program;
}

/// The fewest bytes of all layouts on which the program runs.
std::uint64_t least_bytes(const Program& program, const Survey& survey, std::size_t max_pools) {
  const JointPeaks& peaks = *survey.joint_peaks();
  std::uint64_t least = UINT64_MAX;
  for_each_layout(4, peaks.sizes().back(), max_pools, peaks.peak(0, peaks.sizes().size() - 1),
                  [&](const PoolLayout& pools) {
                    const std::uint64_t bytes = layout_bytes(pools);
                    if (bytes < least && runs(program.events(), pools, survey)) least = bytes;
                  });
  return least;
}

TEST(SpillSearch, FindsAndProvesWhatExhaustiveSearchFinds) {
  int saving = 0;  // where spill saves bytes
  for (std::uint64_t seed = 1; seed != 200; ++seed) {
    const Program program = tiny_program(seed);
    const Survey survey = survey_of(program);
    const std::size_t max_pools = 2 + seed % 2;
    const SpillSearchResult result =
        search_with(survey, {.max_pools = max_pools, .steps = 50'000, .prove = true});
    const std::uint64_t found = layout_bytes(result.pools);
    EXPECT_EQ(found, least_bytes(program, survey, max_pools)) << "seed " << seed;
    EXPECT_TRUE(result.is_best) << "seed " << seed;
    EXPECT_EQ(result.untried, 0U) << "seed " << seed;
    EXPECT_EQ(result.lower_bound, found) << "seed " << seed;
    if (found < layout_bytes(optimize(*survey.joint_peaks(), max_pools))) ++saving;
  }
  EXPECT_GT(saving, 20);
}

TEST(SpillSearch, RaisesTheBoundByWhatItTries) {
  // With so few steps that not all is tried; and then all is.
  int raised = 0;
  for (std::uint64_t seed = 1; seed != 10; ++seed) {
    const Survey survey = survey_of_events(
        long_events({.events = 4000, .sizes = 10, .has_alignments = false, .seed = seed}));
    const std::uint64_t bound = lower_bound(*survey.joint_peaks(), 4).bytes;
    const SpillSearchResult soon = search_with(survey, {.max_pools = 4, .steps = 400'000});
    EXPECT_GE(soon.lower_bound, bound);
    if (soon.is_best || soon.lower_bound == bound) continue;
    ++raised;
    EXPECT_LT(soon.lower_bound, layout_bytes(soon.pools));
    EXPECT_GT(soon.untried, 0U);
    const SpillSearchResult whole = search_with(survey, {.max_pools = 4, .prove = true});
    EXPECT_TRUE(whole.is_best);
    EXPECT_LE(soon.lower_bound, layout_bytes(whole.pools)) << "seed " << seed;
  }
  EXPECT_GT(raised, 2);
}

TEST(SpillSearch, ProvesNothingThatAlignmentsMakeDoubtful) {
  // A request that names an alignment may pass over a block that is large enough: such layouts are
  // not looked at.
  int doubtful = 0;
  for (std::uint64_t seed = 1; seed != 100; ++seed) {
    const Program program = tiny_program(seed, true);
    const Survey survey = survey_of(program);
    const SpillSearchResult result =
        search_with(survey, {.max_pools = 2, .steps = 50'000, .prove = true});
    if (result.is_best) {
      EXPECT_EQ(layout_bytes(result.pools), least_bytes(program, survey, 2)) << "seed " << seed;
    } else {
      ++doubtful;
    }
  }
  EXPECT_GT(doubtful, 10);
}

TEST(SpillSearch, ProvesNothingWhereASizeIsAskedForWithTwoAlignments) {
  // Pools of 68 and 128 bytes, a block each, do: the request that names an alignment passes over
  // the block of 68.
  Program program;
  const std::uint32_t first = program.alloc(64, 64);
  const std::uint32_t plain = program.alloc(64);
  program.dealloc(first);
  const std::uint32_t large = program.alloc(128, 64);
  program.dealloc(plain);
  program.dealloc(large);
  const Survey survey = survey_of(program);
  EXPECT_TRUE(runs(program.events(), {{68, 1}, {128, 1}}, survey));
  const SpillSearchResult result =
      search_with(survey, {.max_pools = 2, .steps = 50'000, .prove = true});
  EXPECT_EQ(layout_bytes(result.pools), 256U);
  EXPECT_FALSE(result.is_best);
}

/// Sizes that are alive one at a time, and above each other: any pools do, and none saves much.
std::vector<heaptrace::Event> plateau(std::uint32_t sizes) {
  Program program;
  for (std::uint32_t size = 1; size <= sizes; ++size) program.dealloc(program.alloc(4 * size));
  return program.events();
}

TEST(SpillSearch, EndsSoonWhereNoChoiceOfPoolsIsRuledOut) {
  // Without a bound on the work, this takes hours: there are many choices, and few layouts.
  const std::vector<heaptrace::Event> events = plateau(600);
  const Survey survey = survey_of_events(events);
  const SpillSearchResult result = search_with(survey, {.max_pools = 12, .steps = 2'000'000});
  EXPECT_TRUE(runs(events, result.pools, survey));
}

TEST(SpillSearch, AsksWhetherToGoOnWhileItProves) {
  // Hardly a layout is tried here, and there are very many choices of pools.
  std::vector<heaptrace::Event> events = plateau(150);
  const Survey survey = survey_of_events(events);
  SpillSearchOptions options{.max_pools = 12, .steps = 100'000, .prove = true};
  int asked = 0;
  options.keep_on = [&asked](SearchPhase, double) { return ++asked < 5; };
  const SpillSearchResult result = search_with(survey, options);
  EXPECT_TRUE(result.is_best || result.was_ended);
  EXPECT_TRUE(runs(events, result.pools, survey));
}

TEST(GrowUntilItRuns, AddsBlocksAndNothingElse) {
  EXPECT_TRUE(rc::check("a grown layout runs", [] {
    const std::uint32_t base = *rc::gen::element(4U, 8U);
    const Program program = random_program(base);
    const Survey survey = survey_of(program, base);
    PoolLayout pools = optimize(*survey.joint_peaks(), 5);
    RC_PRE(!pools.empty());
    for (PoolSpec& pool : pools) pool.capacity -= *rc::gen::inRange(0U, pool.capacity);
    const PoolLayout grown = grow_until_it_runs(*survey.workload(), pools);
    RC_ASSERT(runs(program.events(), grown, survey));
    RC_ASSERT(grown.size() == pools.size());
    for (std::size_t i = 0; i != pools.size(); ++i) {
      RC_ASSERT(grown[i].block_size == pools[i].block_size);
      RC_ASSERT(grown[i].capacity >= pools[i].capacity);
    }
    if (runs(program.events(), pools, survey)) RC_ASSERT(grown == pools);
  }));
}

}  // namespace
}  // namespace drone::layout
