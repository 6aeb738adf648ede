// SPDX-License-Identifier: MIT

// `drone heap merge`, and what reads its summaries.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <utility>

#include "cli/heap_command.hpp"
#include "support/byte_stream.hpp"

namespace drone::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// VERSION, an overflow, block 0 of 100 bytes.
constexpr const char* kTorn = "FB 07 01 00 00  70  FB 01 00 90 01";

/// A folder with traces a, b and torn.
class HeapMerge : public testing::Test {
 protected:
  HeapMerge() {
    folder_.write("a", bytes_of(kTwoOf12));
    folder_.write("b", bytes_of(kThreeTimes12));
    folder_.write("torn", bytes_of(kTorn));
  }
  Outcome drone(std::vector<const char*> arguments) {
    return run(folder_.path(), std::move(arguments));
  }
  std::string text_of(const char* file) { return read_file(folder_.path() / file); }
  static std::string above_traces(const std::string& text) {
    return text.substr(0, text.find("\nTraces:"));
  }

  TestFolder folder_;
};

TEST_F(HeapMerge, MakesASummaryThatPrintsTheSameTable) {
  const Outcome merged = drone({"heap", "merge", "-o", "s", "a", "b", "torn"});
  EXPECT_EQ(merged.status, ExitStatus::kDone) << merged.err;
  EXPECT_EQ(merged.out, "");
  EXPECT_THAT(merged.err, testing::MatchesRegex("s: [0-9]+ bytes for 3 traces of 12 events\n"));
  const std::string table = drone({"heap", "-s", "1K", "-f", "a", "-f", "b", "-f", "torn"}).out;
  const Outcome outcome = drone({"heap", "-s", "1K", "-f", "s"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  const std::string said = above_traces(outcome.out);
  EXPECT_EQ(said.substr(80), above_traces(table).substr(80));
  EXPECT_THAT(outcome.out,
              AllOf(HasSubstr(" HEAP USAGE, THE TRACE IS INCOMPLETE "),
                    HasSubstr("\nTraces: 3, summed up, with 3 runs. Max counts and peak are"),
                    HasSubstr("- The ITM overflowed 1 time"),
                    HasSubstr("The capture was not closed in order")));
}

TEST_F(HeapMerge, CountsTheEventsThatTheTableCounts) {
  // A description, and resizes to the size that the block has, change nothing.
  folder_.write("resized", bytes_of("FB 07 01 00 00  FB 57 00 10 00  FB 01 00 30 00  FB 03 00 30 00"
                                    "  FB 03 00 40 00  FB 03 00 40 00  FB FF 00 00 00"));
  folder_.write("resized.txt", "a 1 12\nr 1 12\nr 1 16\nr 1 16\n");
  for (const auto& [trace, events] : {std::pair("resized", "3"), std::pair("resized.txt", "2")}) {
    EXPECT_THAT(drone({"heap", "-s", "4K", "-f", trace}).out,
                HasSubstr("of " + std::string(events) + ": 0% of the trace came after it.\n"));
    EXPECT_THAT(drone({"heap", "merge", "-o", "s", trace}).err,
                testing::EndsWith(" bytes for 1 trace of " + std::string(events) + " events\n"));
    EXPECT_THAT(drone({"heap", "-s", "4K", "-f", trace, "-f", "s"}).out,
                AllOf(HasSubstr(std::string(events) + "     16 " + trace + "\n"),
                      HasSubstr(std::string(events) + "     16 s\n")));
  }
}

TEST_F(HeapMerge, MergesSummariesAsItMergesTraces) {
  drone({"heap", "merge", "-o", "all", "a", "b", "torn"});
  drone({"heap", "merge", "-o", "one", "torn", "a"});
  drone({"heap", "merge", "-o", "two", "b"});
  drone({"heap", "merge", "-o", "both", "two", "one"});
  drone({"heap", "merge", "--output", "mixed", "-f", "two", "a", "torn"});
  EXPECT_EQ(text_of("both"), text_of("all"));
  EXPECT_EQ(text_of("mixed"), text_of("all"));
  const Outcome piped = drone({"heap", "merge", "-o", "-", "one", "b"});
  EXPECT_EQ(piped.out, text_of("all"));
}

TEST_F(HeapMerge, MayReplaceOneOfItsInputs) {
  drone({"heap", "merge", "-o", "all", "a", "b"});
  drone({"heap", "merge", "-o", "sum", "a"});
  EXPECT_EQ(drone({"heap", "merge", "-o", "sum", "sum", "b"}).status, ExitStatus::kDone);
  EXPECT_EQ(text_of("sum"), text_of("all"));
}

TEST_F(HeapMerge, ReplacesNothingButSummaries) {
  const std::string trace = text_of("a");
  std::filesystem::create_hard_link(folder_.path() / "a", folder_.path() / "linked");
  for (const char* output : {"a", "./a", "linked"}) {
    const Outcome outcome = drone({"heap", "merge", "-o", output, "b", "a"});
    EXPECT_EQ(outcome.status, ExitStatus::kUsage) << output;
    EXPECT_THAT(outcome.err, AllOf(HasSubstr("the summary would replace 'a', which is a trace"),
                                   HasSubstr("name another file after -o")));
    EXPECT_EQ(text_of("a"), trace) << output;
  }
  // Nor one that it does not read: the name of the output was forgotten.
  const std::string torn = text_of("torn");
  const Outcome outcome = drone({"heap", "merge", "-o", "torn", "b", "a"});
  EXPECT_EQ(outcome.status, ExitStatus::kUsage);
  EXPECT_THAT(outcome.err, HasSubstr("'torn' is there and no summary: it would be lost"));
  EXPECT_EQ(text_of("torn"), torn);
  folder_.write("empty", "");
  EXPECT_EQ(drone({"heap", "merge", "-o", "empty", "b", "a"}).status, ExitStatus::kDone);
}

TEST_F(HeapMerge, WritesNothingIfAnInputIsWrong) {
  drone({"heap", "merge", "-o", "old", "a"});
  const std::string old = text_of("old");
  folder_.write("text", "This is no trace at all.\n");
  const Outcome outcome = drone({"heap", "merge", "-o", "old", "a", "text"});
  EXPECT_EQ(outcome.status, ExitStatus::kInput);
  EXPECT_THAT(outcome.err, HasSubstr("'text'"));
  EXPECT_EQ(text_of("old"), old);
  EXPECT_EQ(drone({"heap", "merge", "a"}).status, ExitStatus::kUsage);
}

TEST_F(HeapMerge, WhatIsTornIsSaidWhateverIsMadeOfIt) {
  drone({"heap", "merge", "-o", "s", "torn"});
  for (const char* file : {"torn", "s"}) {
    const std::string name = std::string("'") + file + "'";
    const Outcome table = drone({"heap", "generate", "-s", "1K", "-f", "a", "-f", file});
    EXPECT_EQ(table.status, ExitStatus::kDone);
    EXPECT_THAT(table.err, AllOf(HasSubstr("warning: Parts of " + name + " were lost"),
                                 HasSubstr("warning: " + name + " was not closed in order")));
    const Outcome layout =
        drone({"heap", "generate", "-s", "1K", "--pools", "2", "-f", "a", "-f", file});
    EXPECT_THAT(layout.out, AllOf(HasSubstr("# Parts of " + name + " were lost"),
                                  HasSubstr("# " + name + " was not closed in order")));
  }
  folder_.write("l.toml", "[heap]\nsize = \"1K\"\npools = [{ block = \"100\", capacity = 9 }]\n");
  EXPECT_THAT(drone({"heap", "simulate", "--layout", "l.toml", "-f", "torn"}).out,
              AllOf(HasSubstr("'torn' is not whole"), HasSubstr("'torn' was not closed in order")));
}

TEST_F(HeapMerge, PrintsTracesAndSummariesInOneTable) {
  drone({"heap", "merge", "-o", "s", "a", "a"});
  const Outcome outcome = drone({"heap", "-s", "1K", "-f", "s", "-f", "b"});
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("     12           2             7\n"),
                                 HasSubstr("\nTraces: 3. "), HasSubstr(" s, of 2 traces\n")));
}

