// SPDX-License-Identifier: MIT
#include "layout/exhaustive_search.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "layout/optimize.hpp"
#include "program.hpp"
#include "random_program.hpp"
#include "survey_of.hpp"

namespace drone::layout {
namespace {

const auto kGoOn = [](std::uint64_t) { return true; };

/// Two pools, for the sizes up to `end` and for the rest.
Candidate two_pools(const JointPeaks& peaks, std::uint32_t end, std::uint32_t first,
                    std::uint32_t second) {
  const std::vector<std::uint32_t>& sizes = peaks.sizes();
  Candidate candidate;
  candidate.ends = {end, static_cast<std::uint32_t>(sizes.size())};
  candidate.capacities = {first, second};
  candidate.bytes = std::uint64_t{sizes[end - 1]} * first + std::uint64_t{sizes.back()} * second;
  return candidate;
}

/// Three blocks of 4 bytes, then two of 8: at most three are alive.
Program three_then_two() {
  Program program;
  std::vector<std::uint32_t> small;
  for (int i = 0; i != 3; ++i) small.push_back(program.alloc(4));
  for (const std::uint32_t block : small) program.dealloc(block);
  program.alloc(8);
  program.alloc(8);
  return program;
}

TEST(ExhaustiveSearch, CountsWhatCouldRunInFewerBytes) {
  const Program program = three_then_two();
  const Survey survey = survey_of(program);
  QuickReplay replay(*survey.workload());
  ExhaustiveSearch search(*survey.joint_peaks(), 2, replay);
  // 4 x 1 + 8 x 2 = 20, 8 x 3 = 24 and 4 x 2 + 8 x 2 = 24 bytes; the next has 4 x 1 + 8 x 3 = 28.
  EXPECT_EQ(search.count(20, 100), 0U);
  EXPECT_EQ(search.count(21, 100), 1U);
  EXPECT_EQ(search.count(24, 100), 1U);
  EXPECT_EQ(search.count(25, 100), 3U);
  EXPECT_EQ(search.count(28, 100), 3U);
  EXPECT_EQ(search.count(28, 2), 2U);
}

TEST(ExhaustiveSearch, FindsTheBestFromAnywhere) {
  const Program program = three_then_two();
  const Survey survey = survey_of(program);
  QuickReplay replay(*survey.workload());
  ExhaustiveSearch search(*survey.joint_peaks(), 2, replay);
  Candidate best = two_pools(*survey.joint_peaks(), 1, 50, 50);
  EXPECT_TRUE(search.improve(best, {}, kGoOn));
  EXPECT_EQ(best.bytes, 20U);
  EXPECT_EQ(best.ends, (PoolEnds{1, 2}));
  EXPECT_EQ(best.capacities, (std::vector<std::uint32_t>{1, 2}));
}

TEST(ExhaustiveSearch, TriesNothingBelowItsPart) {
  const Program program = three_then_two();
  const Survey survey = survey_of(program);
  QuickReplay replay(*survey.workload());
  ExhaustiveSearch search(*survey.joint_peaks(), 2, replay);
  Candidate best = two_pools(*survey.joint_peaks(), 1, 50, 50);
  EXPECT_TRUE(search.improve(best, {.from = 21}, kGoOn));
  EXPECT_EQ(best.bytes, 24U);
}

/// Up to four sizes, and no alignments.
Program plain_program() {
  Program program;
  for (const std::uint32_t draw :
       *rc::gen::container<std::vector<std::uint32_t>>(30, rc::gen::inRange(0U, 1000U))) {
    const auto live = program.live();
    if (live.empty() || draw % 5 < 3) {
      program.alloc(4 * (1 + draw % 4));
    } else {
      program.dealloc(live[draw % live.size()]);
    }
  }
  return program;
}

TEST(ExhaustiveSearch, SharesAreAllThereIs) {
  EXPECT_TRUE(rc::check("the best of all shares is the best", [] {
    const Program program = plain_program();
    const Survey survey = survey_of(program);
    const JointPeaks& peaks = *survey.joint_peaks();
    const std::uint64_t limit = layout_bytes(optimize(peaks, 3)) + 16;
    const auto from = lower_bound(peaks, 3).bytes + *rc::gen::inRange<std::uint64_t>(0, 8);
    const auto best_of = [&](const ExhaustiveSearch::Part& part) {
      QuickReplay replay(*survey.workload());
      ExhaustiveSearch search(peaks, 3, replay);
      Candidate best;
      best.bytes = limit;
      RC_ASSERT(search.improve(best, part, kGoOn));
      return best.bytes;
    };
    std::uint64_t best = limit;
    for (std::uint64_t share = 0; share != 4; ++share) {
      best = std::min(best, best_of({.from = from, .share = share, .shares = 4}));
    }
    RC_ASSERT(best == best_of({.from = from}));
    const std::uint64_t of_all = best_of({});
    RC_ASSERT(of_all == best_of({.from = of_all}));
  }));
}

TEST(ExhaustiveSearch, CountsEachLayoutOnce) {
  EXPECT_TRUE(rc::check("all layouts of fewer bytes are counted, each once", [] {
    const Program program = plain_program();
    const Survey survey = survey_of(program);
    const JointPeaks& peaks = *survey.joint_peaks();
    RC_ASSERT(ExhaustiveSearch::covers_all_layouts(*survey.workload()));
    const std::size_t n = peaks.sizes().size();
    QuickReplay replay(*survey.workload());
    ExhaustiveSearch search(peaks, 3, replay);
    const std::uint64_t limit =
        lower_bound(peaks, 3).bytes + *rc::gen::inRange<std::uint64_t>(0, 60);

    std::uint64_t expected = 0;
    for (std::uint32_t chosen = 0; chosen != 1U << (n - 1); ++chosen) {
      PoolEnds ends;
      for (std::uint32_t i = 0; i != n - 1; ++i) {
        if ((chosen >> i & 1) != 0) ends.push_back(i + 1);
      }
      ends.push_back(static_cast<std::uint32_t>(n));
      if (ends.size() > 3) continue;
      std::vector<std::uint32_t> blocks;
      std::vector<std::uint32_t> least;
      std::uint32_t begin = 0;
      for (const std::uint32_t end : ends) {
        blocks.push_back(replay.block(begin, end));
        least.push_back(peaks.peak(begin, n - 1));
        begin = end;
      }
      if (std::count(blocks.begin(), blocks.end(), 0U) != 0) continue;
      // Every list of capacities, as digits of a counter with one more than could be afforded.
      std::vector<std::uint64_t> capacities(ends.size(), 1);
      for (;;) {
        std::uint64_t held = 0;
        std::uint64_t bytes = 0;
        bool holds = true;
        for (std::size_t p = ends.size(); p-- != 0;) {
          held += capacities[p];
          bytes += capacities[p] * blocks[p];
          holds = holds && held >= least[p];
        }
        if (holds && bytes < limit) ++expected;
        std::size_t digit = 0;
        while (digit != ends.size() && ++capacities[digit] * blocks[digit] > limit) {
          capacities[digit++] = 1;
        }
        if (digit == ends.size()) break;
      }
    }
    RC_ASSERT(search.count(limit, 1'000'000) == expected);
  }));
}

TEST(QuickReplay, TellsWhyATryFails) {
  EXPECT_TRUE(rc::check("what fails so fails with other capacities, too", [] {
    const Program program = random_program(4);
    const Survey survey = survey_of(program, 4);
    const JointPeaks& peaks = *survey.joint_peaks();
    RC_PRE(peaks.sizes().size() >= 3);
    const auto n = static_cast<std::uint32_t>(peaks.sizes().size());
    QuickReplay replay(*survey.workload());
    PoolEnds ends{*rc::gen::inRange(1U, n - 1), n - 1, n};
    if (ends[0] == ends[1]) ends.erase(ends.begin());
    for (std::uint32_t begin = 0; const std::uint32_t end : ends) {
      RC_PRE(replay.block(begin, end) != 0);
      begin = end;
    }
    const auto capacities = *rc::gen::container<std::vector<std::uint32_t>>(
        ends.size(), rc::gen::inRange<std::uint32_t>(1, 5));
    RC_PRE(!replay.run(ends, capacities).runs);
    const QuickReplay::Failure failure = replay.failure();
    RC_ASSERT(failure.refusing != 0);
    for (int i = 0; i != 5; ++i) {
      std::vector<std::uint32_t> others = capacities;
      for (std::size_t p = 0; p != ends.size(); ++p) {
        if ((failure.refusing >> p & 1) != 0) {
          RC_ASSERT(failure.most[p] == capacities[p]);
          continue;
        }
        RC_ASSERT(failure.most[p] <= capacities[p]);
        others[p] = std::max(1U, failure.most[p]) + *rc::gen::inRange(0U, 5U);
      }
      RC_ASSERT(!replay.run(ends, others).runs);
      RC_ASSERT(!QuickReplay(*survey.workload()).run(ends, others).runs);
    }
  }));
}

}  // namespace
}  // namespace drone::layout
