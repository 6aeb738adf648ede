// SPDX-License-Identifier: MIT
#include "cli/heap.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/heap_command.hpp"

namespace drone::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const std::string kManifest =
    "[heap]\nsize = \"20K\"\nalignment = 4\npools = [{ block = \"4\", capacity = 1 }]\n" +
    std::string(kBesideHeaps);

/// Like kOneKilobyte, with a HEAP_SIZE of 4096.
constexpr const char* kDescribedTrace =
    "FB 07 01 00 00  FB 57 00 10 00  FB 01 00 00 10  FB FF 00 00 00";

TEST(Heap, SizeIsThatOfTheOptionFirst) {
  const TestFolder folder;
  folder.write("Drone.toml", kManifest);
  folder.write("heaptrace", bytes_of(kDescribedTrace));
  const Outcome outcome = run(folder.path(), {"heap", "-s", "10K"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("Maximum memory usage: 1024 / 10.00%\n"));
  EXPECT_EQ(outcome.err, "");
}

TEST(Heap, SizeIsThatOfTheProjectNext) {
  const TestFolder folder;
  folder.write("Drone.toml", kManifest);
  folder.write("heaptrace", bytes_of(kDescribedTrace));
  EXPECT_THAT(run(folder.path(), {"heap"}).out, HasSubstr("1024 / 5.00%\n"));
}

TEST(Heap, SizeIsThatOfTheTraceLast) {
  const TestFolder folder;
  folder.write("heaptrace", bytes_of(kDescribedTrace));
  EXPECT_THAT(run(folder.path(), {"heap"}).out, HasSubstr("1024 / 25.00%\n"));
}

TEST(Heap, WithoutAnySizeTheErrorSaysSo) {
  const TestFolder folder;
  folder.write("heaptrace", bytes_of(kOneKilobyte));
  const Outcome outcome = run(folder.path(), {"heap"});
  EXPECT_EQ(outcome.status, ExitStatus::kInput);
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("size of the heap is unknown"), HasSubstr("-s 10K")));
  EXPECT_EQ(run(folder.path(), {"heap", "-s", "1K"}).status, ExitStatus::kDone);
}

TEST(Heap, DefaultTraceIsInTheProjectsRoot) {
  const TestFolder folder;
  folder.write("Drone.toml", kManifest);
  folder.write("heaptrace", bytes_of(kOneKilobyte));
  folder.write("src/other", bytes_of(kDescribedTrace));
  const std::filesystem::path inside = folder.path() / "src";
  EXPECT_EQ(run(inside, {"heap"}).status, ExitStatus::kDone);
  EXPECT_EQ(run(inside, {"heap", "-f", "other"}).status, ExitStatus::kDone);
  EXPECT_EQ(run(folder.path(), {"heap", "-f", "other"}).status, ExitStatus::kInput);
  EXPECT_EQ(run(folder.path(), {"heap", "-f", "src/other"}).status, ExitStatus::kDone);
}

TEST(Heap, MissingTraceIsAnErrorThatNamesTheCommandsThatRecordOne) {
  const TestFolder folder;
  const Outcome outcome = run(folder.path(), {"heap"});
  EXPECT_EQ(outcome.status, ExitStatus::kInput);
  EXPECT_THAT(outcome.err,
              AllOf(HasSubstr("no trace 'heaptrace'"), HasSubstr("just features=heaptrace flash"),
                    HasSubstr("just heaptrace")));
}

TEST(Heap, EmptyTraceIsAnErrorToo) {
  const TestFolder folder;
  folder.write("heaptrace", "");
  const Outcome outcome = run(folder.path(), {"heap", "-s", "10K"});
  EXPECT_EQ(outcome.status, ExitStatus::kInput);
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("'heaptrace' is empty"), HasSubstr("just heaptrace")));
}

TEST(Heap, WrongFileIsNamedWithWhatItIs) {
  const TestFolder folder;
  folder.write("t", "This is no trace at all.\n");
  EXPECT_THAT(run(folder.path(), {"heap", "-f", "t", "-s", "1K"}).err,
              HasSubstr("reading trace 't': the trace is a text file"));
  const Outcome directory = run(folder.path(), {"heap", "-f", ".", "-s", "1K"});
  EXPECT_EQ(directory.status, ExitStatus::kInput);
  EXPECT_THAT(directory.err, HasSubstr("is a folder"));
}

