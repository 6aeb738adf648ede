// SPDX-License-Identifier: MIT

// The trace as it leaves the whole board: time on the wire, losses, timestamps, frames.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "board_process.hpp"

namespace drone::board_test {
namespace {

using itm::Packet;
using itm::PacketKind;

struct FifoCase {
  const char* program;
  std::uint64_t cycles_per_byte;
  bool timestamps;
};

class Fifo : public testing::TestWithParam<FifoCase> {};

TEST_P(Fifo, DrainsAtTheConfiguredRate) {
  const auto& [program, cycles_per_byte, timestamps] = GetParam();
  const Result result = run_board(program);
  ASSERT_EQ(result.status, 0) << result.log;
  const auto words = said(result.trace);
  ASSERT_EQ(words.size(), 13U);
  // From full to full, 200 writes took as long as their bytes take on the wire; the loop's
  // granularity is a few instructions once.
  if (!timestamps) {
    EXPECT_NEAR(static_cast<double>(words[10]), 200.0 * 5 * static_cast<double>(cycles_per_byte),
                static_cast<double>(cycles_per_byte));
    EXPECT_NEAR(static_cast<double>(words[11]), 200.0 * 3 * static_cast<double>(cycles_per_byte),
                static_cast<double>(6 * cycles_per_byte));
  } else {
    // Every write carries a timestamp of one to three bytes more.
    EXPECT_GT(words[10], 200U * 6 * cycles_per_byte);
    EXPECT_LT(words[10], 200U * 8 * cycles_per_byte + cycles_per_byte);
  }
}

TEST_P(Fifo, LosesWhatDoesNotFitAndSaysSoOnce) {
  const Result result = run_board(GetParam().program);
  const std::vector<Packet> packets = decode(result.trace);
  const auto overflows = std::count_if(packets.begin(), packets.end(), [](const Packet& packet) {
    return packet.kind == PacketKind::kOverflow;
  });
  EXPECT_EQ(overflows, 1);
  const auto burst = said(result.trace, 3);
  // 16 bytes: three packets of 5 with one in the making on the wire, two with timestamps.
  ASSERT_GE(burst.size(), 2U);
  EXPECT_LE(burst.size(), 4U);
  for (std::size_t i = 0; i != burst.size(); ++i) EXPECT_EQ(burst[i], i);
  EXPECT_EQ(said(result.trace).back(), 0xFFFFU);
  EXPECT_EQ(std::count_if(packets.begin(), packets.end(),
                          [](const Packet& p) { return p.kind == PacketKind::kMalformed; }),
            0);
}

INSTANTIATE_TEST_SUITE_P(Rates, Fifo,
                         testing::Values(FifoCase{"fifo", 80, false},
                                         FifoCase{"fifo_slow", 420, false},
                                         FifoCase{"fifo_timestamps", 80, true}),
                         [](const auto& tested) { return std::string(tested.param.program); });

TEST(Timestamps, SayTheCyclesBetweenWrites) {
  const Result result = run_board("timestamps");
  ASSERT_EQ(result.status, 0) << result.log;
  // The ticks up to each word: several timestamps may add up.
  std::vector<std::uint64_t> ticks;
  std::vector<std::uint64_t> values;
  for (const Packet& packet : decode(result.trace)) {
    if (packet.kind == PacketKind::kInstrumentation) {
      values.push_back(packet.value);
      ticks.push_back(0);
    } else if (packet.kind == PacketKind::kLocalTimestamp) {
      EXPECT_EQ(packet.detail, 0U);
      if (ticks.empty()) continue;
      ticks.back() += packet.value;
    }
  }
  ASSERT_EQ(values.size(), 8U);
  EXPECT_EQ(values[0], 1U);
  EXPECT_LT(ticks[1], 20U);
  EXPECT_NEAR(static_cast<double>(ticks[2]), 100000, 20);
  EXPECT_NEAR(static_cast<double>(ticks[1] + ticks[2]), static_cast<double>(values[3]), 20);
  // A wrap: the timestamp of the fourth word is followed by a full one before the fifth comes.
  const std::uint64_t wrapped = ticks[3] + ticks[4];
  EXPECT_NEAR(static_cast<double>(wrapped), static_cast<double>(values[5]), 40);
  EXPECT_GT(wrapped, std::uint64_t{itm::kMaxLocalTicks});
  EXPECT_NEAR(static_cast<double>(ticks[7]), 1000, 4);  // 16000 cycles, by 16
}

TEST(Synchronization, ComesWithTheCycleCountersTap) {
  const Result result = run_board("sync");
  ASSERT_EQ(result.status, 0) << result.log;
  // A byte every million cycles; the tap changes every 2^24.
  std::vector<std::uint64_t> before;
  std::uint64_t last = 0;
  for (const Packet& packet : decode(result.trace)) {
    if (packet.kind == PacketKind::kInstrumentation) last = packet.value;
    if (packet.kind == PacketKind::kSync) before.push_back(last);
  }
  EXPECT_THAT(before, testing::ElementsAre(16U, 33U, 50U));
}

// Takes frames apart by the book: CoreSight Architecture Specification, D4.2.
TEST(Formatter, WrapsTheStreamIntoFramesWithItsId) {
  const Result result = run_board("frames_on_wire");
  ASSERT_EQ(result.status, 0) << result.log;
  std::vector<std::byte> bytes = result.trace;
  const std::vector<std::byte> sync = {std::byte{0xFF}, std::byte{0xFF}, std::byte{0xFF},
                                       std::byte{0x7F}};
  ASSERT_GT(bytes.size(), 4U);
  EXPECT_TRUE(std::equal(sync.begin(), sync.end(), bytes.begin()));
  bytes.erase(bytes.begin(), bytes.begin() + 4);
  ASSERT_EQ(bytes.size() % 16, 0U);
  std::vector<std::byte> stream;
  unsigned id = 0;
  const auto take = [&](unsigned byte) {
    if (id == 0x55) stream.push_back(static_cast<std::byte>(byte));
  };
  for (std::size_t frame = 0; frame != bytes.size(); frame += 16) {
    const auto at = [&](std::size_t i) { return std::to_integer<unsigned>(bytes[frame + i]); };
    for (std::size_t i = 0; i < 15; i += 2) {
      const unsigned flag = at(15) >> i / 2 & 1;
      const bool is_id = (at(i) & 1) != 0;
      if (!is_id) take(at(i) | flag);
      if (is_id && flag == 0) id = at(i) >> 1;
      if (i != 14) take(at(i + 1));
      if (is_id && flag != 0) id = at(i) >> 1;
    }
  }
  const auto words = said(stream);
  ASSERT_EQ(words.size(), 100U);
  for (std::size_t i = 0; i != words.size(); ++i) {
    EXPECT_EQ(words[i], static_cast<std::uint32_t>(i * 0x01234567));
  }
}

}  // namespace
}  // namespace drone::board_test
