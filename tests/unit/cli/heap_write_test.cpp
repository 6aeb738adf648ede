// SPDX-License-Identifier: MIT

// `drone heap generate --write`.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "cli/heap_command.hpp"
#include "support/byte_stream.hpp"

namespace drone::cli {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

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

/// Takes what is printed, and does something as soon as it has `marker`.
class Meddler final : public std::stringbuf {
 public:
  Meddler(std::string marker, std::function<void()> act)
      : marker_(std::move(marker)), act_(std::move(act)) {}

 protected:
  int sync() override {
    if (act_ && str().find(marker_) != std::string::npos) std::exchange(act_, nullptr)();
    return 0;
  }

 private:
  std::string marker_;
  std::function<void()> act_;
};

TEST(HeapGenerateWrite, LeavesAFileAloneThatWasChangedInTheMeantime) {
  const std::string changed = project("\"2K\"", kOldPool);
  for (const std::string marker : {"SUGGESTED LAYOUT", "+pools ="}) {
    const TestFolder folder;
    folder.write("heaptrace", bytes_of(kTwoOf12));
    folder.write("Drone.toml", project("24", kOldPool));
    Meddler err_text(marker, [&] { folder.write("Drone.toml", changed); });
    std::ostringstream out;
    std::ostream err(&err_text);
    Environment environment{.out = out, .err = err, .directory = folder.path()};
    const std::vector<const char*> line = {"drone", "heap", "generate", "--pools", "5", "--write"};
    try {
      run_command_line(line, environment);
      ADD_FAILURE() << "it was replaced, changed at " << marker;
    } catch (const Error& error) {
      EXPECT_EQ(error.status(), ExitStatus::kInput);
      EXPECT_THAT(error.message(), HasSubstr("changed by something else in the meantime"));
      EXPECT_THAT(error.hint(), HasSubstr("run it again"));
    }
    EXPECT_EQ(read_file(folder.path() / "Drone.toml"), changed) << marker;
    EXPECT_THAT(out.str(), HasSubstr("{ block = \"12\", capacity = 2 }"));
    EXPECT_THAT(err_text.str(), Not(HasSubstr("written")));
  }
}

TEST(HeapGenerateWrite, RefusesAReadOnlyFile) {
  namespace fs = std::filesystem;
  const TestFolder folder;
  folder.write("heaptrace", bytes_of(kTwoOf12));
  folder.write("Drone.toml", project("24", kOldPool));
  fs::permissions(folder.path() / "Drone.toml", fs::perms(0444));
  const Outcome outcome = run(folder.path(), {"heap", "generate", "--pools", "5", "--write"});
  EXPECT_EQ(outcome.status, ExitStatus::kInput);
  EXPECT_EQ(outcome.out, "");  // before a layout is searched
  EXPECT_THAT(outcome.err, HasSubstr("Drone.toml': it is read-only\nchmod u+w"));
  EXPECT_EQ(read_file(folder.path() / "Drone.toml"), project("24", kOldPool));
  EXPECT_EQ(fs::status(folder.path() / "Drone.toml").permissions(), fs::perms(0444));
}

TEST(HeapGenerateWrite, RefusesToSeparateHardLinks) {
  namespace fs = std::filesystem;
  const TestFolder folder;
  folder.write("heaptrace", bytes_of(kTwoOf12));
  folder.write("Drone.toml", project("24", kOldPool));
  fs::create_hard_link(folder.path() / "Drone.toml", folder.path() / "shared.toml");
  const Outcome outcome = run(folder.path(), {"heap", "generate", "--pools", "5", "--write"});
  EXPECT_EQ(outcome.status, ExitStatus::kInput);
  EXPECT_EQ(outcome.out, "");  // before a layout is searched
  EXPECT_THAT(outcome.err, HasSubstr("Drone.toml has 2 names (hard links), of which only this one "
                                     "would be written\nmake it a file of its own"));
  EXPECT_TRUE(fs::equivalent(folder.path() / "Drone.toml", folder.path() / "shared.toml"));
  EXPECT_EQ(read_file(folder.path() / "shared.toml"), project("24", kOldPool));
  fs::remove(folder.path() / "shared.toml");
  EXPECT_EQ(run(folder.path(), {"heap", "generate", "--pools", "5", "--write"}).status,
            ExitStatus::kDone);
}

TEST(HeapGenerateWrite, ReplacesPoolsThatDoNotSuitTheFileAnyMore) {
  const TestFolder folder;
  folder.write("heaptrace", bytes_of(kTwoOf12));
  // The alignment was 4 when block 12 was chosen, and the size was more.
  folder.write("Drone.toml", project("32\nalignment = 8", "{ block = \"12\", capacity = 9 }"));
  const Outcome shown = run(folder.path(), {"heap", "generate", "--pools", "5"});
  EXPECT_EQ(shown.status, ExitStatus::kDone) << shown.err;
  const Outcome outcome = run(folder.path(), {"heap", "generate", "--pools", "5", "--write"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_EQ(read_file(folder.path() / "Drone.toml"),
            project("32\nalignment = 8", "{ block = \"16\", capacity = 2 }"));
  // The same of a named heap.
  const std::string pools = "[{ block = 12, capacity = 9 }]";
  const std::string name = "a_heap_with_a_name_that_is_long";
  folder.write("Drone.toml", project("32", kNewPool) + "[heap." + name +
                                 "]\nsize = 32\nport = 30\nalignment = 8\npools = " + pools);
  const Outcome named =
      run(folder.path(), {"heap", "generate", "--pools", "5", "--heap", name.c_str(), "-f",
                          "heaptrace", "--port", "31", "--write"});
  EXPECT_EQ(named.status, ExitStatus::kDone) << named.err;
  EXPECT_THAT(read_file(folder.path() / "Drone.toml"),
              EndsWith("pools = [{ block = 16, capacity = 2 }]"));
  // Who uses the pools is told.
  folder.write("Drone.toml", project("32\nalignment = 8", "{ block = \"12\", capacity = 1 }"));
  EXPECT_THAT(run(folder.path(), {"heap", "simulate"}).err,
              HasSubstr("block 12 is no multiple of the alignment, 8"));
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
