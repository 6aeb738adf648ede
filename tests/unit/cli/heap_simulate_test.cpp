// SPDX-License-Identifier: MIT
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/heap_command.hpp"

namespace drone::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// VERSION, blocks 0 and 1 of 12 bytes that stay, 2 of 20 bytes that does not, END.
constexpr const char* kTrace =
    "FB 07 01 00 00  FB 01 00 30 00  FB 09 00 30 00  FB 11 00 50 00  FA 04 00  FB FF 00 00 00";
/// VERSION, a request of 12 bytes that failed, one of 512 that did as well, END.
constexpr const char* kFailed = "FB 07 01 00 00  FB F9 FF 33 00  FB F9 FF 03 08  FB FF 00 00 00";

const std::string kProject =
    "[heap]\nsize = \"1K\"\npools = [{ block = 12, capacity = 2 }, { block = 20, capacity = 1 }]\n"
    "[heap.small]\nsize = 12\nport = 30\npools = [{ block = 12, capacity = 1 }]\n" +
    std::string(kBesideHeaps);

TEST(HeapSimulate, ReplaysTheTraceOnTheProjectsLayout) {
  const TestFolder folder;
  folder.write("Drone.toml", kProject);
  folder.write("heaptrace", bytes_of(kTrace));
  const Outcome outcome = run(folder.path(), {"heap", "simulate"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  EXPECT_EQ(outcome.out,
            "---------------------------------- SIMULATION ----------------------------------\n"
            "Layout: [heap] of Drone.toml, 2 pools, 44 of 1024 bytes\n"
            "Requests: 3, failed: 0\n"
            "\n"
            " <block> <capacity> <in use> <free> <requests> <spills>\n"
            "      12          2        2      0          2        0\n"
            "      20          1        1      0          1        0\n"
            "\n"
            "in use: most blocks in use at one time; free: those that never were\n"
            "requests: served by the pool that they belong in; spills: served here because\n"
            "that was empty\n"
            "\n"
            "Nothing is lost inside blocks: each is as large as what was requested.\n"
            "\n"
            "Bytes in use over 5 events:  # requested  : lost inside blocks\n"
            " 44 |                                    ############\n"
            "    |                                    ############\n"
            "    |                                    ############\n"
            "    |                                    ############\n"
            "    |                        ####################################\n"
            "    |                        ####################################\n"
            "    |            ################################################\n"
            "  0 |            ################################################\n");
}

TEST(HeapSimulate, EndsWithStatus1IfARequestFailsThatDidNot) {
  const TestFolder folder;
  folder.write("trace", bytes_of(kTrace));
  folder.write("small.toml", "[heap]\npools = [{ block = 12, capacity = 1 }]\n");
  const Outcome outcome =
      run(folder.path(), {"heap", "simulate", "-f", "trace", "--layout", "small.toml"});
  EXPECT_EQ(outcome.status, ExitStatus::kCheckFailed);
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("Layout: [heap] of small.toml, 1 pool, 12 of 12 bytes\n"
                                           "Requests: 3, failed: 2\n"
                                           "\n"
                                           " <size> <failed> <first at event>\n"
                                           "     12        1           3 of 5\n"
                                           "     20        1           4 of 5\n"),
                                 HasSubstr("The program would have failed on this layout."),
                                 HasSubstr("--pools 1`\nmakes one")));
}

