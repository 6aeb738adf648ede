// SPDX-License-Identifier: MIT
#include "support/capture_file.hpp"

#include <gmock/gmock.h>

#include <fstream>

#include "support/error.hpp"
#include "support/test_folder.hpp"

namespace drone {
namespace {

using test::TestFolder;

void write(ByteSink& sink, std::string_view text) { sink.write(std::as_bytes(std::span(text))); }

TEST(CaptureFile, KeepsWhatAFileHeldUntilSomethingIsWritten) {
  const TestFolder folder;
  const auto path = folder.path() / "heaptrace";
  std::ofstream(path) << "precious";
  { CaptureFile file(path); }
  EXPECT_EQ(read_file(path), "precious");
  CaptureFile file(path);
  write(file, "new");
  file.flush();
  EXPECT_EQ(read_file(path), "new");
}

TEST(CaptureFile, ReplacesAFileByNothingWhenNothingIsWritten) {
  const TestFolder folder;
  const auto path = folder.path() / "heaptrace";
  std::ofstream(path) << "precious";
  CaptureFile file(path);
  file.write({});
  EXPECT_EQ(read_file(path), "");
}

TEST(CaptureFile, LeavesNoFileBehindThatWasNeverWritten) {
  const TestFolder folder;
  { CaptureFile file(folder.path() / "heaptrace"); }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(CaptureFile, SaysAtOnceThatAPathCannotBeWritten) {
  const TestFolder folder;
  const auto path = folder.path() / "absent/heaptrace";
  try {
    CaptureFile file(path);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), ExitStatus::kInput);
    EXPECT_THAT(error.message(), ::testing::HasSubstr(path.string()));
    EXPECT_EQ(error.hint(), "make its folder first");
  }
  EXPECT_THROW(CaptureFile(folder.path()), Error);
}

TEST(CaptureFile, ReportsAFullDiskOnceAndWritesNothingAfterIt) {
  CaptureFile file("/dev/full");
  write(file, "lost");
  EXPECT_THROW(file.flush(), Error);
  write(file, "dropped");
  EXPECT_NO_THROW(file.flush());
}

TEST(CaptureFile, WritesThroughALinkWhoseTargetDoesNotExistYet) {
  const TestFolder folder;
  std::filesystem::create_symlink("target", folder.path() / "link");
  CaptureFile file(folder.path() / "link");
  write(file, "new");
  file.flush();
  EXPECT_EQ(read_file(folder.path() / "target"), "new");
}

}  // namespace
}  // namespace drone