TEST(Heap, OtherPortsAreReadOnRequest) {
  const TestFolder folder;
  folder.write("t", bytes_of("2B 07 01 00 00  2B 01 00 00 10"));
  EXPECT_EQ(run(folder.path(), {"heap", "-f", "t", "-s", "1K", "--port", "5"}).status,
            ExitStatus::kDone);
  const Outcome outcome = run(folder.path(), {"heap", "-f", "t", "-s", "1K"});
  EXPECT_EQ(outcome.status, ExitStatus::kInput);
  EXPECT_THAT(outcome.err, HasSubstr("port 5 (2 packets)"));
}

/// Another heap, to append to the manifest.
constexpr const char* kSecondHeap =
    "[heap.dtcm]\nsize = \"2K\"\nport = 5\npools = [{ block = \"4\", capacity = 1 }]\n";

/// VERSION and ALLOC of 1024 bytes on port 5.
constexpr const char* kTraceOfPort5 = "2B 07 01 00 00  2B 01 00 00 10  2B FF 00 00 00";

TEST(Heap, NamedHeapHasItsOwnTraceSizeAndPort) {
  const TestFolder folder;
  folder.write("Drone.toml", kManifest + kSecondHeap);
  folder.write("heaptrace", bytes_of(kOneKilobyte));
  folder.write("dtcm.heaptrace", bytes_of(kTraceOfPort5));
  folder.write("src/x", "");
  EXPECT_THAT(run(folder.path(), {"heap"}).out, HasSubstr("1024 / 5.00%\n"));
  EXPECT_THAT(run(folder.path(), {"heap", "--heap", "dtcm"}).out, HasSubstr("1024 / 50.00%\n"));
  EXPECT_THAT(run(folder.path() / "src", {"heap", "--heap", "dtcm"}).out,
              HasSubstr("1024 / 50.00%\n"));
  EXPECT_THAT(run(folder.path(), {"heap", "--heap", "dtcm", "-s", "4K"}).out,
              HasSubstr("1024 / 25.00%\n"));
  EXPECT_EQ(run(folder.path(), {"heap", "--heap", "dtcm", "--port", "31"}).status,
            ExitStatus::kInput);
}

TEST(Heap, PortTellsWhichHeapAFileIsOf) {
  const TestFolder folder;
  folder.write("Drone.toml", kManifest + kSecondHeap);
  folder.write("other", bytes_of(kTraceOfPort5));
  EXPECT_THAT(run(folder.path(), {"heap", "-f", "other", "--port", "5"}).out,
              HasSubstr("1024 / 50.00%\n"));
}

TEST(Heap, PortOfTheProjectsHeapIsTheDefault) {
  const TestFolder folder;
  std::string manifest = kManifest;
  manifest.insert(manifest.find("alignment"), "port = 5\n");
  folder.write("Drone.toml", manifest);
  folder.write("heaptrace", bytes_of(kTraceOfPort5));
  EXPECT_THAT(run(folder.path(), {"heap"}).out, HasSubstr("1024 / 5.00%\n"));
}

TEST(Heap, NameThatThereIsNotIsAMistakeOfUsage) {
  const TestFolder folder;
  const Outcome outside = run(folder.path(), {"heap", "--heap", "dtcm", "-s", "1K"});
  EXPECT_EQ(outside.status, ExitStatus::kInput);
  EXPECT_THAT(outside.err, AllOf(HasSubstr("in none"), HasSubstr("-f FILE")));
  folder.write("Drone.toml", kManifest + kSecondHeap);
  const Outcome outcome = run(folder.path(), {"heap", "--heap", "dtmc"});
  EXPECT_EQ(outcome.status, ExitStatus::kUsage);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("no [heap.dtmc] in Drone.toml"),
                                 HasSubstr("there are: [heap], [heap.dtcm]")));
  EXPECT_EQ(run(folder.path(), {"heap", "--heap", ""}).status, ExitStatus::kUsage);
  const Outcome missing = run(folder.path(), {"heap", "--heap", "dtcm"});
  EXPECT_EQ(missing.status, ExitStatus::kInput);
  EXPECT_THAT(missing.err, HasSubstr("no trace 'dtcm.heaptrace'"));
}

TEST(Heap, HeapOfNoBytesIsAMistakeOfUsage) {
  EXPECT_EQ(run("/", {"heap", "-s", "0"}).status, ExitStatus::kUsage);
}

}  // namespace
}  // namespace drone::cli
