// SPDX-License-Identifier: MIT
#include "report/layout_report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>

namespace drone::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

/// Two pools in a heap of 1000 bytes, of which the trace needs 60.
LayoutReport small_report() {
  LayoutReport report;
  report.suggestion.pools = {{12, 41}, {24, 21}};
  report.suggestion.needed = {3, 1};
  report.suggestion.heap_size = 1000;
  report.suggestion.fragmentation = 12;
  report.replay.requests = 9;
  report.replay.pools = {{{12, 41}, 2, 0}, {{24, 21}, 1, 0}};
  report.heap_size = "1000";
  report.traces = {{"heaptrace", {}}};
  report.traces[0].summary.ended_in_order = true;
  return report;
}

TEST(RenderLayout, SaysThatATraceWasCut) {
  LayoutReport report = small_report();
  report.traces[0].summary.ended_in_order = false;
  EXPECT_THAT(render_layout(report),
              HasSubstr("# The trace was not closed in order: its end may be missing.\n"));
}

TEST(RenderLayout, PrintsASectionAndItsProof) {
  EXPECT_EQ(render_layout(small_report()),
            "# Fragmentation: 12 / 1.20%\n"
            "\n"
            "[heap]\n"
            "size = \"1000\"\n"
            "pools = [\n"
            "    { block = \"12\", capacity = 41 },\n"
            "    { block = \"24\", capacity = 21 },\n"
            "]\n"
            "\n"
            "# Proof: the trace was replayed on these pools.\n"
            "# 9 requests, failed: 0\n"
            "#\n"
            "# <block> <capacity> <needed> <in use> <spills>\n"
            "#      12         41        3        2        0\n"
            "#      24         21        1        1        0\n"
            "#\n"
            "# needed: blocks that every mix of the trace's peaks can take at once\n"
            "# in use: most blocks that the replay had in use at one time\n"
            "# spills: requests served here because a smaller pool was empty\n");
}

/// Of a program whose two pools vary between 1 and 3, and 1 and 2 blocks.
layout::Outlook outlook() {
  layout::Stretches stretches;
  stretches.stretch = 128;
  stretches.most.resize(2);
  std::uint32_t state = 1;
  for (int i = 0; i != 200; ++i) {
    state = state * 1664525 + 1013904223;
    stretches.most[0].push_back(1 + (state >> 30) % 3);
    stretches.most[1].push_back(1 + (state >> 16) % 2);
    stretches.largest.push_back(24);
  }
  stretches.events = 200 * stretches.stretch;
  stretches.peaks = {3, 2};
  return layout::estimate_exceedance(stretches);
}

TEST(RenderLayout, SaysHowLikelyALongerRunNeedsMore) {
  LayoutReport report = small_report();
  EXPECT_THAT(render_layout(report), Not(HasSubstr("ten times as long")));
  report.outlook = outlook();
  EXPECT_THAT(
      render_layout(report),
      HasSubstr("#\n"
                "# A run ten times as long needs more than these pools have with a chance of at\n"
                "# most 0.1%, if the program goes on as in the trace.\n"));
  report.confidence = 0.999;
  EXPECT_THAT(render_layout(report),
              HasSubstr("#\n# The pools are sized by a confidence of 99.9%. "));
  report.confidence.reset();
  report.suggestion.pools = {{12, 3}, {24, 2}};
  EXPECT_THAT(render_layout(report), HasSubstr("may well need more than these pools have"));
  EXPECT_THAT(render_layout(report), HasSubstr("--confidence 99%"));
}

TEST(RenderLayout, SaysWhyALongerRunCannotBeForetold) {
  LayoutReport report = small_report();
  report.outlook = layout::NoEstimate{layout::NoEstimate::Reason::kRising, 1, 0, 0};
  EXPECT_THAT(
      render_layout(report),
      HasSubstr("#\n"
                "# How likely a longer run needs more than these pools have cannot be told from\n"
                "# this trace: the peaks of the pool of 24 still rise towards the end of the\n"
                "# trace.\n"));
}

TEST(RenderLayout, NamesTheTraceThatANoteIsAbout) {
  LayoutReport report = small_report();
  report.traces = {{"one", {}}, {"other", {}}};
  EXPECT_THAT(render_layout(report),
              HasSubstr("# Proof: each of the 2 traces was replayed on these pools.\n"));
  report.traces[1].summary.losses.overflows = 1;
  report.traces[0].summary.began_midway = true;
  EXPECT_THAT(render_layout(report), HasSubstr("# Parts of 'other' were lost"));
  EXPECT_THAT(render_layout(report), HasSubstr("lower bounds: 'one' does not begin"));
}

/// The comments of the small report as one line, with a tight layout that was found like that.
std::string tight_comments(LayoutReport report, const layout::TightSearch& tight) {
  report.suggestion.tight = tight;
  std::istringstream lines(render_layout(report));
  std::string text;
  std::string line;
  while (std::getline(lines, line)) {
    if (line.starts_with("# ")) text += line.substr(2) + ' ';
  }
  return text;
}

layout::TightSearch search_without_spill() {
  layout::TightSearch tight;
  tight.most_pools = 2;
  tight.bytes = tight.without_spill = 60;
  tight.lower_bound = 50;
  return tight;
}