TEST_F(HeapMerge, GeneratesTheLayoutThatTheTracesGive) {
  drone({"heap", "merge", "-o", "s", "a", "b"});
  const auto section = [](const std::string& text) { return text.substr(0, text.find("\n]\n")); };
  const std::string direct =
      drone({"heap", "generate", "-s", "2K", "--pools", "2", "-f", "a", "-f", "b"}).out;
  const Outcome summed = drone({"heap", "generate", "-s", "2K", "--pools", "2", "-f", "s"});
  EXPECT_EQ(summed.status, ExitStatus::kDone) << summed.err;
  EXPECT_EQ(section(summed.out), section(direct));
  EXPECT_THAT(summed.out, AllOf(HasSubstr("# Not proven by replay: a summary has no events."),
                                HasSubstr("# 's' is a summary and could not be replayed")));
  const Outcome both =
      drone({"heap", "generate", "-s", "2K", "--pools", "2", "-f", "s", "-f", "b"});
  EXPECT_EQ(section(both.out), section(direct));
  EXPECT_THAT(both.out, HasSubstr("# Proof: the trace was replayed on these pools.\n"
                                  "# 4 requests, failed: 0\n"));
}

TEST_F(HeapMerge, SaysWhereASummaryIsNotEnough) {
  drone({"heap", "merge", "-o", "s", "a"});
  folder_.write("l", "[heap]\npools = [{ block = 12, capacity = 2 }]\n");
  const Outcome simulated = drone({"heap", "simulate", "--layout", "l", "-f", "s"});
  EXPECT_EQ(simulated.status, ExitStatus::kInput);
  EXPECT_THAT(simulated.err,
              HasSubstr("'s' is a summary: it has the peaks of its traces, and not their events"));
  const Outcome confident =
      drone({"heap", "generate", "--pools", "2", "--confidence", "99%", "-f", "s", "-s", "1K"});
  EXPECT_EQ(confident.status, ExitStatus::kInput);
  EXPECT_THAT(confident.err, HasSubstr("'s' is a summary, and tells nothing of when"));
  drone({"heap", "merge", "-o", "several", "a", "b", "torn"});
  const Outcome tight =
      drone({"heap", "generate", "--pools", "1", "--tight", "-f", "several", "-s", "2K"});
  EXPECT_THAT(tight.out, HasSubstr("Spill was not tried: 'several' is a"));
  const Outcome followed = drone({"heap", "--follow", "-f", "s", "-s", "1K"});
  EXPECT_EQ(followed.status, ExitStatus::kUsage);
  EXPECT_THAT(followed.err, HasSubstr("'s' is a summary"));
}

