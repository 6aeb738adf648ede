// SPDX-License-Identifier: MIT
#include "heaptrace/growth.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace drone::heaptrace {
namespace {

using namespace std::chrono_literals;

Event alloc(std::uint32_t block, std::uint32_t size) {
  return {EventKind::kAlloc, block, size, 0, 4};
}
Event dealloc(std::uint32_t block, std::uint32_t size) {
  return {EventKind::kDealloc, block, 0, size, 4};
}

class GrowthTest : public ::testing::Test {
 protected:
  static constexpr Growth::Clock::time_point at(std::chrono::milliseconds since_start) {
    return Growth::Clock::time_point(1h) + since_start;
  }
  void add(const std::vector<Event>& events, std::chrono::milliseconds when) {
    growth_.add(events, at(when));
  }
  /// `count` events that change nothing, at one time.
  void repeat(std::size_t count, std::chrono::milliseconds when) {
    std::vector<Event> events;
    for (std::size_t i = 0; i != count / 2; ++i) {
      events.push_back(dealloc(0, 8));
      events.push_back(alloc(0, 8));
    }
    add(events, when);
  }

  Growth growth_;
};

TEST_F(GrowthTest, BeforeTheFirstEventNothingHasGrownAndNothingIsEnough) {
  add({}, 1s);
  EXPECT_FALSE(growth_.last_event());
  EXPECT_FALSE(growth_.last_growth());
  EXPECT_FALSE(growth_.last_new_size());
  EXPECT_FALSE(growth_.is_enough(at(1h)));
}

TEST_F(GrowthTest, KnowsWhenThePeakAMaxCountAndTheSizesLastGrew) {
  add({alloc(0, 100), alloc(1, 8)}, 1s);
  EXPECT_EQ(growth_.last_growth(), at(1s));
  EXPECT_EQ(growth_.last_new_size(), at(1s));
  add({dealloc(0, 100), alloc(0, 100)}, 2s);
  EXPECT_EQ(growth_.last_growth(), at(1s)) << "the same again";
  EXPECT_EQ(growth_.last_event(), at(2s));
  add({dealloc(0, 100), alloc(2, 8)}, 3s);
  EXPECT_EQ(growth_.last_growth(), at(3s)) << "two of 8 bytes, though less is in use";
  EXPECT_EQ(growth_.last_new_size(), at(1s));
  add({alloc(3, 4)}, 4s);
  EXPECT_EQ(growth_.last_new_size(), at(4s));
  add({dealloc(3, 4), dealloc(2, 8), alloc(0, 100), alloc(3, 4)}, 5s);
  EXPECT_EQ(growth_.last_growth(), at(5s)) << "the peak: these sizes never met before";
  EXPECT_EQ(growth_.usage().live_bytes(), 112U);
  EXPECT_EQ(growth_.usage().peak_bytes(), 112U);
  EXPECT_EQ(growth_.usage().events(), 11U);
}

TEST_F(GrowthTest, AfterAResetOnlyMoreThanBeforeIsGrowth) {
  add({alloc(0, 8), alloc(1, 8)}, 1s);
  add({{EventKind::kReset, 0, 0, 0, 0}, alloc(0, 8), alloc(1, 8)}, 2s);
  EXPECT_EQ(growth_.last_growth(), at(1s));
  EXPECT_EQ(growth_.usage().live_bytes(), 16U);
  add({alloc(2, 8)}, 3s);
  EXPECT_EQ(growth_.last_growth(), at(3s));
}

TEST_F(GrowthTest, EnoughIsASecondHalfInWhichNothingGrew) {
  add({alloc(0, 8)}, 0s);
  repeat(1000, 10s);
  add({alloc(1, 8)}, 20s);  // the event number 1002
  repeat(1000, 39s);
  EXPECT_FALSE(growth_.is_enough(at(39s)));
  EXPECT_FALSE(growth_.is_enough(at(41s))) << "long enough, but too few events";
  repeat(2, 39s);
  EXPECT_FALSE(growth_.is_enough(at(39s))) << "events enough, but not as long";
  EXPECT_TRUE(growth_.is_enough(at(40s)));
  add({alloc(2, 8)}, 41s);
  EXPECT_FALSE(growth_.is_enough(at(50s)));
}

TEST_F(GrowthTest, EnoughTakesSomeTimeAndSomeEvents) {
  add({alloc(0, 8)}, 0s);
  repeat(Growth::kLeastEvents - 2, 1s);
  EXPECT_FALSE(growth_.is_enough(at(1h)));
  repeat(2, 2s);
  EXPECT_FALSE(growth_.is_enough(at(Growth::kLeastTime) - 1ms));
  EXPECT_TRUE(growth_.is_enough(at(Growth::kLeastTime)));
}

}  // namespace
}  // namespace drone::heaptrace
