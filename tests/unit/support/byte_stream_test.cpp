// SPDX-License-Identifier: MIT
#include "support/byte_stream.hpp"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "support/error.hpp"
#include "support/test_folder.hpp"

namespace drone {
namespace {

namespace fs = std::filesystem;
using test::TestFolder;
using ::testing::HasSubstr;

std::size_t files_in(const fs::path& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

/// No file of this process grows beyond this many bytes while it lives.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &former_);
    const rlimit limit{bytes, former_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &former_);
    ::signal(SIGXFSZ, SIG_DFL);
  }

 private:
  rlimit former_{};
};

TEST(WriteFile, ReplacesAFileAndKeepsItsPermissions) {
  const TestFolder folder;
  const fs::path path = folder.path() / "Drone.toml";
  write_file(path, "old, and longer");
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  write_file(path, "new");
  EXPECT_EQ(read_file(path), "new");
  EXPECT_EQ(fs::status(path).permissions(), fs::perms{0640});
  EXPECT_EQ(files_in(folder.path()), 1U);
}

TEST(WriteFile, ANewFileHasThePermissionsThatTheUserWants) {
  const TestFolder folder;
  const mode_t former = ::umask(027);
  write_file(folder.path() / "new", "");
  ::umask(former);
  EXPECT_EQ(fs::status(folder.path() / "new").permissions(), fs::perms{0640});
}

TEST(WriteFile, LeavesTheOldFileAndNothingElseWhenThereIsNoRoom) {
  const TestFolder folder;
  const fs::path path = folder.path() / "Drone.toml";
  write_file(path, "old");
  {
    const FileSizeLimit limit(100);
    EXPECT_THROW(write_file(path, std::string(1000, 'x')), Error);
  }
  EXPECT_EQ(read_file(path), "old");
  EXPECT_EQ(files_in(folder.path()), 1U);
}

TEST(WriteFile, RefusesAFileThatIsReadOnly) {
  const TestFolder folder;
  const fs::path path = folder.path() / "kept";
  write_file(path, "old");
  ASSERT_EQ(::chmod(path.c_str(), 0444), 0);
  EXPECT_THROW(write_file(path, "new"), Error);
  EXPECT_EQ(read_file(path), "old");
  EXPECT_EQ(files_in(folder.path()), 1U);
}

TEST(WriteFile, NamesTheFileThatCannotBeWritten) {
  const TestFolder folder;
  for (const fs::path& path : {folder.path() / "absent/file", folder.path()}) {
    try {
      write_file(path, "text");
      ADD_FAILURE() << path;
    } catch (const Error& error) {
      EXPECT_EQ(error.status(), ExitStatus::kInput);
      EXPECT_THAT(error.message(), HasSubstr("'" + path.string() + "'"));
    }
  }
}

TEST(WriteFile, ReplacesWhatALinkNamesAndNoPipe) {
  const TestFolder folder;
  const fs::path target = folder.path() / "target";
  const fs::path link = folder.path() / "link";
  write_file(target, "old");
  fs::create_symlink("target", link);
  write_file(link, "new");
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_EQ(read_file(target), "new");

  const fs::path pipe = folder.path() / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THROW(write_file(pipe, "text"), Error);
  EXPECT_TRUE(fs::is_fifo(pipe));
}

TEST(CreateSink, ReportsAFullDiskWhenItIsFlushed) {
  const auto sink = create_sink("/dev/full");
  sink->write(std::as_bytes(std::span(std::string_view("lost"))));
  EXPECT_THROW(sink->flush(), Error);
  EXPECT_NO_THROW(sink->flush()) << "it is not written twice";
}

TEST(OpenSource, ReadsTheWholeOfAFileInWhateverPieces) {
  const TestFolder folder;
  const fs::path path = folder.path() / "file";
  const std::string text = std::string("a\0b", 3) + std::string(200'000, 'x');
  write_file(path, text);
  EXPECT_EQ(read_file(path), text);
  const auto source = open_source(path);
  std::vector<std::byte> buffer(7);
  std::size_t size = 0;
  while (const std::size_t n = source->read(buffer)) size += n;
  EXPECT_EQ(size, text.size());
  EXPECT_THROW(open_source(folder.path() / "absent"), Error);
  EXPECT_THROW(read_file(folder.path()), Error);
}

TEST(MemorySource, GivesChunksAndThenEnds) {
  MemorySource source(std::vector<std::byte>(5), 2);
  std::vector<std::byte> buffer(3);
  std::vector<std::size_t> sizes(4);
  for (std::size_t& size : sizes) size = source.read(buffer);
  EXPECT_THAT(sizes, ::testing::ElementsAre(2, 2, 1, 0));
}

}  // namespace
}  // namespace drone
