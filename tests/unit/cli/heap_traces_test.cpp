// SPDX-License-Identifier: MIT

// `drone heap` and `drone heap generate` on several traces at once.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cli/heap_command.hpp"

namespace drone::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// Like kTwoOf12, of heaps with alignment = 4 and 8.
constexpr const char* kAligned4 =
    "FB 07 01 00 00  FB 77 04 00 00  FB 01 00 30 00  FB 09 00 30 00  FB FF 00 00 00";
constexpr const char* kAligned8 =
    "FB 07 01 00 00  FB 77 08 00 00  FB 01 00 30 00  FB 09 00 30 00  FB FF 00 00 00";

TEST(HeapOfSeveralTraces, PrintsOneTableOverAll) {
  const TestFolder folder;
  folder.write("a", bytes_of(kTwoOf12));
  folder.write("b", bytes_of(kThreeTimes12));
  const Outcome outcome = run(folder.path(), {"heap", "-f", "a", "-f", "b", "-s", "1K"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_EQ(outcome.out,
            "---------------------------------- HEAP USAGE ----------------------------------\n"
            " <size> <max count> <allocations>\n"
            "     12           2             5\n"
            "Maximum memory usage: 24 / 2.34%\n"
            "Peak in use: 24 / 2.34%\n"
            "\n"
            "Failed requests: 1\n"
            "  512 bytes: 1 time\n"
            "\n"
            "Traces: 2. Max counts and peak are the largest of their runs, allocations the\n"
            "sums.\n"
            " <runs> <events> <peak> <trace>\n"
            "      1        3     24 a\n"
            "      1        7     12 b\n");
  EXPECT_EQ(outcome.err, "");
}

TEST(HeapOfSeveralTraces, FollowsNoOrder) {
  const TestFolder folder;
  folder.write("a", bytes_of(kTwoOf12));
  folder.write("b", bytes_of(kThreeTimes12));
  const auto table = [&](const char* first, const char* second) {
    const std::string out = run(folder.path(), {"heap", "-f", first, "-s", "1K", "-f", second}).out;
    return out.substr(0, out.find("Traces:"));
  };
  EXPECT_EQ(table("a", "b"), table("b", "a"));
}

TEST(HeapOfSeveralTraces, BlocksLiveAtTheEndOfOneDoNotCountInTheNext) {
  const TestFolder folder;
  folder.write("a", bytes_of(kTwoOf12));
  // The next one does not begin with a reset.
  folder.write("b", bytes_of("FB 11 00 30 00  FB FF 00 00 00"));
  const Outcome outcome = run(folder.path(), {"heap", "-f", "a", "-f", "b", "-s", "1K"});
  EXPECT_THAT(outcome.out, HasSubstr("     12           2             3\n"));
  EXPECT_THAT(outcome.out, HasSubstr("\nb:\n\nThe capture began while the program was running"));
}

TEST(HeapOfSeveralTraces, SaysByNameWhichTraceIsIncomplete) {
  const TestFolder folder;
  folder.write("whole", bytes_of(kTwoOf12));
  folder.write("torn", bytes_of("FB 07 01 00 00  FB 01 00 30 00  70  FB FF 00 00 00"));
  const Outcome outcome = run(folder.path(), {"heap", "-f", "whole", "-f", "torn", "-s", "1K"});
  EXPECT_THAT(outcome.out, AllOf(HasSubstr(" HEAP USAGE, A TRACE IS INCOMPLETE "),
                                 HasSubstr("\ntorn:\n\nThe trace is incomplete:\n"
                                           "- The ITM overflowed 1 time"),
                                 Not(HasSubstr("\nwhole:\n"))));
}

TEST(HeapOfSeveralTraces, TakesTheSizeThatTheTracesAgreeOn) {
  const TestFolder folder;
  folder.write("silent", bytes_of(kTwoOf12));
  folder.write("4k", bytes_of(kTwoOf12In4K));
  folder.write("8k", bytes_of(kTwoOf12In8K));
  EXPECT_THAT(run(folder.path(), {"heap", "-f", "silent", "-f", "4k"}).out,
              HasSubstr("24 / 0.59%"));
  const Outcome outcome = run(folder.path(), {"heap", "-f", "4k", "-f", "8k"});
  EXPECT_EQ(outcome.status, ExitStatus::kInput);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err,
            "the traces are of heaps of different sizes: '4k' says 4096 bytes, '8k' 8192\n"
            "say which size the heap is to have, as in -s 8K\n");
  EXPECT_EQ(run(folder.path(), {"heap", "-f", "4k", "-f", "8k", "-s", "8K"}).status,
            ExitStatus::kDone);
}

TEST(HeapOfSeveralTraces, WarnsWhereTheirAlignmentsDiffer) {
  const TestFolder folder;
  folder.write("a", bytes_of(kAligned4));
  folder.write("b", bytes_of(kAligned8));
  const std::string warning =
      "warning: 'a' is of a heap with alignment = 4, 'b' of one with alignment = 8: with 8, every "
      "request asks for that\n";
  EXPECT_EQ(run(folder.path(), {"heap", "-f", "a", "-f", "b", "-s", "1K"}).err, warning);
  const Outcome generated =
      run(folder.path(), {"heap", "generate", "--pools", "5", "-f", "a", "-f", "b", "-s", "1K"});
  EXPECT_THAT(generated.err, HasSubstr(warning));
  EXPECT_THAT(generated.out, HasSubstr("alignment = 8\n"));
}

TEST(HeapOfSeveralTraces, RecommendsACommandThatCanBePasted) {
  const TestFolder folder;
  folder.write("a", bytes_of(kTwoOf12));
  folder.write("b's run", bytes_of(kThreeTimes12));
  const auto recommended = [&](std::vector<const char*> options) {
    options.insert(options.begin(), {"heap", "generate"});
    const std::string out = run(folder.path(), options).out;
    const std::size_t begin = out.find("\n  drone ");
    return out.substr(begin, out.find('\n', begin + 1) - begin);
  };
  EXPECT_EQ(recommended({"-f", "a", "-s", "1K", "-f", "b's run", "--port", "31"}),
            "\n  drone heap generate --pools 2 -f a -f 'b'\\''s run' -s 1K --port 31");
  EXPECT_EQ(recommended({"--input-format", "itm", "-f", "a", "--tight", "--no-spill"}),
            "\n  drone heap generate --pools 1 --tight --no-spill -f a --input-format itm");
  folder.write("Drone.toml",
               kBesideHeaps +
                   std::string("[heap]\nsize = 8\nport = 5\npools = [{ block = 8, capacity = 1 }]\n"
                               "[heap.fast]\nsize = 8\nport = 31\n"
                               "pools = [{ block = 8, capacity = 1 }]\n"));
  EXPECT_EQ(recommended({"--heap", "fast", "-s", "1K", "-f", "a"}),
            "\n  drone heap generate --pools 1 --heap fast -f a -s 1K");
}

TEST(HeapOfSeveralTraces, NamesTheOneThatCannotBeRead) {
  const TestFolder folder;
  folder.write("a", bytes_of(kTwoOf12));
  folder.write("b", "This is no trace at all.\n");
  const Outcome wrong = run(folder.path(), {"heap", "-f", "a", "-f", "b", "-s", "1K"});
  EXPECT_EQ(wrong.status, ExitStatus::kInput);
  EXPECT_EQ(wrong.out, "");
  EXPECT_THAT(wrong.err, HasSubstr("reading trace 'b': "));
  EXPECT_THAT(run(folder.path(), {"heap", "-f", "a", "-f", "c", "-s", "1K"}).err,
              HasSubstr("there is no trace 'c'"));
}

TEST(HeapOfSeveralTraces, WarnsOfOneThatIsNamedTwice) {
  const TestFolder folder;
  folder.write("a", bytes_of(kTwoOf12));
  const Outcome outcome = run(folder.path(), {"heap", "-f", "a", "-f", "./a", "-s", "1K"});
  EXPECT_EQ(outcome.err, "warning: './a' is named twice: its allocations count twice\n");
  EXPECT_THAT(outcome.out, HasSubstr("     12           2             4\n"));
  const Outcome input = run(folder.path(), {"heap", "-f", "-", "-f", "-", "-s", "1K"});
  EXPECT_EQ(input.status, ExitStatus::kUsage);
}

TEST(HeapOfSeveralTraces, FollowsOneOnly) {
  const TestFolder folder;
  folder.write("a", bytes_of(kTwoOf12));
  folder.write("b", bytes_of(kTwoOf12));
  const Outcome outcome = run(folder.path(), {"heap", "--follow", "-f", "a", "-f", "b"});
  EXPECT_EQ(outcome.status, ExitStatus::kUsage);
  EXPECT_THAT(outcome.err, HasSubstr("--follow is for one trace"));
}

TEST(GenerateForSeveralTraces, ServesEachOfThem) {
  const TestFolder folder;
  folder.write("a", bytes_of(kTwoOf12));
  folder.write("b", bytes_of(kOneKilobyte));
  folder.write("c", bytes_of(kThreeTimes12));
  const Outcome outcome = run(folder.path(), {"heap", "generate", "--fit", "-f", "a", "-f", "b",
                                              "-f", "c", "--pools", "3"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("pools = [\n"
                                     "    { block = \"12\", capacity = 2 },\n"
                                     "    { block = \"512\", capacity = 1 },\n"
                                     "    { block = \"1024\", capacity = 1 },\n"
                                     "]\n"
                                     "\n"
                                     "# Proof: each of the 3 traces was replayed on these pools.\n"
                                     "# 7 requests, failed: 0\n"
                                     "#\n"
                                     "# <block> <capacity> <needed> <in use> <spills>\n"
                                     "#      12          2        2        2        0\n"
                                     "#     512          1        1        1        0\n"
                                     "#    1024          1        1        1        0\n"));
}

}  // namespace
}  // namespace drone::cli
