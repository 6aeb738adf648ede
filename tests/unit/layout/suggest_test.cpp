// SPDX-License-Identifier: MIT
#include "layout/suggest.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "layout/replay.hpp"
#include "long_program.hpp"
#include "program.hpp"
#include "support/error.hpp"
#include "survey_of.hpp"

namespace drone::layout {
namespace {

using heap::PoolSpec;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

Suggestion suggest(const Program& program, std::size_t max_pools,
                   std::optional<std::uint32_t> heap_size) {
  SuggestOptions options;
  options.max_pools = max_pools;
  options.heap_size = heap_size;
  return suggest(survey_of(program), options);
}

/// One block each of 4, 8, 12 and 100 bytes.
Program four_sizes() {
  Program program;
  for (const std::uint32_t size : {4U, 8U, 12U, 100U}) program.alloc(size);
  return program;
}

Error error_of(const Program& program, std::size_t max_pools, std::uint32_t heap_size) {
  try {
    suggest(program, max_pools, heap_size);
  } catch (const Error& error) {
    return error;
  }
  return {ExitStatus::kDone, "no error"};
}

TEST(Suggest, FillsTheHeap) {
  const Suggestion suggestion = suggest(four_sizes(), 2, 1000);
  EXPECT_THAT(suggestion.needed, ElementsAre(3, 1));
  EXPECT_EQ(suggestion.heap_size, 1000U);
  EXPECT_EQ(suggestion.fragmentation, 12U);
  EXPECT_THAT(suggestion.pools, ElementsAre(PoolSpec{12, 41}, PoolSpec{100, 5}));
}

TEST(Suggest, MakesTheHeapAsLargeAsTheLayoutWithoutASize) {
  const Suggestion suggestion = suggest(four_sizes(), 2, std::nullopt);
  EXPECT_EQ(suggestion.heap_size, 136U);
  EXPECT_THAT(suggestion.pools, ElementsAre(PoolSpec{12, 3}, PoolSpec{100, 1}));
}

TEST(Suggest, NamesTheFewestPoolsThatHalveTheFragmentation) {
  EXPECT_EQ(suggest(four_sizes(), 2, 1000).more_pools, (Alternative{3, 4}));
  EXPECT_EQ(suggest(four_sizes(), 3, 1000).more_pools, (Alternative{4, 0}));
  EXPECT_EQ(suggest(four_sizes(), 4, 1000).more_pools, std::nullopt);
}

TEST(Suggest, FitsAHeapThatIsExactlyLargeEnough) {
  EXPECT_THAT(suggest(four_sizes(), 2, 136).pools, ElementsAre(PoolSpec{12, 3}, PoolSpec{100, 1}));
}

TEST(Suggest, SaysHowManyPoolsWouldFit) {
  const Error error = error_of(four_sizes(), 2, 130);
  EXPECT_EQ(error.status(), ExitStatus::kNoLayout);
  EXPECT_EQ(error.message(),
            "what the trace asks for takes 136 bytes in 2 pools, 6 more than the heap's 130");
  EXPECT_EQ(error.hint(), "it fits with --pools 3");
}

TEST(Suggest, SaysThatNoNumberOfPoolsFits) {
  const Error error = error_of(four_sizes(), 2, 100);
  EXPECT_EQ(error.status(), ExitStatus::kNoLayout);
  EXPECT_THAT(error.hint(),
              HasSubstr("no number of pools makes it fit (it takes at least 124 bytes);"));
  EXPECT_THAT(error_of(four_sizes(), 4, 100).hint(),
              AllOf(HasSubstr("no number of pools makes it fit;"), Not(HasSubstr("failed"))));
}

TEST(Suggest, SaysThatFailedRequestsCount) {
  Program program = four_sizes();
  program.fail(5000);
  EXPECT_THAT(
      error_of(program, 5, 1000).hint(),
      HasSubstr("this counts 1 request that failed in the trace, the largest of 5000 bytes"));
}

/// Of a program that has 12 or 13 small blocks at most in each stretch, and 1 or 2 of 100 bytes.
Exceedance varying() {
  Stretches stretches;
  stretches.stretch = 128;
  stretches.most.resize(2);
  std::uint32_t state = 1;
  for (int i = 0; i != 200; ++i) {
    state = state * 1664525 + 1013904223;
    stretches.most[0].push_back(12 + (state >> 31));
    stretches.most[1].push_back(1 + (state >> 16) % 2);
    stretches.largest.push_back(100);
  }
  stretches.events = 200 * stretches.stretch;
  stretches.peaks = {13, 2};
  return std::get<Exceedance>(estimate_exceedance(stretches));
}

TEST(Suggest, SizesPoolsByAConfidence) {
  const Exceedance exceedance = varying();
  const std::vector<std::uint64_t> capacities = exceedance.capacities(0.99);
  EXPECT_GT(capacities[0], 13U);
  EXPECT_GT(capacities[1], 2U);
  const auto small = static_cast<std::uint32_t>(capacities[0]);
  const auto large = static_cast<std::uint32_t>(capacities[1]);
  const std::uint32_t bytes = 12 * small + 100 * large;

  const Suggestion fitting =
      with_confidence(suggest(four_sizes(), 2, std::nullopt), exceedance, 0.99, {});
  EXPECT_EQ(fitting.heap_size, bytes);
  EXPECT_THAT(fitting.pools, ElementsAre(PoolSpec{12, small}, PoolSpec{100, large}));
  EXPECT_THAT(fitting.needed, ElementsAre(3, 1));

  const Suggestion roomy =
      with_confidence(suggest(four_sizes(), 2, 5000), exceedance, 0.99, {.heap_size = 5000});
  EXPECT_EQ(roomy.heap_size, 5000U);
  EXPECT_EQ(roomy.pools, with_headroom({{12, small}, {100, large}}, 5000));

  const auto too_small = [&] {
    with_confidence(suggest(four_sizes(), 2, bytes - 1), exceedance, 0.99,
                    {.heap_size = bytes - 1});
  };
  try {
    too_small();
    FAIL() << "it fits";
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), ExitStatus::kNoLayout);
    EXPECT_THAT(error.what(),
                HasSubstr("takes " + std::to_string(bytes) + " bytes in 2 pools, 1 more"));
  }
}

