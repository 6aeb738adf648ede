// SPDX-License-Identifier: MIT
#include "report/simulation_report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace drone::report {
namespace {

using layout::InUse;
using layout::Timeline;
using ::testing::HasSubstr;
using ::testing::Not;

Timeline timeline_of(std::initializer_list<InUse> moments) {
  Timeline timeline;
  for (const InUse& each : moments) timeline.add(each);
  return timeline;
}

TEST(RenderTimeline, DrawsBlocksAndWhatWasRequestedInThem) {
  const Timeline timeline =
      timeline_of({{1, 40, 10}, {2, 80, 80}, {3, 0, 0}, {4, 120, 80}, {5, 1, 1}});
  EXPECT_EQ(render_timeline(timeline, 5, 4, false),
            " 120 |   :\n"
            "     | # #\n"
            "     | # #\n"
            "   0 |## ##\n");
  EXPECT_EQ(render_timeline(timeline, 5, 2, true),
            " 120 \u2502   \u2591\n"
            "   0 \u2502\u2588\u2588 \u2588\u2588\n");
}

TEST(RenderTimeline, StretchesAFewAndJoinsManyMoments) {
  const Timeline few = timeline_of({{1, 4, 4}, {2, 8, 8}});
  EXPECT_EQ(render_timeline(few, 6, 2, false), " 8 |   ###\n 0 |######\n");
  const Timeline many = timeline_of({{1, 4, 4}, {2, 8, 8}, {3, 4, 4}, {4, 4, 4}});
  EXPECT_EQ(render_timeline(many, 2, 2, false), " 8 |#\n 0 |##\n");
  EXPECT_EQ(render_timeline(Timeline(), 6, 2, false), "");
}

SimulationReport small_report() {
  SimulationReport report;
  report.layout = "[heap] of Drone.toml";
  report.heap_size = 100;
  SimulatedTrace trace;
  trace.name = "heaptrace";
  trace.result.replay.requests = 30;
  trace.result.replay.pools = {{{8, 2}, 2, 0}, {{16, 5}, 3, 1}};
  trace.result.served = {20, 10};
  trace.result.events = 60;
  report.traces.push_back(trace);
  return report;
}

TEST(RenderSimulation, ListsTheFirstTwentyFailedSizesAndSumsUpTheRest) {
  SimulationReport report = small_report();
  for (std::uint32_t size = 1; size != 24; ++size) {
    report.traces[0].result.failed.push_back({size, 4, 2, size});
  }
  const std::string text = render_simulation(report, false);
  EXPECT_EQ(failed_requests(report), 46U);
  EXPECT_THAT(text, HasSubstr("     20        2         20 of 60\n and 6 of larger sizes\n"));
  EXPECT_THAT(text, Not(HasSubstr("     21        2")));
}

TEST(RenderSimulation, NamesAlignmentsWhereOneMatters) {
  SimulationReport report = small_report();
  report.traces[0].result.failed = {{12, 4, 1, 7}, {12, 64, 2, 9}};
  EXPECT_THAT(render_simulation(report, false),
              HasSubstr(" <size> <aligned to> <failed> <first at event>\n"
                        "     12                     1          7 of 60\n"
                        "     12           64        2          9 of 60\n"));
}

TEST(RenderSimulation, TellsRequestsAtHomeFromSpills) {
  EXPECT_THAT(render_simulation(small_report(), false),
              HasSubstr(" <block> <capacity> <in use> <free> <requests> <spills>\n"
                        "       8          2        2      0         20        0\n"
                        "      16          5        3      2          9        1\n"));
}

}  // namespace
}  // namespace drone::report
