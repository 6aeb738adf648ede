// SPDX-License-Identifier: MIT

// What can be told of a line from the bytes that a UART makes of it, and how often. The table of
// docs/capture.md is what
//
//   DRONE_LINE_SAMPLES=10 build/host/bin/test_itm --gtest_filter='LineRate.*Table*'
//
// prints; without the variable it takes one sample of every other kind of stream.

#include "itm/line_rate.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "itm/swo_line.hpp"

namespace drone::itm {
namespace {

using test::BadStops;
using test::Bytes;
using test::Random;
using test::Stream;

struct Tally {
  unsigned samples = 0;
  unsigned within_5_percent = 0;
  unsigned unclear = 0;
  unsigned right_rate = 0;  ///< said to be the receiver's
  unsigned wrong = 0;

  void add(const LineFinding& finding, double ratio) {
    ++samples;
    if (finding.kind == LineKind::kUnclear) {
      ++unclear;
    } else if (finding.kind == LineKind::kRight) {
      ++right_rate;
    } else if (finding.kind == LineKind::kOtherRate && std::abs(finding.ratio / ratio - 1) < 0.05) {
      ++within_5_percent;
    } else {
      ++wrong;
    }
  }
  Tally& operator+=(const Tally& other) {
    samples += other.samples;
    within_5_percent += other.within_5_percent;
    unclear += other.unclear;
    right_rate += other.right_rate;
    wrong += other.wrong;
    return *this;
  }
};

bool is_thorough() { return std::getenv("DRONE_LINE_SAMPLES") != nullptr; }

unsigned samples_of_each_kind() {
  if (!is_thorough()) return 1;
  return static_cast<unsigned>(std::strtoul(std::getenv("DRONE_LINE_SAMPLES"), nullptr, 10));
}

/// Streams of every kind, each received with bad stop bits dropped or kept, in turn.
Tally try_ratio(double ratio, unsigned samples) {
  Tally tally;
  for (unsigned sample = 0; sample != samples; ++sample) {
    for (const Stream stream : test::kStreams) {
      const auto kind = static_cast<unsigned>(stream);
      if (!is_thorough() && (kind + static_cast<unsigned>(ratio * 20)) % 2 == 0) continue;
      Random random(static_cast<unsigned>(ratio * 1000) * 100 + sample * 4 + kind);
      const double exactly = ratio * (0.99 + 0.02 * static_cast<double>(random() % 1000) / 1000);
      const Bytes bytes = test::make_stream(stream, stream == Stream::kText ? 250 : 1500, random);
      const auto bad_stops = (kind + sample + static_cast<unsigned>(ratio * 100)) % 2 == 0
                                 ? BadStops::kDropped
                                 : BadStops::kKept;
      const unsigned gap = sample % 2 == 0 ? 20 : 3;
      const Bytes received =
          test::receive(test::uart_line(bytes, random, gap), exactly, bad_stops, random);
      tally.add(find_line(received), exactly);
    }
  }
  return tally;
}

TEST(LineRate, IsRightAsOftenAsTheTableSays) {
  std::printf(
      "| line / receiver | right within 5 %% | unclear | \"no other rate\" | wrong |\n"
      "| --- | --- | --- | --- | --- |\n");
  const auto percent = [](unsigned part, const Tally& all) { return 100 * part / all.samples; };
  const auto sum_up = [&](std::initializer_list<double> ratios) {
    Tally sum;
    for (const double ratio : ratios) {
      const Tally tally = try_ratio(ratio, samples_of_each_kind());
      std::printf("| %.2f | %u %% | %u %% | %u %% | %u %% |\n", ratio,
                  percent(tally.within_5_percent, tally), percent(tally.unclear, tally),
                  percent(tally.right_rate, tally), percent(tally.wrong, tally));
      sum += tally;
    }
    return sum;
  };
  const Tally slow = sum_up({0.22, 0.25, 0.33, 0.4, 0.5, 0.6, 0.7, 0.8});
  const Tally close = sum_up({0.9, 0.95, 1, 1.05, 1.1});
  const Tally fast = sum_up({1.25, 1.5, 1.75, 2, 2.5, 3});
  const Tally too_fast = sum_up({4, 4.8});
  EXPECT_GE(percent(slow.within_5_percent, slow), 90U);
  EXPECT_EQ(slow.right_rate, 0U);
  EXPECT_GE(percent(fast.within_5_percent, fast), is_thorough() ? 60U : 50U);
  EXPECT_EQ(fast.right_rate, 0U);
  EXPECT_EQ(too_fast.right_rate, 0U);
  for (const Tally& tally : {slow, close, fast, too_fast})
    EXPECT_LE(percent(tally.wrong, tally), 5U);
}

TEST(LineRate, OfAGoodLineIsRight) {
  for (const Stream stream : test::kStreams) {
    Random random(1);
    const Bytes bytes = test::make_stream(stream, stream == Stream::kText ? 250 : 1500, random);
    EXPECT_EQ(find_line(bytes).kind, LineKind::kRight) << test::name_of(stream);
  }
}

TEST(LineRate, TheTrueRatioExplainsTheBytesBest) {
  Random random(2);
  const Bytes bytes = test::make_stream(Stream::kAll, 1500, random);
  const Bytes received =
      test::receive(test::uart_line(bytes, random), 1.5, BadStops::kKept, random);
  EXPECT_GT(line_fit(received, 1.5), line_fit(received, 1) + 0.5);
  EXPECT_GT(line_fit(bytes, 1), line_fit(bytes, 1.5) + 0.5);
  EXPECT_GT(line_fit(bytes, 1), -8) << "better than knowing nothing";
}

TEST(LineRate, ManchesterCodingIsRecognised) {
  for (const double half_bits : {1.0, 0.97, 1.03, 0.7, 0.5}) {
    for (const BadStops bad_stops : {BadStops::kDropped, BadStops::kKept}) {
      Random random(3);
      const Bytes bytes = test::make_stream(Stream::kAll, 800, random);
      const Bytes received =
          test::receive(test::manchester_line(bytes, random), half_bits, bad_stops, random);
      EXPECT_EQ(find_line(received).kind, LineKind::kManchester) << half_bits;
    }
  }
}

TEST(LineRate, NothingIsClaimedOfOtherBytes) {
  const std::string log = "[00:01:23] network: connected to 192.168.1.17, 3 retries\r\n";
  const auto check = [](const char* what, auto&& byte_at) {
    Random random(4);
    Bytes bytes;
    for (std::size_t i = 0; i != 2048; ++i) {
      bytes.push_back(static_cast<std::byte>(byte_at(i, random)));
    }
    const LineKind kind = find_line(bytes).kind;
    EXPECT_TRUE(kind == LineKind::kUnclear || kind == LineKind::kRight) << what;
  };
  using Size = std::size_t;
  check("noise", [](Size, Random& random) { return random(); });
  check("noise, few ones", [](Size, Random& random) { return random() & random(); });
  check("noise, few zeros", [](Size, Random& random) { return random() | random(); });
  check("text", [&](Size i, Random&) { return static_cast<unsigned char>(log[i % log.size()]); });
  check("one byte", [](Size, Random&) { return 0xA5; });
  check("zeros", [](Size, Random&) { return 0; });
  check("zeros and ones", [](Size, Random& random) { return random() % 4 == 0 ? 0xFF : 0; });
  check("single bits", [](Size, Random& random) { return 1U << random() % 8; });
  check("a line that rises once", [](Size, Random& random) { return 0xFFU << random() % 9; });
}

TEST(LineRate, AFewBytesTellNothing) {
  Random random(5);
  Bytes bytes = test::make_stream(Stream::kHeap, 100, random);
  bytes.resize(kLeastLineSample - 1);
  EXPECT_EQ(find_line(bytes), LineFinding{});
  EXPECT_EQ(find_line({}), LineFinding{});
}

}  // namespace
}  // namespace drone::itm
