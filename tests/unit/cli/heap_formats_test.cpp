// SPDX-License-Identifier: MIT

// `drone heap` on traces that are no plain ITM.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/heap_command.hpp"

namespace drone::cli {
namespace {

using drone::test::text_of_file;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::vector<std::byte> golden(const std::string& name) {
  return bytes_of(text_of_file(DRONE_SOURCE_DIR "/tests/golden/heaptrace/" + name + ".hex"));
}

std::string expected(const std::string& name) {
  return text_of_file(DRONE_SOURCE_DIR "/tests/golden/heaptrace/" + name + ".out");
}

TEST(HeapFormats, PayloadIsReadAndSaid) {
  const TestFolder folder;
  folder.write("heaptrace", golden("user_example_payload"));
  const Outcome outcome = run(folder.path(), {"heap"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_EQ(outcome.out, expected("user_example_payload"));
  EXPECT_THAT(outcome.err, HasSubstr("note: 'heaptrace' is read as payload only"));
}

TEST(HeapFormats, WhatDroneItmWritesOfThePortIsPayload) {
  const TestFolder folder;
  folder.write("swo", golden("user_example_raw"));
  const std::string from = "file:" + (folder.path() / "swo").string();
  const std::string port = "31:" + (folder.path() / "port31").string();
  ASSERT_EQ(run(folder.path(), {"itm", "--from", from.c_str(), port.c_str()}).status,
            ExitStatus::kDone);
  const Outcome outcome = run(folder.path(), {"heap", "-f", "port31"});
  EXPECT_THAT(outcome.err, HasSubstr("payload only"));
  const std::string raw = expected("user_example_raw");
  EXPECT_EQ(outcome.out, raw.substr(0, raw.find("\nThe capture was not closed")));
}

TEST(HeapFormats, DroneOsFileIsReadAndSaid) {
  const TestFolder folder;
  folder.write("heaptrace", golden("user_example_drone_os"));
  const Outcome outcome = run(folder.path(), {"heap", "-s", "10K"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_EQ(outcome.out, expected("user_example_drone_os"));
  EXPECT_THAT(outcome.err, HasSubstr("note: 'heaptrace' is read as a file of Drone OS"));
}

TEST(HeapFormats, PlainItmIsNothingToMention) {
  const TestFolder folder;
  folder.write("heaptrace", golden("user_example"));
  EXPECT_THAT(run(folder.path(), {"heap", "-s", "10K"}).err, IsEmpty());
  EXPECT_THAT(run(folder.path(), {"heap", "-s", "10K", "--input-format", "itm"}).err, IsEmpty());
}

TEST(HeapFormats, WhatTheUserSaidIsNotSaidAgain) {
  const TestFolder folder;
  folder.write("heaptrace", golden("user_example_payload"));
  const Outcome outcome = run(folder.path(), {"heap", "--input-format", "payload"});
  EXPECT_EQ(outcome.out, expected("user_example_payload"));
  EXPECT_THAT(outcome.err, IsEmpty());
}

TEST(HeapFormats, FormatThatIsSaidIsNotDoubted) {
  const TestFolder folder;
  folder.write("heaptrace", golden("user_example_drone_os"));
  const Outcome itm = run(folder.path(), {"heap", "-s", "10K", "--input-format=itm"});
  EXPECT_EQ(itm.status, ExitStatus::kInput);
  EXPECT_THAT(itm.err, HasSubstr("no event of the heap's port 31; it carries ports 21"));
  folder.write("heaptrace", golden("user_example"));
  const Outcome drone_os = run(folder.path(), {"heap", "-s", "10K", "--input-format=drone-os"});
  EXPECT_EQ(drone_os.status, ExitStatus::kInput);
  EXPECT_THAT(drone_os.err, HasSubstr("has no record of Drone OS"));
}

TEST(HeapFormats, FormatThatThereIsNotIsAMistakeOfUsage) {
  const TestFolder folder;
  const Outcome outcome = run(folder.path(), {"heap", "--input-format", "elf"});
  EXPECT_EQ(outcome.status, ExitStatus::kUsage);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("'elf' is no format of input"), HasSubstr("drone-os")));
}

TEST(HeapFormats, LayoutIsTheSameWhateverTheFormat) {
  const TestFolder folder;
  const auto layout = [&folder](const std::string& name) {
    folder.write("heaptrace", golden(name));
    const Outcome outcome = run(folder.path(), {"heap", "generate", "--pools", "5", "-s", "10K"});
    EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
    // The order of requests differs, and with it the proof.
    return outcome.out.substr(0, outcome.out.find("# Proof"));
  };
  const std::string itm = layout("user_example");
  EXPECT_THAT(itm, HasSubstr("block = \"128\""));
  EXPECT_EQ(layout("user_example_payload"), itm);
  EXPECT_EQ(layout("user_example_drone_os"), itm);
  folder.write("heaptrace", golden("user_example_payload"));
  EXPECT_THAT(run(folder.path(), {"heap", "generate", "--input-format", "payload"}).err,
              Not(HasSubstr("note:")));
  EXPECT_THAT(run(folder.path(), {"heap", "generate"}).err, HasSubstr("payload only"));
}

}  // namespace
}  // namespace drone::cli
