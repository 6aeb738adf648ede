// SPDX-License-Identifier: MIT
#include "report/trade_off_report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>

namespace drone::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// Four numbers of pools; one pool takes many times what the others do.
TradeOffReport small_report() {
  TradeOffReport report;
  report.rows = {{1, 9000, 8100, 6000, 5000, 0.0},
                 {2, 1200, 300, 800, 310, 0.125},
                 {3, 1040, 140, 700, 150, 0.0312},
                 {4, 1000, 100, 690, 90, 0.0}};
  report.heap_size = 2000;
  return report;
}

TEST(RenderTradeOff, PrintsATableAChartAndARecommendation) {
  EXPECT_EQ(render_trade_off(small_report(), false),
            "------------------------------- WHAT POOLS COST --------------------------------\n"
            "<pools>  <default>  <fragm.> <headroom>    <tight>  <fragm.> <headroom> <spills>\n"
            "      1       9000      8100      -7000       6000      5000      -4000    0.00%\n"
            "      2       1200       300        800        800       310       1200   12.50%\n"
            "      3       1040       140        960        700       150       1300    3.12%\n"
            "      4       1000       100       1000        690        90       1310    0.00%\n"
            "\n"
            " # tight  : what the default takes more\n"
            "      1  ####################################################################>\n"
            "      2  #############################################:::::::::::::::::::::::\n"
            "      3  ########################################:::::::::::::::::::\n"
            "      4  #######################################::::::::::::::::::\n"
            "\n"
            "default: holds every mix of the observed peaks, whatever the timing.\n"
            "tight: holds what was alive at one time; with that timing nothing fails.\n"
            "<fragm.>: bytes lost inside blocks if every size peaks at once.\n"
            "<headroom>: what the layout leaves of a heap of 2000 bytes.\n"
            "<spills>: share of the requests that a larger pool serves in the tight layout.\n"
            "The search for tight is short here; with --pools N it may find fewer bytes.\n"
            "\n"
            "Recommended: 3 pools, the fewest that take at most 5 % more than 4.\n"
            "  drone heap generate --pools 3\n");
}

TEST(RenderTradeOff, RecommendsByTheTightLayoutIfAsked) {
  TradeOffReport report = small_report();
  report.rows[2].tight_bytes = 790;
  report.tight = true;
  EXPECT_THAT(render_trade_off(report, false),
              HasSubstr("\nRecommended: 4 pools, the fewest that take at most 5 % more than 4.\n"
                        "  drone heap generate --pools 4 --tight\n"));
}

TEST(RenderTradeOff, RecommendsACommandWithTheOptionsThatWereGiven) {
  TradeOffReport report = small_report();
  report.options = " -f run -s 2K";
  report.tight_options = " --seed 7";
  EXPECT_THAT(render_trade_off(report, false),
              HasSubstr("\n  drone heap generate --pools 3 -f run -s 2K\n"));
  report.tight = true;
  EXPECT_THAT(render_trade_off(report, false),
              HasSubstr("\n  drone heap generate --pools 3 --tight --seed 7 -f run -s 2K\n"));
}

TEST(RenderTradeOff, RecommendsTheTightLayoutIfOnlyThatFits) {
  TradeOffReport report = small_report();
  report.heap_size = 700;
  EXPECT_THAT(render_trade_off(report, false),
              HasSubstr("than 4.\nTight, for the default does not fit the heap.\n"
                        "  drone heap generate --pools 3 --tight\n"));
  EXPECT_THAT(render_trade_off(report, false), Not(HasSubstr("Neither fits")));
}

TEST(RenderTradeOff, SaysThatNeitherFits) {
  TradeOffReport report = small_report();
  report.heap_size = 600;
  EXPECT_THAT(render_trade_off(report, false), HasSubstr("Neither fits: that takes "));
}

TEST(RenderTradeOff, LeavesOutWhatIsNotKnown) {
  TradeOffReport report = small_report();
  report.heap_size.reset();
  for (layout::TradeOff& row : report.rows) row.tight_bytes.reset();
  const std::string text = render_trade_off(report, false);
  EXPECT_THAT(text, HasSubstr("\n      2       1200       300 "));
  EXPECT_THAT(text, Not(HasSubstr("<headroom>: ")));
  EXPECT_THAT(text, Not(HasSubstr("--tight")));
}

TEST(RenderTradeOff, DrawsOneBarAsLongAsTheChart) {
  TradeOffReport report = small_report();
  report.rows.resize(1);
  EXPECT_THAT(render_trade_off(report, false), HasSubstr("      1  ###"));
  EXPECT_THAT(render_trade_off(report, false), Not(HasSubstr(":>\n")));
  EXPECT_THAT(render_trade_off(report, false),
              HasSubstr("Recommended: 1 pool, the fewest that take at most 5 % more than 1.\n"));
}

/// Characters, not bytes.
std::size_t columns(const std::string& line) {
  std::size_t count = 0;
  for (const char each : line) {
    if ((static_cast<unsigned char>(each) & 0xC0) != 0x80) ++count;
  }
  return count;
}

TEST(RenderTradeOff, KeepsTo80Columns) {
  TradeOffReport report;
  for (std::size_t k = 1; k <= 16; ++k) {
    report.rows.push_back({k, 4'000'000'000 - k, 999'999'999, 3'999'999'000 - k, 999'999'999, 1.0});
  }
  report.heap_size = UINT32_MAX;
  for (const bool is_utf8 : {false, true}) {
    std::istringstream lines(render_trade_off(report, is_utf8));
    std::string line;
    while (std::getline(lines, line)) {
      EXPECT_LE(columns(line), 80U) << line;
      EXPECT_TRUE(line.empty() || line.back() != ' ') << line;
    }
  }
}

}  // namespace
}  // namespace drone::report