TEST_F(HeapMerge, SaysThatASummaryIsDamaged) {
  drone({"heap", "merge", "-o", "s", "a"});
  std::string bytes = text_of("s");
  bytes[20] ^= 1;
  folder_.write("s", bytes);
  const Outcome outcome = drone({"heap", "-f", "s", "-s", "1K"});
  EXPECT_EQ(outcome.status, ExitStatus::kInput);
  EXPECT_THAT(outcome.err, HasSubstr("reading 's': the summary is damaged\n"));
}

TEST_F(HeapMerge, RemembersWhatHeapsItsTracesAreOf) {
  folder_.write("4k", bytes_of(kTwoOf12In4K));
  folder_.write("8k", bytes_of(kTwoOf12In8K));
  drone({"heap", "merge", "-o", "same", "4k", "a", "4k"});
  EXPECT_THAT(drone({"heap", "-f", "same"}).out, HasSubstr("24 / 0.59%"));
  drone({"heap", "merge", "-o", "mixed", "4k", "8k"});
  const Outcome outcome = drone({"heap", "-f", "mixed"});
  EXPECT_EQ(outcome.status, ExitStatus::kInput);
  EXPECT_THAT(outcome.err, HasSubstr("heaps of different sizes: 'mixed' says 4096 bytes"));
}

}  // namespace
}  // namespace drone::cli
