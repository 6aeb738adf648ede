// SPDX-License-Identifier: MIT
#include "layout/exceedance.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <variant>
#include <vector>

namespace drone::layout {
namespace {

using Reason = NoEstimate::Reason;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::size_t kStretches = 200;
constexpr std::array<heap::PoolSpec, 2> kPools{heap::PoolSpec{8, 1}, heap::PoolSpec{32, 1}};

/// The same numbers on every machine.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  double uniform() { return (static_cast<double>(engine_() >> 11) + 0.5) * 0x1p-53; }
  /// n or more with a chance of ratio^n.
  std::uint32_t geometric(double ratio) {
    return static_cast<std::uint32_t>(std::log(uniform()) / std::log(ratio));
  }
  /// Successes in `trials` with even chances.
  std::uint32_t binomial(unsigned trials) {
    std::uint32_t sum = 0;
    for (unsigned i = 0; i != trials; ++i) sum += uniform() < 0.5 ? 1 : 0;
    return sum;
  }

 private:
  std::mt19937_64 engine_;
};

/// A trace of two pools, whose counts in the i-th stretch are what the functions give.
Stretches trace_of(const std::function<std::uint32_t(std::size_t)>& small,
                   const std::function<std::uint32_t(std::size_t)>& large) {
  Stretches result;
  result.stretch = 128;
  result.events = kStretches * result.stretch;
  result.most.resize(2);
  for (std::size_t i = 0; i != kStretches; ++i) {
    result.most[0].push_back(small(i));
    result.most[1].push_back(large(i));
    result.largest.push_back(32);
  }
  for (const auto& pool : result.most) {
    result.peaks.push_back(*std::max_element(pool.begin(), pool.end()));
  }
  return result;
}

/// One whose first pool varies from stretch to stretch, as it should.
Stretches trace_with(const std::function<std::uint32_t(std::size_t)>& large) {
  Random random(1);
  return trace_of([&random](std::size_t) { return random.binomial(60); }, large);
}

NoEstimate none_for(const Stretches& trace) {
  const auto result = estimate_exceedance(trace);
  const auto* none = std::get_if<NoEstimate>(&result);
  EXPECT_NE(none, nullptr);
  return none == nullptr ? NoEstimate{} : *none;
}

Exceedance estimate_for(const Stretches& trace) {
  const auto result = estimate_exceedance(trace);
  if (const auto* none = std::get_if<NoEstimate>(&result)) {
    ADD_FAILURE() << in_words(*none, kPools);
    return {};
  }
  return std::get<Exceedance>(result);
}

/// The chance that a pool of such blocks needs more than `capacity` in some of so many stretches.
double chance_of_geometric(double ratio, std::uint64_t capacity, double stretches) {
  const double single = std::pow(ratio, static_cast<double>(capacity + 1));
  return -std::expm1(stretches * std::log1p(-single));
}

TEST(Exceedance, KeepsItsPromiseOnAverageWhereTailsAreGeometric) {
  for (const double ratio : {0.05, 0.5, 0.9}) {
    for (const double confidence : {0.9, 0.99, 0.999}) {
      double sum = 0;
      unsigned estimates = 0;
      for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        Random random(seed);
        const Stretches trace = trace_of([&](std::size_t) { return 10 + random.geometric(ratio); },
                                         [&](std::size_t) { return random.binomial(20); });
        const auto result = estimate_exceedance(trace);
        const auto* estimate = std::get_if<Exceedance>(&result);
        if (estimate == nullptr) continue;
        ++estimates;
        const std::uint64_t capacity = estimate->capacities(confidence)[0];
        sum += chance_of_geometric(ratio, capacity - 10, kLongerRun * kStretches);
      }
      EXPECT_GE(estimates, 150U) << ratio;
      EXPECT_LE(sum / estimates, 1 - confidence) << ratio;
    }
  }
}

TEST(Exceedance, IsOnTheSafeSideWhereTailsFallFaster) {
  unsigned estimates = 0;
  unsigned exceeded = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Random random(seed);
    const auto next = [&](std::size_t) { return random.binomial(100); };
    const auto result = estimate_exceedance(trace_of(next, next));
    const auto* estimate = std::get_if<Exceedance>(&result);
    if (estimate == nullptr) continue;
    ++estimates;
    const std::vector<std::uint64_t> capacities = estimate->capacities(0.99);
    bool is_exceeded = false;
    for (std::size_t i = 0; i != 10 * kStretches; ++i) {
      is_exceeded |= next(i) > capacities[0];
      is_exceeded |= next(i) > capacities[1];
    }
    exceeded += is_exceeded ? 1 : 0;
  }
  EXPECT_GE(estimates, 180U);
  EXPECT_EQ(exceeded, 0U);
}

TEST(Exceedance, GivesAPoolThatAlwaysHasTheSameCountAFewBlocksMore) {
  const Exceedance estimate = estimate_for(trace_with([](std::size_t) { return 3; }));
  const std::vector<std::uint64_t> capacities = estimate.capacities(0.999);
  EXPECT_GT(capacities[1], 3U);
  EXPECT_LE(capacities[1], 7U);
}