TEST(Suggest, AddsToWhatAConfidenceTakes) {
  const std::vector<std::uint64_t> capacities = varying().capacities(0.99);
  SuggestOptions options;
  options.max_pools = 2;
  options.contexts = 3;
  options.headroom_permille = 500;
  const Suggestion suggestion =
      with_confidence(suggest(survey_of(four_sizes()), options), varying(), 0.99, options);
  EXPECT_EQ(suggestion.pools[0].capacity, capacities[0] + (capacities[0] + 1) / 2 + 3);
  EXPECT_EQ(suggestion.pools[1].capacity, capacities[1] + (capacities[1] + 1) / 2 + 3);
}

TEST(Suggest, KeepsWhatALayoutNeedsWhereAConfidenceTakesLess) {
  Program program;
  for (int i = 0; i != 50; ++i) program.alloc(12);
  program.alloc(100);
  const Suggestion suggestion =
      with_confidence(suggest(program, 2, std::nullopt), varying(), 0.9, {});
  EXPECT_EQ(suggestion.pools[0], (PoolSpec{12, 50}));
}

TEST(Suggest, RefusesATraceThatAsksForNothing) {
  Program program;
  program.reset();
  const Error error = error_of(program, 5, 1000);
  EXPECT_EQ(error.status(), ExitStatus::kInput);
  EXPECT_EQ(error.message(), "the trace holds no request that a heap could serve");
}

TEST(Suggest, SaysWhyNoHeapCanServeWhatATraceAsksFor) {
  Program program;
  program.alloc(4, 128);
  const Error one = error_of(program, 5, 1000);
  EXPECT_EQ(one.status(), ExitStatus::kInput);
  EXPECT_EQ(one.message(), "no heap can serve the only request of the trace");
  EXPECT_EQ(one.hint(),
            "a heap aligns to at most 64 bytes, and has less than 4 GB: let the program ask for "
            "less");
  program.fail(UINT32_MAX);
  EXPECT_EQ(error_of(program, 5, 1000).message(),
            "no heap can serve any of the 2 requests of the trace");
}

TEST(Suggest, RefusesALayoutBeyond32Bits) {
  Program program;
  program.alloc(1U << 31);
  for (int i = 0; i != 3; ++i) program.alloc(4);
  EXPECT_EQ(error_of(program, 1, UINT32_MAX).status(), ExitStatus::kNoLayout);
  EXPECT_THROW(suggest(program, 1, std::nullopt), Error);
  EXPECT_EQ(suggest(program, 2, std::nullopt).heap_size, (1U << 31) + 12);
}

/// Three blocks of 4 and one of 12 at once, then two of 12.
Program spilling() {
  Program program;
  std::vector<std::uint32_t> small;
  for (int i = 0; i != 3; ++i) small.push_back(program.alloc(4));
  program.alloc(12);
  for (const std::uint32_t block : small) program.dealloc(block);
  program.alloc(12);
  return program;
}