TEST(HeapSimulate, DoesNotBlameTheLayoutForWhatFailedBefore) {
  const TestFolder folder;
  folder.write("trace", bytes_of(kFailed));
  folder.write("small.toml", "[heap]\npools = [{ block = 12, capacity = 1 }]\n");
  const Outcome outcome =
      run(folder.path(), {"heap", "simulate", "-f", "trace", "--layout", "small.toml"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone);
  EXPECT_THAT(outcome.out, HasSubstr("Requests: 2, failed: 0\nFailed as in the trace: 1\n"));
}

TEST(HeapSimulate, HintsAtALayoutThatLosesLess) {
  const TestFolder folder;
  folder.write("trace", bytes_of(kTrace));
  folder.write("large.toml",
               "[heap]\nsize = 1000\npools = [{ block = 16, capacity = 2 }, "
               "{ block = 64, capacity = 4 }]\n");
  const Outcome outcome =
      run(folder.path(), {"heap", "simulate", "-f", "trace", "--layout", "large.toml"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone);
  EXPECT_THAT(
      outcome.out,
      HasSubstr("If every size peaked at once, 52 bytes would be lost inside blocks. `drone "
                "heap\ngenerate --pools 2` makes a layout that loses 0 bytes.\n"));
}

TEST(HeapSimulate, ReadsWhatGeneratePrints) {
  const TestFolder folder;
  folder.write("trace", bytes_of(kTrace));
  const Outcome generated =
      run(folder.path(), {"heap", "generate", "-f", "trace", "-s", "1K", "--pools", "1"});
  folder.write("layout", generated.out);
  const Outcome outcome =
      run(folder.path(), {"heap", "simulate", "-f", "trace", "--layout", "layout"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("Layout: [heap] of layout, 1 pool, 1020 of 1024 bytes\n"));
  EXPECT_THAT(outcome.out, Not(HasSubstr("makes a layout that loses")));
}

TEST(HeapSimulate, TakesTheHeapThatIsNamed) {
  const TestFolder folder;
  folder.write("Drone.toml", kProject);
  folder.write("small.heaptrace",
               bytes_of("F3 07 01 00 00  F3 01 00 30 00  F3 09 00 30 00  F3 FF 00 00 00"));
  const Outcome outcome = run(folder.path(), {"heap", "--heap", "small", "simulate"});
  EXPECT_EQ(outcome.status, ExitStatus::kCheckFailed) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("Layout: [heap.small] of Drone.toml, 1 pool, 12 of 12 bytes"));
  folder.write("other.toml", "[heap.small]\npools = [{ block = 12, capacity = 2 }]\n");
  EXPECT_EQ(
      run(folder.path(), {"heap", "simulate", "--heap", "small", "--layout", "other.toml"}).status,
      ExitStatus::kDone);
  folder.write("no.toml", "[heap.large]\npools = [{ block = 12, capacity = 2 }]\n");
  const Outcome missing =
      run(folder.path(), {"heap", "simulate", "--heap", "small", "--layout", "no.toml"});
  EXPECT_EQ(missing.status, ExitStatus::kInput);
  EXPECT_EQ(missing.err, "no.toml: there is no [heap.small]\nthere are: [heap.large]\n");
}

TEST(HeapSimulate, TakesTheHeapThatIsNamedFromTheLayoutsFileWhereThereIsNoProject) {
  const TestFolder folder;
  folder.write("small.heaptrace",
               bytes_of("F3 07 01 00 00  F3 01 00 30 00  F3 09 00 30 00  F3 FF 00 00 00"));
  for (const std::string& text :
       {kProject,
        std::string(
            "[heap.small]\nsize = 12\npools = [{ block = 12, capacity = 1 }]\nport = 30\n")}) {
    folder.write("layout.toml", text);
    const Outcome outcome =
        run(folder.path(), {"heap", "simulate", "--heap", "small", "--layout", "layout.toml"});
    EXPECT_EQ(outcome.status, ExitStatus::kCheckFailed) << outcome.err;
    EXPECT_THAT(outcome.out, HasSubstr("Layout: [heap.small] of layout.toml, 1 pool, 12 of 12"));
    EXPECT_THAT(outcome.out, HasSubstr("Requests: 2, failed: 1\n"));
  }
  const Outcome missing =
      run(folder.path(), {"heap", "simulate", "--heap", "large", "--layout", "layout.toml"});
  EXPECT_EQ(missing.status, ExitStatus::kInput);
  EXPECT_EQ(missing.err, "layout.toml: there is no [heap.large]\nthere are: [heap.small]\n");
}

TEST(HeapSimulate, AddsUpSeveralTraces) {
  const TestFolder folder;
  folder.write("a", bytes_of(kTrace));
  folder.write("b", bytes_of("FB 07 01 00 00  FB 01 00 30 00  FB 09 00 20 00  FB FF 00 00 00"));
  folder.write("l", "[heap]\npools = [{ block = 12, capacity = 2 }]\n");
  const Outcome outcome =
      run(folder.path(), {"heap", "simulate", "-f", "b", "-f", "a", "--layout", "l"});
  EXPECT_EQ(outcome.status, ExitStatus::kCheckFailed);
  EXPECT_THAT(outcome.out,
              AllOf(HasSubstr("Requests: 5, failed: 1\n"),
                    HasSubstr(" <size> <failed> <first at event> <of trace>\n"
                              "     20        1           4 of 5 a\n"),
                    HasSubstr("      12          2        2      0          4        0\n"),
                    HasSubstr("at event 3 of 3 of b\n")));
}

TEST(HeapSimulate, SaysWhatIsMissingOrWrong) {
  const TestFolder folder;
  folder.write("trace", bytes_of(kTrace));
  const Outcome none = run(folder.path(), {"heap", "simulate", "-f", "trace"});
  EXPECT_EQ(none.status, ExitStatus::kInput);
  EXPECT_THAT(none.err, HasSubstr("--layout FILE"));
  const Outcome missing =
      run(folder.path(), {"heap", "simulate", "-f", "trace", "--layout", "x.toml"});
  EXPECT_EQ(missing.status, ExitStatus::kInput);
  EXPECT_THAT(missing.err, HasSubstr("there is no layout 'x.toml'"));
  folder.write("x.toml", "[heap]\npools = [{ block = 13, capacity = 2 }]\n");
  EXPECT_THAT(run(folder.path(), {"heap", "simulate", "-f", "trace", "--layout", "x.toml"}).err,
              HasSubstr("x.toml:2:20: block 13 is no multiple of the alignment"));
  EXPECT_EQ(run(folder.path(), {"heap", "simulate", "-f", "trace", "--follow"}).status,
            ExitStatus::kUsage);
  EXPECT_EQ(run(folder.path(), {"heap", "simulate", "-f", "trace", "-s", "1K"}).status,
            ExitStatus::kUsage);
}

}  // namespace
}  // namespace drone::cli
