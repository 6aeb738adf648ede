// SPDX-License-Identifier: MIT
#include "cli/commands.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <thread>
#include <utility>
#include <vector>

#include "cli/command_line.hpp"
#include "support/byte_stream.hpp"
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
  EXPECT_THAT(heap.out, HasSubstr("--port PORT "));
  EXPECT_THAT(heap.out, HasSubstr("just heaptrace"));
  const Outcome generate = run("/", {"heap", "generate", "--help"});
  EXPECT_THAT(generate.out, HasSubstr("--pools N "));
  EXPECT_THAT(generate.out,
              HasSubstr("The options of `drone heap` (--heap, -f, -s, --port, --input-format)"));
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

TEST(Commands, MistakesAreToldInWords) {
  EXPECT_THAT(run("/", {}).err, HasSubstr("a command is missing; there are: new, flash"));
  EXPECT_THAT(run("/", {"print"}).err, HasSubstr("devices, probes, header, memory"));
  EXPECT_THAT(run("/", {"heap", "--size"}).err, HasSubstr("--size needs a value"));
  EXPECT_THAT(run("/", {"--color", "pink", "heap"}).err, HasSubstr("none of auto, always, never"));
  EXPECT_THAT(run("/", {"itm", "--speed", "warp"}).err, HasSubstr("'warp' is none of real, max"));
  EXPECT_THAT(run("/", {"heap", "generate", "--pools", ""}).err,
              HasSubstr("'' is no number from 1 to 64"));
  EXPECT_THAT(run("/", {"heap", "--pools", "5"}).err, HasSubstr("drone heap generate --pools 5"));
}

TEST(Commands, AnOptionThatTakesOneValueIsGivenOnce) {
  const auto refused = [](std::vector<const char*> line, const char* words) {
    const Outcome outcome = run("/", std::move(line));
    EXPECT_EQ(outcome.status, ExitStatus::kUsage) << words;
    EXPECT_THAT(outcome.err, HasSubstr(words));
  };
  refused({"heap", "generate", "--pools", "8", "--pools", "9"},
          "--pools takes one value, and is given twice: 8 and 9\n");
  refused({"heap", "--pools", "8", "generate", "--pools", "9"},
          "--pools takes one value, and is given twice: 8 and 9\n");
  refused({"heap", "-s", "1K", "generate", "--size=2K", "-s3K"},
          "--size takes one value, and is given 3 times: 1K, 2K and 3K\n");
  refused({"heap", "merge", "-o", "a", "-o", "b", "c"}, "--output takes one value, and is given");
  refused({"heap", "simulate", "--layout", "a", "--layout", "b"}, "--layout takes one value");
  refused({"heap", "record", "-o", "a", "-o", "b", "true"}, "--output takes one value");
  refused({"itm", "--from", "-", "--from", "probe"}, "--from takes one value");
  refused({"new", "a", "--device", "b", "--device", "c"}, "--device takes one value");
  EXPECT_THAT(run("/", {"heap", "--port", "1", "--port", "2"}).err,
              HasSubstr("hint: see `drone heap --help`"));
  // What may be given again: files, flags, and what an alias may have.
  const Outcome colored = run("/", {"--color", "never", "heap", "--color", "always", "-f", "a"});
  EXPECT_EQ(colored.status, ExitStatus::kInput);
  EXPECT_EQ(run("/", {"heap", "-f", "a", "-f", "b"}).status, ExitStatus::kInput);
  EXPECT_EQ(run("/", {"heap", "--pools", "2", "--tight", "generate", "--tight", "--tight"}).status,
            ExitStatus::kInput);
}

TEST(Commands, ASeedIsAWholeNumberOf64Bits) {
  for (const char* const seed :
       {"-1", "18446744073709551616", "99999999999999999999999", "abc", "1.5", ""}) {
    const Outcome outcome =
        run("/", {"heap", "generate", "--tight", "--pools", "2", "--seed", seed});
    EXPECT_EQ(outcome.status, ExitStatus::kUsage) << seed;
    EXPECT_THAT(outcome.err, HasSubstr("--seed: '" + std::string(seed) +
                                       "' is no number from 0 to 18446744073709551615\n"));
    EXPECT_THAT(outcome.err, HasSubstr("hint: see `drone heap generate --help`"));
  }
  const Outcome most = run("/", {"heap", "generate", "--seed", "18446744073709551615"});
  EXPECT_EQ(most.status, ExitStatus::kInput) << most.err;  // of the trace, which there is not
}

TEST(Commands, OptionsOfGenerateAreRefusedElsewhere) {
  for (const std::vector<const char*>& command :
       {std::vector<const char*>{"heap", "simulate", "--pools", "3"},
        std::vector<const char*>{"heap", "simulate", "--prove"},
        std::vector<const char*>{"heap", "merge", "-o", "s", "--fit", "a"}}) {
    const Outcome outcome = run("/", command);
    EXPECT_EQ(outcome.status, ExitStatus::kUsage) << command[2];
    EXPECT_THAT(outcome.err, HasSubstr(" is for `drone heap generate`\n"));
  }
}

