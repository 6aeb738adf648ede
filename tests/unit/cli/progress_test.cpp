// SPDX-License-Identifier: MIT
#include "cli/progress.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <sstream>
#include <vector>

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
  now_ += 500ms;
  progress_.step("searching", 50, 100);
  progress_.step("searching", 1, 100);  // again from the start
  now_ += 600ms;
  progress_.step("searching", 2, 100);
  EXPECT_EQ(printed(), "");
}

TEST_F(ProgressTest, WhatIsShownGoesOnWithTheNextStep) {
  progress_.step("reading", 0, 100);
  now_ += 2s;
  progress_.step("reading", 50, 100);
  EXPECT_EQ(printed(), "\rreading: 50 % (2 s left)\x1b[K");
  progress_.step("searching", 0, 100);
  EXPECT_EQ(printed(), "\r\x1b[K\rsearching: 0 %\x1b[K");
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

TEST_F(ProgressTest, AHiddenStepGoesOn) {
  progress_.step("reading", 0, 100);
  now_ += 2s;
  progress_.step("reading", 50, 100);
  EXPECT_EQ(printed(), "\rreading: 50 % (2 s left)\x1b[K");
  progress_.hide();
  EXPECT_EQ(printed(), "\r\x1b[K");
  now_ += 500ms;
  progress_.step("reading", 50, 100);
  EXPECT_EQ(printed(), "\rreading: 50 % (2 s left)\x1b[K");
}

class FileProgressTest : public ProgressTest {
 protected:
  /// A source of 1000 bytes, which gives 100 at a time.
  std::unique_ptr<ByteSource> watched() {
    return file_.watch(std::make_unique<MemorySource>(bytes_, 100), bytes_.size());
  }

  /// Reads 100 bytes in a tenth of a second.
  std::size_t read(ByteSource& source) {
    const std::size_t n = source.read(buffer_);
    now_ += 100ms;
    return n;
  }

  std::vector<std::byte> bytes_ = std::vector<std::byte>(1000, std::byte{7});
  std::array<std::byte, 4096> buffer_{};
  FileProgress file_{"trace", environment_, [this] { return now_; }};
};

TEST_F(FileProgressTest, ReadsTheSameWithIt) {
  for (int i = 0; i != 2; ++i) {
    const auto source = watched();
    std::size_t size = 0;
    while (const std::size_t n = source->read(std::span(buffer_).subspan(size))) size += n;
    EXPECT_TRUE(std::equal(bytes_.begin(), bytes_.end(), buffer_.begin(), buffer_.begin() + 1000));
    EXPECT_EQ(size, bytes_.size());
  }
  EXPECT_EQ(printed(), "");
}

TEST_F(FileProgressTest, ShowsHowMuchWasRead) {
  for (int i = 0; i != 2; ++i) {
    auto source = watched();
    read(*source);
    now_ += 1s;
    for (int piece = 0; piece != 3; ++piece) read(*source);
    EXPECT_EQ(printed(),
              "\rreading trace: 10 % (90 B/s, 10 s left)\x1b[K"
              "\rreading trace: 30 % (230 B/s, 3 s left)\x1b[K");
    source.reset();
    EXPECT_EQ(printed(), "\r\x1b[K");
  }
}

TEST_F(FileProgressTest, ShowsHowMuchOfWhatWasReadIsWorkedOn) {
  auto source = watched();
  for (int piece = 0; piece != 4; ++piece) read(*source);
  file_.work("finding joint peaks", 0);
  EXPECT_EQ(printed(), "");
  now_ += 1s;
  file_.work("finding joint peaks", 0.5);
  EXPECT_EQ(printed(), "\rfinding joint peaks in trace: 20 % (200 B/s, 4 s left)\x1b[K");
  now_ += 1s;
  file_.work("finding joint peaks", 1);
  EXPECT_EQ(printed(), "\rfinding joint peaks in trace: 40 % (200 B/s, 3 s left)\x1b[K");
  // What is read is work still to do.
  while (read(*source) != 0) {
  }
  EXPECT_EQ(printed(),
            "\rfinding joint peaks in trace: 40 % (181 B/s, 3 s left)\x1b[K"
            "\rfinding joint peaks in trace: 40 % (166 B/s, 4 s left)\x1b[K"
            "\rfinding joint peaks in trace: 40 % (153 B/s, 4 s left)\x1b[K");
  source.reset();
  EXPECT_EQ(printed(), "\r\x1b[K") << "others may print now";
  now_ += 300ms;
  file_.work("finding joint peaks", 0.5);
  EXPECT_EQ(printed(), "\rfinding joint peaks in trace: 70 % (233 B/s, 1 s left)\x1b[K");
  file_.work("finding joint peaks", 1);
  EXPECT_EQ(printed(), "\r\x1b[K");
}

TEST_F(FileProgressTest, BeginsAnewWhenTheFileIsReadAgain) {
  for (int i = 0; i != 2; ++i) {
    auto source = watched();
    read(*source);
    file_.work("finding joint peaks", 0);
    now_ += 2s;
    file_.work("finding joint peaks", 1);
    EXPECT_EQ(printed(), "\rfinding joint peaks in trace: 10 % (50 B/s, 18 s left)\x1b[K");
    source.reset();
    EXPECT_EQ(printed(), "\r\x1b[K");
  }
}

TEST_F(FileProgressTest, IsSilentWhereThereIsNoTerminal) {
  environment_.err_is_terminal = false;
  auto source = watched();
  now_ += 20s;
  read(*source);
  file_.work("finding joint peaks", 0.5);
  now_ += 20s;
  file_.work("finding joint peaks", 1);
  source.reset();
  EXPECT_EQ(printed(), "");
}

}  // namespace
}  // namespace drone::cli
