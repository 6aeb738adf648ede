// SPDX-License-Identifier: MIT
#include "layout/suggest.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "program.hpp"
#include "support/error.hpp"

namespace drone::layout {
namespace {

using heap::PoolSpec;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

DemandCollector collected(const Program& program) {
  DemandCollector collector(4);
  collector.add(program.events());
  return collector;
}

/// One block each of 4, 8, 12 and 100 bytes.
Program four_sizes() {
  Program program;
  for (const std::uint32_t size : {4U, 8U, 12U, 100U}) program.alloc(size);
  return program;
}

Error error_of(const Program& program, std::size_t max_pools, std::uint32_t heap_size) {
  try {
    suggest(collected(program), max_pools, heap_size);
  } catch (const Error& error) {
    return error;
  }
  return {ExitStatus::kDone, "no error"};
}

TEST(Suggest, FillsTheHeap) {
  const Suggestion suggestion = suggest(collected(four_sizes()), 2, 1000);
  EXPECT_THAT(suggestion.needed, ElementsAre(3, 1));
  EXPECT_EQ(suggestion.heap_size, 1000U);
  EXPECT_EQ(suggestion.fragmentation, 12U);
  EXPECT_THAT(suggestion.pools, ElementsAre(PoolSpec{12, 41}, PoolSpec{100, 5}));
}

TEST(Suggest, MakesTheHeapAsLargeAsTheLayoutWithoutASize) {
  const Suggestion suggestion = suggest(collected(four_sizes()), 2, std::nullopt);
  EXPECT_EQ(suggestion.heap_size, 136U);
  EXPECT_THAT(suggestion.pools, ElementsAre(PoolSpec{12, 3}, PoolSpec{100, 1}));
}

TEST(Suggest, NamesTheFewestPoolsThatHalveTheFragmentation) {
  EXPECT_EQ(suggest(collected(four_sizes()), 2, 1000).more_pools, (Alternative{3, 4}));
  EXPECT_EQ(suggest(collected(four_sizes()), 3, 1000).more_pools, (Alternative{4, 0}));
  EXPECT_EQ(suggest(collected(four_sizes()), 4, 1000).more_pools, std::nullopt);
}

TEST(Suggest, FitsAHeapThatIsExactlyLargeEnough) {
  EXPECT_THAT(suggest(collected(four_sizes()), 2, 136).pools,
              ElementsAre(PoolSpec{12, 3}, PoolSpec{100, 1}));
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

  const Suggestion fitting = with_confidence(suggest(collected(four_sizes()), 2, std::nullopt),
                                             exceedance, 0.99, std::nullopt);
  EXPECT_EQ(fitting.heap_size, bytes);
  EXPECT_THAT(fitting.pools, ElementsAre(PoolSpec{12, small}, PoolSpec{100, large}));
  EXPECT_THAT(fitting.needed, ElementsAre(3, 1));

  const Suggestion roomy =
      with_confidence(suggest(collected(four_sizes()), 2, 5000), exceedance, 0.99, 5000);
  EXPECT_EQ(roomy.heap_size, 5000U);
  EXPECT_EQ(roomy.pools, with_headroom({{12, small}, {100, large}}, 5000));

  const auto too_small = [&] {
    with_confidence(suggest(collected(four_sizes()), 2, bytes - 1), exceedance, 0.99, bytes - 1);
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

TEST(Suggest, KeepsWhatALayoutNeedsWhereAConfidenceTakesLess) {
  Program program;
  for (int i = 0; i != 50; ++i) program.alloc(12);
  program.alloc(100);
  const Suggestion suggestion =
      with_confidence(suggest(collected(program), 2, std::nullopt), varying(), 0.9, std::nullopt);
  EXPECT_EQ(suggestion.pools[0], (PoolSpec{12, 50}));
}

TEST(Suggest, RefusesATraceThatAsksForNothing) {
  Program program;
  program.reset();
  program.alloc(4, 128);
  EXPECT_EQ(error_of(program, 5, 1000).status(), ExitStatus::kInput);
}

TEST(Suggest, RefusesALayoutBeyond32Bits) {
  Program program;
  program.alloc(1U << 31);
  for (int i = 0; i != 3; ++i) program.alloc(4);
  EXPECT_EQ(error_of(program, 1, UINT32_MAX).status(), ExitStatus::kNoLayout);
  EXPECT_THROW(suggest(collected(program), 1, std::nullopt), Error);
  EXPECT_EQ(suggest(collected(program), 2, std::nullopt).heap_size, (1U << 31) + 12);
}

}  // namespace
}  // namespace drone::layout
