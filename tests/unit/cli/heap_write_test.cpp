// SPDX-License-Identifier: MIT

// `drone heap generate --write`.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/heap_command.hpp"
#include "support/byte_stream.hpp"

namespace drone::cli {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;

std::string project(const std::string& size, const std::string& pools) {
  return "# mine\n[heap]\nsize = " + size + "\npools = [" + pools + "]  # tuned\n" + kBesideHeaps;
}

constexpr const char* kOldPool = "{ block = \"16\", capacity = 1 }";
constexpr const char* kNewPool = "{ block = \"12\", capacity = 2 }";

TEST(HeapGenerateWrite, ReplacesThePoolsAndShowsTheDifference) {
  const TestFolder folder;
  folder.write("Drone.toml", project("24", kOldPool));
  folder.write("heaptrace", bytes_of(kTwoOf12));
  const Outcome outcome = run(folder.path(), {"heap", "generate", "--pools", "5", "--write"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_EQ(read_file(folder.path() / "Drone.toml"), project("24", kNewPool));
  EXPECT_THAT(outcome.out, HasSubstr("[heap]\nsize = \"24\"\npools = [\n"));
  EXPECT_THAT(outcome.err, EndsWith("\n--- Drone.toml\n+++ Drone.toml\n@@ -1,7 +1,7 @@\n"
                                    " # mine\n [heap]\n size = 24\n"
                                    "-pools = [{ block = \"16\", capacity = 1 }]  # tuned\n"
                                    "+pools = [{ block = \"12\", capacity = 2 }]  # tuned\n"
                                    " [memory.flash]\n origin = 0x08000000\n size = \"512K\"\n"
                                    "Drone.toml: [heap] written\n"));
}

TEST(HeapGenerateWrite, LeavesTheFileAloneThatSaysSoAlready) {
  const TestFolder folder;
  folder.write("Drone.toml", project("24", kNewPool));
  folder.write("heaptrace", bytes_of(kTwoOf12));
  const auto before = std::filesystem::last_write_time(folder.path() / "Drone.toml");
  const Outcome outcome = run(folder.path(), {"heap", "--write", "generate", "--pools", "5"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_THAT(outcome.err, EndsWith("Drone.toml: [heap] has this layout already\n"));
  EXPECT_EQ(std::filesystem::last_write_time(folder.path() / "Drone.toml"), before);
}

TEST(HeapGenerateWrite, WritesTheSizeOnlyWhenAskedTo) {
  const TestFolder folder;
  folder.write("heaptrace", bytes_of(kTwoOf12));
  folder.write("Drone.toml", project("\"1K\"", kOldPool));
  run(folder.path(), {"heap", "generate", "--pools", "5", "--write", "--fit"});
  EXPECT_EQ(read_file(folder.path() / "Drone.toml"), project("\"24\"", kNewPool));
  run(folder.path(), {"heap", "generate", "--pools", "5", "--write", "-s", "1200"});
  EXPECT_EQ(read_file(folder.path() / "Drone.toml"),
            project("\"1200\"", "{ block = \"12\", capacity = 100 }"));
}

TEST(HeapGenerateWrite, GoesThroughALinkAndKeepsPermissions) {
  namespace fs = std::filesystem;
  const TestFolder folder;
  folder.write("heaptrace", bytes_of(kTwoOf12));
  folder.write("real/shared.toml", project("24", kOldPool));
  fs::permissions(folder.path() / "real/shared.toml", fs::perms(0640));
  fs::create_symlink("real/shared.toml", folder.path() / "Drone.toml");
  EXPECT_EQ(run(folder.path(), {"heap", "generate", "--pools", "5", "--write"}).status,
            ExitStatus::kDone);
  EXPECT_TRUE(fs::is_symlink(folder.path() / "Drone.toml"));
  EXPECT_EQ(read_file(folder.path() / "real/shared.toml"), project("24", kNewPool));
  EXPECT_EQ(fs::status(folder.path() / "real/shared.toml").permissions(), fs::perms(0640));
}

TEST(HeapGenerateWrite, NeedsAProjectWithAHeap) {
  const TestFolder folder;
  folder.write("heaptrace", bytes_of(kTwoOf12));
  const Outcome none =
      run(folder.path(), {"heap", "generate", "--pools", "5", "-s", "1K", "--write"});
  EXPECT_EQ(none.status, ExitStatus::kInput);
  EXPECT_THAT(none.err, HasSubstr("there is no Drone.toml to write the layout into"));
  const std::string text = project("24", kOldPool);
  const std::string watched = text.substr(text.find("[memory.flash]"));
  folder.write("Drone.toml", watched);
  const Outcome bare =
      run(folder.path(), {"heap", "generate", "--pools", "5", "-s", "1K", "--write"});
  EXPECT_EQ(bare.status, ExitStatus::kInput);
  EXPECT_THAT(bare.err, HasSubstr("there is no [heap] to write the layout into"));
  EXPECT_EQ(read_file(folder.path() / "Drone.toml"), watched);
  EXPECT_EQ(run(folder.path(), {"heap", "--write"}).status, ExitStatus::kUsage);
}

}  // namespace
}  // namespace drone::cli
