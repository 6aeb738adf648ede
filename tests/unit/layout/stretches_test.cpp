// SPDX-License-Identifier: MIT
#include "layout/stretches.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "program.hpp"

namespace drone::layout {
namespace {

using heap::PoolSpec;
using ::testing::ElementsAre;

constexpr std::array<PoolSpec, 2> kPools{PoolSpec{8, 1}, PoolSpec{32, 1}};

Stretches stretches(const Program& program, std::uint32_t base_alignment = 4) {
  StretchCollector collector(kPools, base_alignment);
  collector.add(program.events());
  return collector.stretches();
}

/// A random program of requests up to 40 bytes, some of which no pool serves.
Program random_program(std::size_t count) {
  Program program;
  while (program.events().size() < count) {
    const std::vector<std::uint32_t> live = program.live();
    const auto dice = *rc::gen::inRange(0, 10);
    if (live.empty() || dice < 5) {
      program.alloc(*rc::gen::inRange(1U, 41U));
    } else if (dice < 8) {
      program.dealloc(*rc::gen::elementOf(live));
    } else if (dice < 9) {
      program.resize(*rc::gen::elementOf(live), *rc::gen::inRange(1U, 41U));
    } else {
      program.fail(*rc::gen::inRange(1U, 41U));
    }
  }
  return program;
}

TEST(Stretches, CountBlocksInThePoolTheyBelongInWhateverItsCapacity) {
  Program program;
  program.alloc(4);
  program.alloc(8);
  program.alloc(9);
  program.alloc(40);
  const Stretches result = stretches(program);
  EXPECT_EQ(result.events, 4U);
  EXPECT_EQ(result.stretch, 1U);
  EXPECT_THAT(result.peaks, ElementsAre(2, 1));
  EXPECT_THAT(result.most, ElementsAre(ElementsAre(1, 2, 2, 2), ElementsAre(0, 0, 1, 1)));
  EXPECT_THAT(result.largest, ElementsAre(4, 8, 12, 40));
}

TEST(Stretches, CountAFailedRequestAndABlockThatMoves) {
  Program program;
  const auto block = program.alloc(4);
  program.fail(8);
  program.resize(block, 7);
  program.resize(block, 20);
  program.resize(block, 1);
  program.alloc(1);
  EXPECT_THAT(stretches(program).most,
              ElementsAre(ElementsAre(1, 2, 1, 1, 0, 1), ElementsAre(0, 0, 0, 1, 1, 1)));
}

TEST(Stretches, EndAllLivesWhereARunOrATraceEnds) {
  Program program;
  program.alloc(4);
  program.reset();
  program.alloc(4);
  EXPECT_THAT(stretches(program).peaks, ElementsAre(1, 0));

  StretchCollector collector(kPools, 4);
  collector.add(std::span(program.events()).first(1));
  collector.end_trace();
  collector.add(std::span(program.events()).first(1));
  EXPECT_THAT(collector.stretches().peaks, ElementsAre(1, 0));
}

TEST(Stretches, AreAlwaysFewAndEquallyLong) {
  Program program;
  StretchCollector collector(kPools, 4);
  for (std::uint64_t events = 1; events != 3000; ++events) {
    program.alloc(4);
    collector.add(std::span(program.events()).last(1));
    const Stretches result = collector.stretches();
    ASSERT_EQ(result.events, events);
    ASSERT_LT(result.largest.size(), StretchCollector::kMostStretches);
    ASSERT_EQ(result.largest.size(), events / result.stretch);
    if (events >= StretchCollector::kMostStretches) {
      ASSERT_GE(result.largest.size(), StretchCollector::kMostStretches / 2);
    }
  }
}

/// By pool, the most blocks alive during each event; a move is in both pools for a moment.
std::array<std::vector<std::uint32_t>, 2> counts_by_event(const Program& program) {
  using heaptrace::EventKind;
  const auto pool_of = [](std::uint32_t size) -> std::size_t {
    return size <= 8 ? 0 : size <= 32 ? 1 : 2;
  };
  std::array<std::uint32_t, 3> live{};
  std::map<std::uint32_t, std::uint32_t> size_of;  // the largest so far, by block
  std::array<std::vector<std::uint32_t>, 2> result;
  for (const heaptrace::Event& event : program.events()) {
    std::array<std::uint32_t, 3> most = live;
    if (event.kind == EventKind::kAlloc || event.kind == EventKind::kFailed) {
      ++most[pool_of(event.size)];
      if (event.kind == EventKind::kAlloc) {
        live = most;
        size_of[event.block] = event.size;
      }
    } else if (event.kind == EventKind::kDealloc) {
      --live[pool_of(size_of.at(event.block))];
    } else if (event.size > size_of.at(event.block)) {
      std::uint32_t& size = size_of.at(event.block);
      if (pool_of(event.size) != pool_of(size)) {
        ++most[pool_of(event.size)];
        ++live[pool_of(event.size)];
        --live[pool_of(size)];
      }
      size = event.size;
    }
    for (std::size_t pool = 0; pool != result.size(); ++pool) result[pool].push_back(most[pool]);
  }
  return result;
}

TEST(Stretches, HaveTheHighestCountsOfEachStretchWhateverTheChunks) {
  rc::check([] {
    const Program program = random_program(*rc::gen::inRange<std::size_t>(1, 1500));
    const std::span<const heaptrace::Event> events(program.events());
    StretchCollector collector(kPools, 4);
    for (std::size_t at = 0; at != events.size();) {
      const std::size_t chunk =
          std::min(*rc::gen::inRange<std::size_t>(1, 700), events.size() - at);
      collector.add(events.subspan(at, chunk));
      at += chunk;
    }
    const Stretches result = collector.stretches();
    const auto counts = counts_by_event(program);
    for (std::size_t pool = 0; pool != counts.size(); ++pool) {
      RC_ASSERT(result.peaks[pool] == *std::max_element(counts[pool].begin(), counts[pool].end()));
      for (std::size_t i = 0; i != result.most[pool].size(); ++i) {
        const auto begin = counts[pool].begin() + static_cast<std::ptrdiff_t>(i * result.stretch);
        const auto end = begin + static_cast<std::ptrdiff_t>(result.stretch);
        RC_ASSERT(result.most[pool][i] == *std::max_element(begin, end));
      }
    }
  });
}

TEST(Stretches, PairUpFromTheEnd) {
  Stretches result;
  result.events = 21;
  result.stretch = 4;
  result.most = {{9, 1, 2, 4, 3}, {0, 7, 0, 0, 1}};
  result.largest = {12, 4, 8, 8, 4};
  pair_up(result);
  EXPECT_EQ(result.events, 21U);
  EXPECT_EQ(result.stretch, 8U);
  EXPECT_THAT(result.most, ElementsAre(ElementsAre(2, 4), ElementsAre(7, 1)));
  EXPECT_THAT(result.largest, ElementsAre(8, 8));
}

}  // namespace
}  // namespace drone::layout