TEST(Commands, WhatIsAboutOneLayoutIsRefusedWithACommandThatWorks) {
  EXPECT_THAT(run("/", {"heap", "generate", "--headroom", "10%"}).err,
              HasSubstr("--headroom is about one layout: of how many pools?\n"
                        "drone heap generate --pools 5 --headroom 25%; without"));
  EXPECT_THAT(run("/", {"heap", "generate", "--tight", "--prove"}).err,
              HasSubstr("drone heap generate --pools 5 --tight --prove; without"));
}

TEST(Commands, WhatSteersASearchIsRefusedWhereThereIsNone) {
  const auto generate = [](std::vector<const char*> more) {
    more.insert(more.begin(), {"heap", "generate"});
    return run("/", more);
  };
  const Outcome seed = generate({"--pools", "2", "--seed", "7"});
  EXPECT_EQ(seed.status, ExitStatus::kUsage);
  EXPECT_THAT(seed.err, HasSubstr("--seed says nothing without --tight\n"
                                  "add --tight, or leave out --seed\n"));
  const Outcome spill = generate({"--pools", "2", "--no-spill"});
  EXPECT_EQ(spill.status, ExitStatus::kUsage);
  EXPECT_THAT(spill.err, HasSubstr("--no-spill says nothing without --tight\n"));
  const Outcome exact = generate({"--pools", "2", "--tight", "--no-spill", "--seed", "7"});
  EXPECT_EQ(exact.status, ExitStatus::kUsage);
  EXPECT_THAT(exact.err, HasSubstr("--seed says nothing with --no-spill: such a layout is found"));
  EXPECT_EQ(generate({"--pools", "2", "--tight", "--confidence", "90%", "--seed", "7"}).status,
            ExitStatus::kUsage);
  const Outcome proof = generate({"--pools", "2", "--prove"});
  EXPECT_EQ(proof.status, ExitStatus::kUsage);
  EXPECT_THAT(proof.err, HasSubstr("--prove says nothing without --tight\n"));
  EXPECT_THAT(generate({"--pools", "2", "--tight", "--no-spill", "--prove"}).err,
              HasSubstr("--prove says nothing with --no-spill: such a layout is found exactly\n"));
  EXPECT_THAT(generate({"--tight", "--prove"}).err,
              HasSubstr("--prove is about one layout: of how many pools?\n"));
  // What each number of pools costs is said of tight layouts, too: only the trace is missing.
  EXPECT_EQ(generate({"--seed", "7"}).status, ExitStatus::kInput);
  EXPECT_EQ(generate({"--no-spill"}).status, ExitStatus::kInput);
  EXPECT_EQ(generate({"--pools", "2", "--tight", "--seed", "7"}).status, ExitStatus::kInput);
}

TEST(Commands, PortsMayFollowTheHeaptrace) {
  const TestFolder folder;
  folder.write("swo", drone::test::bytes_of(drone::test::text_of_file(
                          DRONE_SOURCE_DIR "/tests/golden/heaptrace/user_example.hex")));
  const Outcome outcome = run(folder.path(), {"itm", "--from", "file:swo", "--heaptrace", "trace",
                                              "30:thirty.bin", "31:events.bin"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "trace"));
  EXPECT_GT(std::filesystem::file_size(folder.path() / "events.bin"), 0U);
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "30:thirty.bin"));
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
  const Outcome mixed =
      run(folder.path(), {"heap", "--pools", "5", "-f", "t", "generate", "-s", "10K"});
  EXPECT_EQ(mixed.out, before.out);
  EXPECT_EQ(run(folder.path(), {"heap", "-f", "t", "--color", "never"}).status, ExitStatus::kDone);
}

TEST(Commands, ATraceMayComeFromAPipeThoughItIsReadTwice) {
  const TestFolder folder;
  folder.write("t", drone::test::bytes_of(drone::test::text_of_file(
                        DRONE_SOURCE_DIR "/tests/golden/heaptrace/user_example.hex")));
  const Outcome from_file =
      run(folder.path(), {"heap", "-f", "t", "-s", "10K", "generate", "--pools", "5"});
  const std::string pipe = (folder.path() / "pipe").string();
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  std::thread writer([&] {
    const auto sink = create_sink(pipe);
    sink->write(drone::test::bytes_of(
        drone::test::text_of_file(DRONE_SOURCE_DIR "/tests/golden/heaptrace/user_example.hex")));
    sink->flush();
  });
  const Outcome from_pipe =
      run(folder.path(), {"heap", "-f", "pipe", "-s", "10K", "generate", "--pools", "5"});
  writer.join();
  EXPECT_EQ(from_pipe.status, ExitStatus::kDone) << from_pipe.err;
  EXPECT_EQ(from_pipe.out, from_file.out);
}

TEST(Commands, ABrokenManifestIsAWarningWhenTheSizeIsGiven) {
  const TestFolder folder;
  folder.write("t", drone::test::bytes_of(drone::test::text_of_file(
                        DRONE_SOURCE_DIR "/tests/golden/heaptrace/user_example.hex")));
  write_file(folder.path() / "Drone.toml", "[heap\n");
  EXPECT_EQ(run(folder.path(), {"heap", "-f", "t"}).status, ExitStatus::kInput);
  const Outcome outcome = run(folder.path(), {"heap", "-f", "t", "-s", "10K"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_THAT(outcome.err, StartsWith("warning: "));
  EXPECT_THAT(outcome.out, HasSubstr("Maximum memory usage: 225 / 2.20%"));
}

}  // namespace
}  // namespace drone::cli
