// SPDX-License-Identifier: MIT
#include "probe/file_stream.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/stat.h>

#include <fstream>

#include "support/descriptor.hpp"
#include "support/error.hpp"
#include "support/test_folder.hpp"

namespace drone::probe {
namespace {

using test::TestFolder;

bool readable(const SwoStream& stream) {
  pollfd event{stream.descriptor(), POLLIN, 0};
  return ::poll(&event, 1, 0) > 0;
}

TEST(FileStream, ReadsAFileToItsEnd) {
  const TestFolder folder;
  std::ofstream(folder.path() / "swo.bin") << "abc";
  const auto stream = open_file_stream(folder.path() / "swo.bin");
  std::vector<std::byte> buffer(8);
  EXPECT_TRUE(readable(*stream));
  EXPECT_EQ(stream->read(buffer), 3U);
  EXPECT_EQ(stream->read(buffer), 0U);
}

TEST(FileStream, EndsWhereAFileIsStopped) {
  const TestFolder folder;
  std::ofstream(folder.path() / "swo.bin") << "abc";
  const auto stream = open_file_stream(folder.path() / "swo.bin");
  std::vector<std::byte> buffer(2);
  EXPECT_EQ(stream->read(buffer), 2U);
  stream->stop();
  EXPECT_EQ(stream->read(buffer), 0U);
}

TEST(FileStream, WaitsForTheWriterOfAFifoAndTakesWhatItWroteWhenStopped) {
  const TestFolder folder;
  const auto path = folder.path() / "fifo";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const auto stream = open_file_stream(path);
  EXPECT_FALSE(readable(*stream)) << "nobody has written yet, which is not its end";
  const Descriptor writer(::open(path.c_str(), O_WRONLY));
  ASSERT_EQ(::write(writer.get(), "abcd", 4), 4);
  EXPECT_TRUE(readable(*stream));
  stream->stop();
  std::vector<std::byte> buffer(3);
  EXPECT_EQ(stream->read(buffer), 3U);
  EXPECT_EQ(stream->read(buffer), 1U);
  EXPECT_TRUE(readable(*stream));
  EXPECT_EQ(stream->read(buffer), 0U) << "the writer is still there, and silent";
}

TEST(FileStream, SaysWhyAFileCannotBeRead) {
  const TestFolder folder;
  for (const auto& path : {folder.path() / "absent", folder.path()}) {
    try {
      open_file_stream(path);
      ADD_FAILURE();
    } catch (const Error& error) {
      EXPECT_EQ(error.status(), ExitStatus::kInput);
      EXPECT_THAT(error.message(), ::testing::HasSubstr(path.string()));
    }
  }
}

}  // namespace
}  // namespace drone::probe
