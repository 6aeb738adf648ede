// SPDX-License-Identifier: MIT
#include "layout/joint_peaks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "layout/demand.hpp"
#include "long_program.hpp"
#include "program.hpp"
#include "random_program.hpp"
#include "support/error.hpp"

namespace drone::layout {
namespace {

using heaptrace::Event;
using heaptrace::EventKind;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// Adds the events in chunks; `looks` says after which of them the peaks are asked for.
JointPeaks collected(std::span<const Event> events, std::uint32_t base,
                     std::size_t chunk = SIZE_MAX, bool looks = false) {
  LifeTracker tracker;
  JointPeaksCollector collector(base, tracker);
  while (!events.empty()) {
    const std::size_t size = std::min(chunk, events.size());
    tracker.add(events.first(size), [&collector](std::uint32_t, std::uint32_t from,
                                                 std::uint32_t to) { collector.add(from, to); });
    if (looks) collector.peaks();
    events = events.subspan(size);
  }
  return collector.peaks();
}

JointPeaks collected(const Program& program, std::uint32_t base = 4) {
  return collected(program.events(), base);
}

struct Life {
  std::uint32_t largest;
  std::uint32_t alignment;
};

/// Calls `see` with all that is alive, after each event and while a request fails.
template <class See>
void for_each_moment(std::span<const Event> events, const See& see) {
  std::map<std::uint32_t, Life> live;
  for (const Event& event : events) {
    const auto found = live.find(event.block);
    const bool is_servable = layout::is_servable(event.size, event.alignment);
    switch (event.kind) {
      case EventKind::kAlloc:
        if (is_servable) live[event.block] = {event.size, event.alignment};
        break;
      case EventKind::kDealloc:
        live.erase(event.block);
        break;
      case EventKind::kResize:
        if (found == live.end()) break;
        found->second.largest = std::max(found->second.largest, event.size);
        break;
      case EventKind::kRealign:
        if (found == live.end()) break;
        found->second.alignment = std::max(found->second.alignment, event.alignment);
        if (event.alignment > heap::kMaxAlignment) live.erase(found);
        break;
      case EventKind::kFailed:
        if (is_servable) {
          auto with_it = live;
          with_it[UINT32_MAX] = {event.size, event.alignment};
          see(with_it);
        }
        break;
      case EventKind::kReset:
        live.clear();
        break;
    }
    see(live);
  }
}

/// What the collector collects, by counting the blocks that are alive at each moment.
JointPeaks counted(std::span<const Event> events, std::uint32_t base) {
  const auto effective = [base](const Life& life) {
    return heap::effective_size(life.largest, base, life.alignment);
  };
  std::map<std::uint32_t, std::uint32_t> alignment_of;  // by effective size
  for_each_moment(events, [&](const std::map<std::uint32_t, Life>& live) {
    for (const auto& [block, life] : live) {
      std::uint32_t& alignment = alignment_of[effective(life)];
      alignment = std::max({alignment, base, life.alignment});
    }
  });
  std::vector<std::uint32_t> sizes;
  std::vector<std::uint32_t> alignments;
  for (const auto& [size, alignment] : alignment_of) {
    sizes.push_back(size);
    alignments.push_back(alignment);
  }
  std::vector<std::uint32_t> peaks(sizes.size() * (sizes.size() + 1) / 2);
  std::vector<std::uint32_t> counts(sizes.size());
  for_each_moment(events, [&](const std::map<std::uint32_t, Life>& live) {
    std::fill(counts.begin(), counts.end(), 0);
    for (const auto& [block, life] : live) {
      ++counts[static_cast<std::size_t>(
          std::lower_bound(sizes.begin(), sizes.end(), effective(life)) - sizes.begin())];
    }
    std::size_t out = 0;
    for (std::size_t first = 0; first != sizes.size(); ++first) {
      std::uint32_t sum = 0;
      for (std::size_t last = first; last != sizes.size(); ++last, ++out) {
        sum += counts[last];
        peaks[out] = std::max(peaks[out], sum);
      }
    }
  });
  return {sizes, alignments, peaks};
}

TEST(JointPeaks, AreLessThanTheSumWherePeaksDoNotMeet) {
  Program program;
  const auto first = program.alloc(4);
  program.dealloc(first);
  program.alloc(8);
  program.alloc(8);
  const JointPeaks peaks = collected(program);
  EXPECT_THAT(peaks.sizes(), ElementsAre(4, 8));
  EXPECT_THAT(peaks.alignments(), ElementsAre(4, 4));
  EXPECT_THAT(peaks.peaks(), ElementsAre(1, 2, 2));
  EXPECT_EQ(peaks.peak(0, 1), 2U);
}

TEST(JointPeaks, CountABlockInTheClassOfItsLargestSize) {
  Program program;
  const auto block = program.alloc(4);
  program.resize(block, 12);
  program.resize(block, 8);
  program.alloc(8);
  EXPECT_THAT(collected(program).peaks(), ElementsAre(1, 1, 2, 1, 2, 1));
}

TEST(JointPeaks, CountAFailedRequestAtItsMoment) {
  Program program;
  const auto block = program.alloc(4);
  program.fail(8);
  program.dealloc(block);
  program.alloc(12);
  EXPECT_THAT(collected(program).peaks(), ElementsAre(1, 2, 2, 1, 1, 1));
}

TEST(JointPeaks, OfNothingAreNone) {
  Program program;
  program.alloc(4, 128);
  program.reset();
  EXPECT_THAT(collected(program).sizes(), IsEmpty());
}

TEST(JointPeaks, AreWhatCountingEachMomentGives) {
  EXPECT_TRUE(rc::check("joint peaks are counted at every moment", [] {
    const std::uint32_t base = *rc::gen::element(4U, 8U);
    const Program program = random_program(base);
    const JointPeaks expected = counted(program.events(), base);
    RC_ASSERT(collected(program, base) == expected);
    const auto chunk = *rc::gen::inRange<std::size_t>(1, 20);
    RC_ASSERT(collected(program.events(), base, chunk, true) == expected);

    DemandCollector collector(base);
    collector.add(program.events());
    for (const Demand& demand : collector.demands()) {
      const auto& sizes = expected.sizes();
      const auto found = std::find(sizes.begin(), sizes.end(), demand.effective_size);
      RC_ASSERT(found != sizes.end());
      const auto index = static_cast<std::size_t>(found - sizes.begin());
      RC_ASSERT(expected.peak(index, index) >= demand.max_count);
      RC_ASSERT(expected.alignments()[index] >= demand.alignment);
    }
  }));
}

TEST(JointPeaks, OfMoreChangesThanAreLookedAtAtOnceAreThoseOfEachMoment) {
  const std::vector<Event> events =
      long_events({.events = 262144 + 100'000, .sizes = 12, .most_live = 20});
  EXPECT_EQ(collected(events, 4), counted(events, 4));
}

TEST(JointPeaks, KeepWhatWasAliveWhenNewSizesCome) {
  for (const std::uint32_t base : {4U, 8U}) {
    const std::vector<Event> events = long_events({.events = 5000, .sizes = 30, .seed = base});
    const JointPeaks expected = counted(events, base);
    for (const std::size_t chunk : {1U, 7U, 100U, 2000U, 5000U}) {
      EXPECT_EQ(collected(events, base, chunk, true), expected) << chunk;
    }
  }
}

JointPeaks merged(JointPeaks into, const JointPeaks& other) {
  into.merge(other);
  return into;
}

TEST(JointPeaks, OfSeveralTracesAreTheLargestOfTheirs) {
  EXPECT_TRUE(rc::check("merging is the maximum", [] {
    const std::uint32_t base = *rc::gen::element(4U, 8U);
    const Program a = random_program(base);
    const Program b = random_program(base);
    const Program c = random_program(base);
    const JointPeaks of_a = collected(a, base);
    const JointPeaks of_b = collected(b, base);
    const JointPeaks of_c = collected(c, base);
    const JointPeaks all = merged(merged(of_a, of_b), of_c);
    RC_ASSERT(merged(of_a, merged(of_b, of_c)) == all);
    RC_ASSERT(merged(of_b, of_a) == merged(of_a, of_b));
    RC_ASSERT(merged(all, of_b) == all);
    RC_ASSERT(merged(JointPeaks(), of_a) == of_a);
    RC_ASSERT(merged(of_a, JointPeaks()) == of_a);

    // One trace after the other, with a reset between them, is one program.
    std::vector<Event> one = a.events();
    for (const Program* const next : {&b, &c}) {
      one.push_back({EventKind::kReset});
      one.insert(one.end(), next->events().begin(), next->events().end());
    }
    RC_ASSERT(collected(one, base) == all);
  }));
}

/// One block of each of `count` sizes, from 4 times `first` on.
std::vector<Event> one_of_each(std::uint32_t first, std::size_t count) {
  std::vector<Event> events;
  for (std::uint32_t i = 0; i != count; ++i) {
    events.push_back({EventKind::kAlloc, i, 4 * (first + i), 0, 4});
  }
  return events;
}

TEST(JointPeaks, TellHowFarTheyAreFound) {
  LifeTracker tracker;
  JointPeaksCollector collector(4, tracker);
  std::vector<double> told;
  collector.tell_progress([&told](double done) { told.push_back(done); });
  const auto look_at = [&](std::span<const Event> events) {
    told.clear();
    tracker.add(events, [&collector](std::uint32_t, std::uint32_t from, std::uint32_t to) {
      collector.add(from, to);
    });
    EXPECT_THAT(told, IsEmpty()) << "nothing was looked at";
    collector.peaks();
  };
  std::vector<Event> events = one_of_each(1, 100);
  look_at(events);
  EXPECT_GT(told.size(), 1U);
  EXPECT_GT(told.front(), 0);
  EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
  EXPECT_EQ(told.back(), 1);
  // What exceeds no peak is done at once.
  events.insert(events.begin(), {EventKind::kReset});
  look_at(events);
  EXPECT_THAT(told, ElementsAre(1));
  look_at({});
  EXPECT_THAT(told, IsEmpty());
}

TEST(JointPeaks, RefuseATraceOfTooManySizes) {
  LifeTracker tracker;
  JointPeaksCollector collector(4, tracker);
  const auto add = [&](std::span<const Event> events) {
    tracker.add(events, [&collector](std::uint32_t, std::uint32_t from, std::uint32_t to) {
      collector.add(from, to);
    });
  };
  add(one_of_each(1, kMostJointSizes + 1));
  EXPECT_THROW(collector.peaks(), Error);
  add(std::vector<Event>{{EventKind::kReset}});
  EXPECT_THROW(collector.peaks(), Error);
}

TEST(JointPeaks, RefuseTracesThatTogetherHaveTooManySizes) {
  std::vector<std::uint32_t> sizes;
  for (std::uint32_t i = 1; i <= kMostJointSizes; ++i) sizes.push_back(4 * i);
  const std::size_t n = sizes.size();
  JointPeaks most(sizes, std::vector<std::uint32_t>(n, 4),
                  std::vector<std::uint32_t>(n * (n + 1) / 2, 1));
  most.merge(collected(one_of_each(5, 1), 4));
  EXPECT_EQ(most.sizes().size(), kMostJointSizes);
  EXPECT_THROW(most.merge(collected(one_of_each(kMostJointSizes + 1, 1), 4)), Error);
}

}  // namespace
}  // namespace drone::layout
