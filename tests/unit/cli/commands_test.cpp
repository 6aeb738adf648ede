// SPDX-License-Identifier: MIT
#include "cli/commands.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/command_line.hpp"
#include "support/test_bytes.hpp"
#include "support/test_folder.hpp"

namespace drone::cli {
namespace {

using drone::test::TestFolder;
using test::Outcome;
using test::run;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST(Commands, HelpGoesToStandardOutput) {
  const Outcome outcome = run("/", {"--help"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone);
  EXPECT_EQ(outcome.err, "");
  for (const char* command : {"new", "flash", "reset", "gdb", "itm", "heap", "print"}) {
    EXPECT_THAT(outcome.out, HasSubstr(std::string("\n  ") + command + " ")) << command;
  }
}

TEST(Commands, HelpOfEachCommandNamesItsOptionsInPlainWords) {
  const Outcome heap = run("/", {"heap", "--help"});
  EXPECT_THAT(heap.out, HasSubstr("-s,--size SIZE"));
  EXPECT_THAT(heap.out, HasSubstr("--port PORT=31"));
  EXPECT_THAT(heap.out, HasSubstr("just heaptrace"));
  const Outcome generate = run("/", {"heap", "generate", "--help"});
  EXPECT_THAT(generate.out, HasSubstr("--pools N=5"));
  EXPECT_THAT(generate.out, HasSubstr("The options of `drone heap` (-f, -s, --port)"));
  EXPECT_THAT(run("/", {"--help"}).out, Not(HasSubstr(" in {")));
}

TEST(Commands, VersionIsTheProjects) {
  const Outcome outcome = run("/", {"--version"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone);
  EXPECT_THAT(outcome.out, StartsWith("drone "));
}

TEST(Commands, AWordThatIsNoCommandIsNamedWithWhatItMayMean) {
  const Outcome heap = run("/", {"--color", "never", "hepa"});
  EXPECT_EQ(heap.status, ExitStatus::kUsage);
  EXPECT_THAT(heap.err, HasSubstr("there is no command 'hepa'"));
  EXPECT_THAT(heap.err, HasSubstr("did you mean \"heap\"?"));
  EXPECT_THAT(run("/", {"print", "hedaer"}).err, HasSubstr("\"header\""));
  EXPECT_THAT(run("/", {"frobnicate"}).err, HasSubstr("there are: new, flash"));
}

TEST(Commands, MistakesOfUsageAreStatusTwoAndNameTheHelp) {
  const std::vector<std::vector<const char*>> lines = {
      {},
      {"bogus"},
      {"heap", "bogus"},
      {"heap", "--pools", "5"},
      {"print"},
      {"heap", "-f"},
      {"heap", "--port", "32"},
      {"heap", "generate", "--pools", "0"},
      {"--color=sometimes", "heap"},
      {"flash"},
      {"heap", "-s", "ten"},
  };
  for (const std::vector<const char*>& line : lines) {
    const Outcome outcome = run("/", line);
    EXPECT_EQ(outcome.status, ExitStatus::kUsage) << testing::PrintToString(line);
    EXPECT_EQ(outcome.out, "");
    EXPECT_NE(outcome.err, "");
  }
  EXPECT_THAT(run("/", {"heap", "--port", "32"}).err, HasSubstr("hint: see `drone heap --help`"));
  EXPECT_THAT(run("/", {}).err, HasSubstr("hint: see `drone --help`"));
}

TEST(Commands, OptionsStandBeforeOrAfterTheSubcommand) {
  const TestFolder folder;
  folder.write("t", drone::test::bytes_of(drone::test::text_of_file(
                        DRONE_SOURCE_DIR "/tests/golden/heaptrace/user_example.hex")));
  const Outcome before =
      run(folder.path(), {"heap", "-f", "t", "-s", "10K", "generate", "--pools", "5"});
  EXPECT_EQ(before.status, ExitStatus::kDone) << before.err;
  EXPECT_THAT(before.out, HasSubstr("{ block = \"12\", capacity = 222 },"));
  const Outcome after =
      run(folder.path(), {"heap", "generate", "--pools", "5", "-f", "t", "-s", "10K"});
  EXPECT_EQ(after.status, ExitStatus::kDone) << after.err;
  EXPECT_EQ(after.out, before.out);
  EXPECT_EQ(run(folder.path(), {"heap", "-f", "t", "--color", "never"}).status, ExitStatus::kDone);
}

}  // namespace
}  // namespace drone::cli