TEST(RenderLayout, SaysWhySpillWasNotTried) {
  LayoutReport report = small_report();
  layout::TightSearch tight = search_without_spill();
  EXPECT_THAT(tight_comments(report, tight), Not(HasSubstr("Spill")));
  tight.was_workload_missing = true;
  EXPECT_THAT(tight_comments(report, tight),
              HasSubstr(" Spill was not tried: that takes the traces' events in memory, and they "
                        "are too many. "));
  layout::TightSearch barred = search_without_spill();
  report.bars_spill = true;
  EXPECT_THAT(tight_comments(report, barred),
              HasSubstr(" Spill was not searched: --confidence is about pools that serve their own "
                        "requests alone. "));
  barred.is_best = true;  // nothing was to be gained
  EXPECT_THAT(tight_comments(report, barred), Not(HasSubstr("Spill")));
  report.bars_spill = false;
  report.traces.push_back({"night.heap", {}, false});
  EXPECT_THAT(tight_comments(report, tight),
              HasSubstr(" Spill was not tried: 'night.heap' is a summary, which has no requests in "
                        "order. Give the traces themselves to have it tried. "));
}

TEST(RenderLayout, NamesTheHeadroomThatWasAskedFor) {
  LayoutReport report = small_report();
  EXPECT_THAT(render_layout(report), Not(HasSubstr("--headroom")));
  report.headroom_permille = 125;
  EXPECT_THAT(render_layout(report),
              HasSubstr("#\n# Each pool has at least 12.5% more blocks than it needs "
                        "(--headroom).\n"));
  report.confidence = 0.99;
  EXPECT_THAT(render_layout(report),
              HasSubstr("12.5% more blocks than that confidence takes\n# (--headroom)."));
}

TEST(RenderLayout, RepeatsAnAlignmentOf8) {
  LayoutReport report = small_report();
  report.base_alignment = 8;
  EXPECT_THAT(render_layout(report), HasSubstr("size = \"1000\"\nalignment = 8\npools = [\n"));
}

TEST(RenderLayout, WidensColumnsForLargeNumbers) {
  LayoutReport report = small_report();
  report.replay.pools[1].pool.capacity = 4'000'000'000;
  report.replay.pools[1].spills = 123'456'789;
  EXPECT_THAT(render_layout(report),
              HasSubstr("# <block> <capacity> <needed> <in use>  <spills>\n"
                        "#      12         41        3        2         0\n"
                        "#      24 4000000000        1        1 123456789\n"));
}

TEST(RenderLayout, SaysWhatTheNumbersRestOn) {
  LayoutReport report = small_report();
  EXPECT_THAT(render_layout(report), Not(HasSubstr("lower bounds")));
  EXPECT_THAT(render_layout(report), Not(HasSubstr("were lost")));
  report.traces[0].summary.began_midway = true;
  EXPECT_THAT(render_layout(report), HasSubstr("lower bounds: the trace does not begin"));
  report.traces[0].summary.began_midway = false;
  report.traces[0].summary.losses.overflows = 1;
  EXPECT_THAT(render_layout(report), HasSubstr("# Parts of the trace were lost"));
  report.traces[0].summary.losses.overflows = 0;
  report.traces[0].summary.losses.double_allocs = 1;
  EXPECT_THAT(render_layout(report), HasSubstr("the program\n# frees blocks twice"));
}

TEST(RenderLayout, SaysWhatTheUserMayNotExpect) {
  LayoutReport report = small_report();
  report.fit = true;
  report.unservable = 1;
  report.failed = {2, 100};
  report.replay.moves = 3;
  report.suggestion.more_pools = layout::Alternative{4, 0};
  report.traces[0].summary.description.base_alignment = 8;
  const std::string text = render_layout(report);
  EXPECT_THAT(text, HasSubstr("# No headroom: "));
  EXPECT_THAT(text, StartsWith("#\n# WARNING: No layout can serve 1 request of the trace: "));
  EXPECT_THAT(text, HasSubstr("\n\n# Fragmentation: "));
  EXPECT_THAT(text, HasSubstr("failed in the trace: 2 requests, the largest of\n# 100 bytes.\n"));
  EXPECT_THAT(text, HasSubstr("# 3 resizes did not fit their block and took another one.\n"));
  report.replay.moves = 1;
  EXPECT_THAT(render_layout(report),
              HasSubstr("# 1 resize did not fit its block and took another one.\n"));
  EXPECT_THAT(text, HasSubstr("# Hint: --pools 4 lowers the fragmentation to 0 bytes.\n"));
  EXPECT_THAT(text, HasSubstr("# The trace is of a heap with alignment = 8, "));
}

TEST(RenderLayout, PutsEverythingBehindTheSectionIntoCommentsOf80Columns) {
  LayoutReport report = small_report();
  report.fit = true;
  report.unservable = 1000;
  report.failed = {2000, 10000};
  report.replay.moves = 3000;
  report.suggestion.more_pools = layout::Alternative{64, 12345};
  report.traces[0].summary.description.base_alignment = 8;
  report.traces[0].summary.began_midway = true;
  report.traces[0].summary.losses.overflows = 1;
  const std::string text = render_layout(report);
  std::istringstream rest(text.substr(text.find("\n]\n") + 3));
  std::string line;
  ASSERT_TRUE(std::getline(rest, line));
  EXPECT_EQ(line, "");
  while (std::getline(rest, line)) {
    EXPECT_EQ(line.front(), '#') << line;
    EXPECT_NE(line.back(), ' ') << line;
    EXPECT_LE(line.size(), 80U) << line;
  }
  EXPECT_EQ(kLayoutHeading.size(), 80U);
}

}  // namespace
}  // namespace drone::report
