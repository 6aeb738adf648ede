// SPDX-License-Identifier: MIT

// The board as its caller sees it: command line, exit status, real time, the end.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <thread>

#include "board_process.hpp"

namespace drone::board_test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;
using Clock = std::chrono::steady_clock;

TEST(CommandLine, RefusesAnUnknownOptionWithStatus2) {
  const Result result = run_board("sleeper", {"--frobnicate"});
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.log, StartsWith("error: unknown option '--frobnicate'\nhint: "));
  EXPECT_TRUE(result.trace.empty());
}

TEST(CommandLine, RefusesOverlappingMemoriesWithStatus2) {
  const Result result = run_board("sleeper", {"--memory", "more:0x20001000:4K"});
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.log, HasSubstr("'more' overlaps"));
}

TEST(CommandLine, RefusesAFileThatIsNoElfWithStatus3) {
  const std::string path = testing::TempDir() + "no.elf";
  std::ofstream(path) << "no ELF at all, just text that is long enough";
  BoardProcess board({path});
  EXPECT_EQ(board.wait(), 3);
  EXPECT_THAT(board.log(), HasSubstr("is not an ELF file"));
}

TEST(CommandLine, RefusesAProgramThatTheMemoryDoesNotHoldWithStatus3) {
  BoardProcess board(
      {"--memory", "other:0x30000000:1K", "--memory", "x:0x40000000:1K", DRONE_BOARD});
  EXPECT_EQ(board.wait(), 3);
  EXPECT_THAT(board.log(), HasSubstr("x86-64"));
}

TEST(RealTime, KeepsPaceWithTheClockOnTheWall) {
  const auto start = Clock::now();
  BoardProcess board({"--clock", "1000000", firmware("ticker")});
  // Two bytes a millisecond, behind five of greeting.
  board.read_trace(5 + 2 * 400, 10s);
  const auto elapsed = Clock::now() - start;
  EXPECT_GE(board.trace().size(), 805U);
  EXPECT_GE(elapsed, 390ms);
  EXPECT_LE(elapsed, 4s);  // hosts that run tests are busy
}

TEST(RealTime, GoesOnSleepingUntilItIsTerminated) {
  BoardProcess board({firmware("sleeper")});
  EXPECT_EQ(board.read_trace(5, 5s).size(), 5U);
  board.read_trace(6, 200ms);
  EXPECT_TRUE(board.running());
  board.signal(SIGTERM);
  EXPECT_EQ(board.wait(), 0);
  EXPECT_EQ(board.log(), "");
}

TEST(Termination, SendsWhatIsInTheFifo) {
  // At 1 kHz and 1000 cycles a byte, the five bytes of a word take five seconds.
  BoardProcess board({"--clock", "1000", firmware("sleeper")});
  const auto start = Clock::now();
  board.read_trace(1, 5s);
  EXPECT_LT(board.trace().size(), 5U);
  board.signal(SIGTERM);
  EXPECT_EQ(board.wait(), 0);
  EXPECT_LT(Clock::now() - start, 4s);
  EXPECT_EQ(said(board.trace()), (std::vector<std::uint64_t>{0xCAFE}));
}

TEST(Termination, IsQuietWhenNobodyReadsTheTraceAnyMore) {
  BoardProcess board({"--clock", "1000000", firmware("ticker")});
  board.read_trace(20, 5s);
  board.close_trace();
  EXPECT_EQ(board.wait(), 0);
  EXPECT_EQ(board.log(), "");
}

TEST(Termination, WorksWhileTheTraceIsNotRead) {
  // Far more than a pipe holds, at full speed: the board waits for its reader.
  BoardProcess board({"--speed", "max", "--clock", "1000000", firmware("ticker")});
  std::this_thread::sleep_for(300ms);
  EXPECT_TRUE(board.running());
  board.signal(SIGTERM);
  EXPECT_EQ(board.wait(), 0);
}

}  // namespace
}  // namespace drone::board_test