SuggestOptions tight(std::size_t max_pools) {
  SuggestOptions options;
  options.max_pools = max_pools;
  options.tight = true;
  options.steps = 100'000;
  return options;
}

TEST(SuggestTight, SaysWhatSpillSavesAndWhatNoLayoutCanDoWithLess) {
  const Suggestion suggestion = suggest(survey_of(spilling()), tight(2));
  EXPECT_THAT(suggestion.pools, ElementsAre(PoolSpec{4, 2}, PoolSpec{12, 2}));
  EXPECT_THAT(suggestion.needed, ElementsAre(2, 2));
  EXPECT_EQ(suggestion.heap_size, 32U);
  EXPECT_EQ(suggestion.tight, (TightSearch{2, 32, 36, 32, 32, true, false, true, 0, false}));
  EXPECT_EQ(suggestion.more_pools, std::nullopt);
  EXPECT_EQ(suggestion.tight_bytes, std::nullopt);
}

TEST(SuggestTight, LeavesSpillOutIfToldTo) {
  SuggestOptions options = tight(2);
  options.spill = false;
  const Suggestion suggestion = suggest(survey_of(spilling()), options);
  EXPECT_THAT(suggestion.pools, ElementsAre(PoolSpec{4, 3}, PoolSpec{12, 2}));
  EXPECT_EQ(suggestion.tight, (TightSearch{2, 36, 36, 32, 0, false, false, false, 0, false}));
}

TEST(SuggestTight, SaysThatSpillCouldNotBeTried) {
  Survey survey(4, Survey::Depth::kJointPeaks);
  survey.add(spilling().events());
  survey.end_trace();
  const Suggestion suggestion = suggest(survey, tight(2));
  EXPECT_EQ(suggestion.tight, (TightSearch{2, 36, 36, 32, 0, false, true, false, 0, false}));
}

TEST(SuggestTight, RefusesTooManySizes) {
  Program program;
  for (std::uint32_t size = 1; size <= kMostJointSizes + 1; ++size) program.alloc(4 * size);
  const Survey survey = survey_of(program);
  try {
    suggest(survey, tight(5));
    FAIL() << "there is a layout";
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), ExitStatus::kNoLayout);
    EXPECT_THAT(error.what(), HasSubstr("more than 4096 different sizes"));
  }
  SuggestOptions loose;
  EXPECT_EQ(suggest(survey, loose).tight_bytes, std::nullopt);
  EXPECT_EQ(trade_off(survey, 2, loose)[1].tight_bytes, std::nullopt);
}

TEST(SuggestTight, IsSpokenOfWhereItSavesEnough) {
  Program program;
  for (const std::uint32_t size : {4U, 8U}) {
    std::vector<std::uint32_t> blocks;
    for (int i = 0; i != 10; ++i) blocks.push_back(program.alloc(size));
    for (const std::uint32_t block : blocks) program.dealloc(block);
  }
  SuggestOptions options;
  EXPECT_EQ(suggest(survey_of(program), options).tight_bytes, 80U);
  EXPECT_EQ(suggest(survey_of(four_sizes()), options).tight_bytes, std::nullopt);
}

TEST(SuggestTight, IsSpokenOfWhereTheDefaultDoesNotFit) {
  Program program;
  for (const std::uint32_t size : {4U, 8U}) {
    std::vector<std::uint32_t> blocks;
    for (int i = 0; i != 10; ++i) blocks.push_back(program.alloc(size));
    for (const std::uint32_t block : blocks) program.dealloc(block);
  }
  const Error error = error_of(program, 2, 100);
  EXPECT_EQ(error.status(), ExitStatus::kNoLayout);
  EXPECT_THAT(error.message(),
              HasSubstr("takes 120 bytes in 2 pools, 20 more than the heap's 100"));
  EXPECT_THAT(error.hint(), HasSubstr("with --pools 2 --tight it fits: safe for the timing"));
  SuggestOptions options = tight(2);
  options.heap_size = 79;
  try {
    suggest(survey_of(program), options);
    FAIL() << "it fits";
  } catch (const Error& tight_error) {
    EXPECT_EQ(tight_error.status(), ExitStatus::kNoLayout);
    EXPECT_THAT(tight_error.what(), HasSubstr("takes 80 bytes in 1 pool, 1 more"));
    EXPECT_THAT(tight_error.hint(), Not(HasSubstr("--tight")));
  }
}