TEST(Exceedance, HasAChanceThatFitsItsCapacities) {
  Random random(3);
  const Exceedance estimate =
      estimate_for(trace_with([&](std::size_t) { return 4 + random.geometric(0.6); }));
  std::vector<std::uint64_t> last{0, 0};
  for (const double confidence : {0.0, 0.5, 0.9, 0.99, 0.999}) {
    const std::vector<std::uint64_t> capacities = estimate.capacities(confidence);
    EXPECT_LE(estimate.chance(capacities), 1 - confidence);
    EXPECT_GE(capacities[0], last[0]);
    EXPECT_GE(capacities[1], last[1]);
    last = capacities;
  }
  EXPECT_GT(estimate.chance(std::array<std::uint64_t, 2>{last[0], last[1] - 1}),
            estimate.chance(last));
  EXPECT_GT(estimate.chance(last, 100), estimate.chance(last, 10));
  EXPECT_EQ(estimate.chance(std::array<std::uint64_t, 2>{0, 0}), 1);
  EXPECT_LT(estimate.chance(std::array<std::uint64_t, 2>{UINT32_MAX, UINT32_MAX}), 1e-9);
}

TEST(Exceedance, NeverSizesAPoolBelowThePeakOfTheTrace) {
  Stretches trace = trace_with([](std::size_t i) { return 2 + i % 2; });
  trace.peaks[0] += 2;
  const Exceedance estimate = estimate_for(trace);
  EXPECT_GE(estimate.capacities(0)[0], trace.peaks[0]);
  EXPECT_EQ(estimate.chance(std::array<std::uint64_t, 2>{trace.peaks[0] - 1, 1000}), 1);
}

TEST(Exceedance, IsNotForAShortTrace) {
  Random random(1);
  Stretches trace = trace_with([&](std::size_t) { return random.binomial(9); });
  trace.stretch = 16;
  trace.events = kStretches * trace.stretch;
  EXPECT_EQ(none_for(trace), (NoEstimate{Reason::kShort, 0, 3200, 16384}));
  EXPECT_EQ(none_for(Stretches{}).reason, Reason::kShort);
}

TEST(Exceedance, IsNotForAProgramInPhasesAsLongAsTheTrace) {
  Random random(1);
  const NoEstimate none =
      none_for(trace_with([&](std::size_t i) { return (i / 50 % 2) * 10 + random.binomial(8); }));
  EXPECT_EQ(none.reason, Reason::kPhases);
  EXPECT_EQ(none.pool, 1U);
  EXPECT_THAT(in_words(none, kPools), HasSubstr("the pool of 32"));
}

TEST(Exceedance, IsForAProgramInPhasesOfWhichTheTraceHasMany) {
  Random random(1);
  estimate_for(trace_with([&](std::size_t i) { return (i / 2 % 2) * 10 + random.binomial(8); }));
}

TEST(Exceedance, IsNotForALeak) {
  Random random(1);
  // So slow that no stretch tells it from its neighbours.
  const NoEstimate none = none_for(trace_with(
      [&](std::size_t i) { return static_cast<std::uint32_t>(i / 40) + random.binomial(40); }));
  EXPECT_EQ(none.pool, 1U);
  EXPECT_TRUE(none.reason == Reason::kRising || none.reason == Reason::kPhases);
}

TEST(Exceedance, IsNotForPeaksThatRise) {
  Random random(4);
  const NoEstimate none = none_for(trace_with(
      [&](std::size_t i) { return static_cast<std::uint32_t>(i / 66) + random.binomial(30); }));
  EXPECT_EQ(none.reason, Reason::kRising);
  EXPECT_EQ(none.pool, 1U);
}

TEST(Exceedance, IsNotForOneInputAgainAndAgain) {
  const NoEstimate none = none_for(
      trace_of([](std::size_t i) { return i == 99 ? 5 : 4; }, [](std::size_t) { return 2; }));
  EXPECT_EQ(none, (NoEstimate{Reason::kSame, 0, 174, 175}));
}

TEST(Exceedance, IsNotForRareBursts) {
  const NoEstimate none =
      none_for(trace_with([](std::size_t i) { return i == 70 || i == 150 ? 15 : 2; }));
  EXPECT_EQ(none.reason, Reason::kBursts);
  EXPECT_EQ(none.pool, 1U);
}

TEST(Exceedance, IsNotForAStartThatIsNeverSeenAgain) {
  const NoEstimate none = none_for(trace_with([](std::size_t i) { return i < 10 ? 15 : 2; }));
  EXPECT_EQ(none.reason, Reason::kStart);
  EXPECT_EQ(none.pool, 1U);
}

TEST(Exceedance, IsNotForRequestsThatBecomeLarger) {
  Stretches trace = trace_with([](std::size_t) { return 2; });
  trace.largest[100] = 36;
  trace.largest[150] = 36;
  const NoEstimate none = none_for(trace);
  EXPECT_EQ(none.reason, Reason::kLargest);
  EXPECT_EQ(none.count, 2U);
  trace.largest[5] = 36;  // the start had it, too
  estimate_for(trace);
}

TEST(Exceedance, HasWordsForEachReason) {
  for (const Reason reason : {Reason::kShort, Reason::kPhases, Reason::kRising, Reason::kSame,
                              Reason::kBursts, Reason::kStart, Reason::kLargest}) {
    EXPECT_FALSE(in_words({reason, 1, 2, 3}, kPools).empty());
    EXPECT_THAT(in_words({reason, 0, 1, 3}, kPools), ::testing::Not(HasSubstr("1 events")));
  }
}

}  // namespace
}  // namespace drone::layout
