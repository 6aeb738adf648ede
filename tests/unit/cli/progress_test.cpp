// SPDX-License-Identifier: MIT
#include "cli/progress.hpp"

#include <gtest/gtest.h>

#include <array>
#include <sstream>

namespace drone::cli {
namespace {

using namespace std::chrono_literals;
using Unit = Progress::Unit;

class ProgressTest : public testing::Test {
 protected:
  /// What was printed since the last call.
  std::string printed() {
    std::string text = err_.str();
    err_.str("");
    return text;
  }

  std::ostringstream out_;
  std::ostringstream err_;
  Environment environment_{.out = out_, .err = err_, .directory = {}, .err_is_terminal = true};
  std::chrono::steady_clock::time_point now_{100s};
  Progress progress_{environment_, [this] { return now_; }};
};

TEST_F(ProgressTest, ShowsNothingOfWhatTakesLessThanASecond) {
  progress_.step("reading", 0, 100);
  now_ += 999ms;
  progress_.step("reading", 99, 100);
  progress_.end();
  EXPECT_EQ(printed(), "");
}

TEST_F(ProgressTest, SaysHowFarHowFastAndHowLongStill) {
  progress_.step("reading heaptrace", 0, 10'000'000'000, Unit::kBytes);
  now_ += 4s;
  progress_.step("reading heaptrace", 4'200'000'000, 10'000'000'000, Unit::kBytes);
  EXPECT_EQ(printed(), "\rreading heaptrace: 42 % (1.1 GB/s, 6 s left)\x1b[K");
  progress_.end();
  EXPECT_EQ(printed(), "\r\x1b[K");
  progress_.end();
  EXPECT_EQ(printed(), "") << "it is gone already";
}

TEST_F(ProgressTest, DrawsAFewTimesASecond) {
  progress_.step("searching 5 pools", 0, 1000);
  now_ += 1s;
  for (std::uint64_t i = 1; i != 100; ++i) {
    progress_.step("searching 5 pools", i, 1000);
    now_ += 1ms;
  }
  EXPECT_EQ(printed(), "\rsearching 5 pools: 0 % (16:39 left)\x1b[K");
  now_ += 101ms;
  progress_.step("searching 5 pools", 500, 1000);
  EXPECT_EQ(printed(), "\rsearching 5 pools: 50 % (1 s left)\x1b[K");
}

TEST_F(ProgressTest, AnotherStepHasASecondOfItsOwn) {
  progress_.step("reading", 0, 100);
  now_ += 2s;
  progress_.step("reading", 50, 100);
  EXPECT_EQ(printed(), "\rreading: 50 % (2 s left)\x1b[K");
  progress_.step("searching", 0, 100);
  EXPECT_EQ(printed(), "\r\x1b[K");
  now_ += 500ms;
  progress_.step("searching", 50, 100);
  progress_.step("searching", 1, 100);  // again from the start
  now_ += 600ms;
  progress_.step("searching", 2, 100);
  EXPECT_EQ(printed(), "");
}

TEST_F(ProgressTest, SaysHowMuchWhereNobodyKnowsOfWhat) {
  progress_.step("reading -", 0, 0, Unit::kBytes);
  now_ += 2s;
  progress_.step("reading -", 3'000'000, 0, Unit::kBytes);
  EXPECT_EQ(printed(), "\rreading -: 3.0 MB (1.5 MB/s)\x1b[K");
}

TEST_F(ProgressTest, MoreThanWasExpectedIsAll) {
  progress_.step("reading", 0, 100);
  now_ += 2s;
  progress_.step("reading", 150, 100);  // the file has grown
  EXPECT_EQ(printed(), "\rreading: 100 %\x1b[K");
}

TEST_F(ProgressTest, LeavesALineThatIsTooLongOnItsLine) {
  const std::string what(100, 'x');
  progress_.step(what, 0, 100);
  now_ += 2s;
  progress_.step(what, 1, 100);
  EXPECT_EQ(printed(), "\r" + std::string(79, 'x') + "\x1b[K");
}

TEST_F(ProgressTest, IsSilentWhereThereIsNoTerminal) {
  environment_.err_is_terminal = false;
  progress_.step("reading", 0, 100);
  now_ += 20s;
  progress_.step("reading", 50, 100);
  progress_.end();
  EXPECT_EQ(printed(), "");
}

TEST_F(ProgressTest, ASourceReadsTheSameWithIt) {
  const std::vector<std::byte> bytes(1000, std::byte{7});
  const auto open = with_progress([&bytes] { return std::make_unique<MemorySource>(bytes, 300); },
                                  "reading", bytes.size(), environment_);
  for (int i = 0; i != 2; ++i) {
    const auto source = open();
    std::array<std::byte, 4096> buffer;
    std::size_t size = 0;
    while (const std::size_t n = source->read(std::span(buffer).subspan(size))) size += n;
    EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), buffer.begin(), buffer.begin() + 1000));
    EXPECT_EQ(size, bytes.size());
  }
  EXPECT_EQ(printed(), "");
}

}  // namespace
}  // namespace drone::cli