TEST(Suggest, AddsHeadroomAndContextsToEveryPool) {
  SuggestOptions options;
  options.max_pools = 2;
  options.headroom_permille = 250;
  options.contexts = 2;
  const Suggestion suggestion = suggest(survey_of(four_sizes()), options);
  EXPECT_THAT(suggestion.needed, ElementsAre(3, 1));
  EXPECT_THAT(suggestion.pools, ElementsAre(PoolSpec{12, 3 + 1 + 2}, PoolSpec{100, 1 + 1 + 2}));
  EXPECT_EQ(suggestion.heap_size, 472U);
  EXPECT_TRUE(suggestion.headroom_asked);
  options.heap_size = 471;
  try {
    suggest(survey_of(four_sizes()), options);
    FAIL() << "it fits";
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), ExitStatus::kNoLayout);
    EXPECT_THAT(error.what(),
                HasSubstr("takes 472 bytes in 2 pools (with --headroom and --contexts), 1 more"));
  }
}

bool runs(std::span<const heaptrace::Event> events, const PoolLayout& pools) {
  Replay run(pools, 4);
  run.add(events);
  return run.result().failed == 0;
}

/// With one more block of 4, the second request of 4 does not spill to the block of 8, and the
/// first of 8 takes that. So the second of 8 spills, to a block of 12, and is still there when both
/// are asked for.
Program hurt_by_a_block_more() {
  Program program;
  const auto large = program.alloc(12);
  const auto first = program.alloc(4);
  const auto second = program.alloc(4);
  const auto middle = program.alloc(8);
  for (const std::uint32_t block : {second, first, large}) program.dealloc(block);
  program.alloc(8);
  program.dealloc(middle);
  program.dealloc(program.alloc(8));
  program.alloc(12);
  program.alloc(4);
  program.alloc(12);
  return program;
}

TEST(Suggest, TakesFewerPoolsWhereBlocksOnTopOfEachCostMoreThanTheySave) {
  SuggestOptions options;
  options.max_pools = 4;
  options.contexts = 1;
  const Suggestion one = suggest(survey_of(four_sizes()), options);
  EXPECT_THAT(one.pools, ElementsAre(PoolSpec{4, 2}, PoolSpec{12, 3}, PoolSpec{100, 2}));
  EXPECT_THAT(one.needed, ElementsAre(1, 2, 1));
  EXPECT_EQ(one.heap_size, 244U);  // four pools take 248
  EXPECT_EQ(one.more_pools, std::nullopt) << "they were allowed";
  options.max_pools = 3;
  options.contexts = 100;
  EXPECT_THAT(suggest(survey_of(four_sizes()), options).pools, ElementsAre(PoolSpec{100, 104}));
  options.contexts = 0;
  EXPECT_EQ(suggest(survey_of(four_sizes()), options).pools.size(), 3U);
}

TEST(SuggestTight, GivesOutNoBlockThatMakesARequestFail) {
  const Program program = hurt_by_a_block_more();
  const Survey survey = survey_of(program);
  SuggestOptions options = tight(3);
  const PoolLayout least{{4, 1}, {8, 1}, {12, 2}};
  EXPECT_EQ(suggest(survey, options).pools, least);
  EXPECT_TRUE(runs(program.events(), least));
  EXPECT_FALSE(runs(program.events(), PoolLayout{{4, 2}, {8, 1}, {12, 2}}));
  EXPECT_EQ(with_headroom(least, 40), (PoolLayout{{4, 2}, {8, 1}, {12, 2}}));

  options.heap_size = 40;
  const Suggestion suggestion = suggest(survey, options);
  EXPECT_EQ(suggestion.pools, least);
  EXPECT_EQ(suggestion.heap_size, 40U);
  EXPECT_TRUE(suggestion.has_idle_bytes);

  // Blocks that the user asks for must be there: others are added until all requests are served.
  options.heap_size.reset();
  options.contexts = 1;
  const Suggestion padded = suggest(survey, options);
  EXPECT_TRUE(runs(program.events(), padded.pools));
  EXPECT_EQ(padded.needed, (std::vector<std::uint32_t>{1, 1, 2}));
}

