// SPDX-License-Identifier: MIT
#include "preload/trace_file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace drone::preload {
namespace {

class TheTraceFile : public ::testing::Test {
 protected:
  TheTraceFile() {
    std::string name = (std::filesystem::temp_directory_path() / "drone-trace-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~TheTraceFile() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name = "trace") const { return (folder_ / name).string(); }

  static std::string contents(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  bool append(const std::string& text) {
    return file_.append(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  }
  bool close_with(const std::string& text) {
    return file_.close_with(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  }

  std::filesystem::path folder_;
  TraceFile file_;
};

TEST_F(TheTraceFile, HoldsWhatWasAppendedAtOnce) {
  ASSERT_TRUE(file_.create(path().c_str(), false));
  ASSERT_TRUE(append("abc"));
  ASSERT_TRUE(append("def"));
  EXPECT_EQ(file_.length(), 6U);
  EXPECT_EQ(contents(path()).substr(0, 6), "abcdef");
}

TEST_F(TheTraceFile, EndsAfterItsTailWhenItIsClosed) {
  ASSERT_TRUE(file_.create(path().c_str(), false));
  ASSERT_TRUE(append("abc"));
  ASSERT_TRUE(close_with("END"));
  EXPECT_EQ(contents(path()), "abcEND");
}

TEST_F(TheTraceFile, TakesWhatComesAfterTheEndBeforeItsTail) {
  ASSERT_TRUE(file_.create(path().c_str(), false));
  ASSERT_TRUE(append("abc"));
  ASSERT_TRUE(close_with("END"));
  ASSERT_TRUE(append("d"));
  EXPECT_EQ(contents(path()), "abcdEND");
  ASSERT_TRUE(append("efghi"));
  EXPECT_EQ(contents(path()), "abcdefghiEND");
}

TEST_F(TheTraceFile, GrowsBeyondItsWindow) {
  ASSERT_TRUE(file_.create(path().c_str(), false));
  std::string expected;
  for (int i = 0; i != 500000; ++i) {
    const std::string piece = std::to_string(i);
    ASSERT_TRUE(append(piece));
    expected += piece;
  }
  ASSERT_TRUE(close_with("END"));
  EXPECT_EQ(contents(path()), expected + "END");
}

TEST_F(TheTraceFile, ReplacesAFileAndDoesNotChangeIt) {
  std::ofstream(path()) << "old";
  std::filesystem::create_hard_link(path(), path("other name"));
  ASSERT_TRUE(file_.create(path().c_str(), false));
  ASSERT_TRUE(append("new"));
  ASSERT_TRUE(close_with("END"));
  EXPECT_EQ(contents(path()), "newEND");
  EXPECT_EQ(contents(path("other name")), "old");
}

TEST_F(TheTraceFile, OfASharedNameReplacesNone) {
  std::ofstream(path()) << "old";
  std::ofstream(path("trace.1")) << "older";
  ASSERT_TRUE(file_.create(path().c_str(), true));
  ASSERT_TRUE(append("new"));
  ASSERT_TRUE(close_with("END"));
  EXPECT_EQ(contents(path()), "old");
  EXPECT_EQ(contents(path("trace.1")), "older");
  EXPECT_EQ(contents(path("trace.2")), "newEND");
}

TEST_F(TheTraceFile, SurvivesThatItsDescriptorBecomesAnotherFile) {
  ASSERT_TRUE(file_.create(path().c_str(), false));
  ASSERT_TRUE(append("abc"));
  const std::string other = path("other");
  std::ofstream(other) << "do not touch";
  // Whichever descriptor it is: all that name the trace become the other file.
  const int replacement = ::open(other.c_str(), O_RDWR);
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code failure;
    if (std::filesystem::read_symlink(entry, failure) == path()) {
      ::dup2(replacement, std::stoi(entry.path().filename()));
    }
  }
  std::string expected = "abc";
  for (int i = 0; i != 300000; ++i) {
    ASSERT_TRUE(append("0123456"));
    expected += "0123456";
  }
  ASSERT_TRUE(close_with("END"));
  EXPECT_EQ(contents(path()), expected + "END");
  EXPECT_EQ(contents(other), "do not touch");
}

TEST_F(TheTraceFile, IsNothingButAFile) {
  EXPECT_FALSE(file_.create("/dev/null", false));
  EXPECT_NE(std::string(file_.error()).find("/dev/null"), std::string::npos);
  EXPECT_FALSE(file_.create(path("no folder/trace").c_str(), false));
  EXPECT_NE(std::string(file_.error()).find("No such file"), std::string::npos);
}

}  // namespace
}  // namespace drone::preload
