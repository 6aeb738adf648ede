// SPDX-License-Identifier: MIT
#include "layout/suggest.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