TEST(SuggestTight, NeverSuggestsWhatDoesNotRun) {
  int idle = 0;
  for (std::uint64_t seed = 1; seed != 40; ++seed) {
    const std::vector<heaptrace::Event> events =
        long_events({.events = 400, .sizes = 10, .most_live = 25, .seed = seed});
    Survey survey(4, Survey::Depth::kWorkload);
    survey.add(events);
    survey.end_trace();
    SuggestOptions options = tight(4);
    options.contexts = seed % 3 == 0 ? 1 : 0;
    options.headroom_permille = seed % 4 == 0 ? 100 : 0;
    const Suggestion fit = suggest(survey, options);
    EXPECT_TRUE(runs(events, fit.pools)) << seed;
    EXPECT_EQ(layout_bytes(fit.pools), fit.heap_size) << seed;
    EXPECT_FALSE(fit.has_idle_bytes) << seed;
    for (std::size_t i = 0; i != fit.pools.size(); ++i) {
      EXPECT_GE(fit.pools[i].capacity, fit.needed[i] + options.contexts) << seed;
      EXPECT_GE(fit.pools[i].capacity * 1000ULL,
                fit.needed[i] * (1000ULL + options.headroom_permille))
          << seed;
    }
    for (const std::uint32_t spare : {4U, 20U, 100U, 1000U}) {
      options.heap_size = fit.heap_size + spare;
      const Suggestion roomy = suggest(survey, options);
      EXPECT_TRUE(runs(events, roomy.pools)) << seed << ' ' << spare;
      EXPECT_EQ(roomy.heap_size, *options.heap_size);
      EXPECT_LE(layout_bytes(roomy.pools), roomy.heap_size);
      EXPECT_EQ(roomy.needed, fit.needed);
      if (roomy.has_idle_bytes) ++idle;
    }
  }
  // Where a block more makes a request fail, it is not given out.
  EXPECT_GT(idle, 0);
}

TEST(TradeOff, NeverGetsWorseWithMorePools) {
  for (std::uint64_t seed = 1; seed != 6; ++seed) {
    const std::vector<heaptrace::Event> events =
        long_events({.events = 1500, .sizes = 14, .has_alignments = seed % 2 == 0, .seed = seed});
    Survey survey(4, Survey::Depth::kWorkload);
    survey.add(events);
    survey.end_trace();
    SuggestOptions options;
    options.steps = 400'000;
    std::vector<double> progress;
    options.keep_on = [&progress](SearchPhase, double done) {
      progress.push_back(done);
      return true;
    };
    const std::vector<TradeOff> rows = trade_off(survey, 16, options);
    ASSERT_EQ(rows.size(), 16U);
    EXPECT_GE(progress.size(), 16U);
    EXPECT_TRUE(std::is_sorted(progress.begin(), progress.end()));
    EXPECT_EQ(progress.back(), 1.0);
    for (std::size_t i = 0; i != rows.size(); ++i) {
      EXPECT_EQ(rows[i].max_pools, i + 1);
      ASSERT_TRUE(rows[i].tight_bytes);
      EXPECT_LE(*rows[i].tight_bytes, rows[i].bytes);
      EXPECT_GE(rows[i].spilled, 0.0);
      EXPECT_LE(rows[i].spilled, 1.0);
      if (i == 0) continue;
      EXPECT_LE(rows[i].bytes, rows[i - 1].bytes) << seed << ' ' << i;
      EXPECT_LE(rows[i].fragmentation, rows[i - 1].fragmentation) << seed << ' ' << i;
      EXPECT_LE(*rows[i].tight_bytes, *rows[i - 1].tight_bytes) << seed << ' ' << i;
    }
    EXPECT_EQ(rows[0].spilled, 0.0);
  }
}

TEST(TradeOff, RefusesATraceThatAsksForNothing) {
  const Survey survey = survey_of(Program());
  try {
    trade_off(survey, 16, {});
    FAIL() << "there is a layout";
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), ExitStatus::kInput);
  }
}

TEST(RecommendedPools, AreTheFewestThatTakeAtMostATwentiethMoreThanTheMost) {
  std::vector<TradeOff> rows(4);
  const std::vector<std::uint64_t> bytes{200, 106, 105, 100};
  const std::vector<std::uint64_t> tight_bytes{90, 60, 60, 60};
  for (std::size_t i = 0; i != rows.size(); ++i) {
    rows[i].max_pools = i + 1;
    rows[i].bytes = bytes[i];
    rows[i].tight_bytes = tight_bytes[i];
  }
  EXPECT_EQ(recommended_pools(rows, false), 3U);
  EXPECT_EQ(recommended_pools(rows, true), 2U);
  for (TradeOff& row : rows) row.tight_bytes.reset();
  EXPECT_EQ(recommended_pools(rows, true), 3U);
}

}  // namespace
}  // namespace drone::layout
