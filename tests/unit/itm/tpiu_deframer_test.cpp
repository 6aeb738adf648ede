// SPDX-License-Identifier: MIT
#include "itm/tpiu_deframer.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <array>
#include <map>
#include <string>
#include <vector>

#include "support/test_bytes.hpp"
#include "support/tpiu_framer.hpp"

namespace drone::itm {
namespace {

using test::bytes_of;
using Bytes = std::vector<std::byte>;

/// Keeps each stream, and how much was lost.
struct Streams final : TpiuSink {
  void stream_bytes(unsigned id, std::span<const std::byte> bytes) override {
    streams[id].insert(streams[id].end(), bytes.begin(), bytes.end());
  }
  void lost(std::uint64_t bytes) override { losses.push_back(bytes); }

  std::map<unsigned, Bytes> streams;
  std::vector<std::uint64_t> losses;
};

Streams deframe(const Bytes& bytes, std::size_t chunk = SIZE_MAX, unsigned place = 0) {
  Streams streams;
  TpiuDeframer deframer(place);
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t n = std::min(chunk, bytes.size() - at);
    EXPECT_EQ(deframer.feed(std::span(bytes).subspan(at, n), streams), n);
    at += n;
  }
  return streams;
}

template <class T>
T pick(T n) {
  return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange<T>(0, n));
}

/// Traffic of some streams, in turns, and its frames.
struct Traffic {
  std::map<unsigned, Bytes> streams;
  Bytes frames;
};

Traffic random_traffic() {
  const auto ids = *rc::gen::nonEmpty(rc::gen::resize(
      3, rc::gen::unique<std::vector<unsigned>>(rc::gen::element<unsigned>(1, 2, 3, 0x10, 0x6F))));
  test::TpiuFramerOptions options;
  options.frames_per_sync = *rc::gen::element(0U, 1U, 2U, 7U);
  options.frames_per_id = *rc::gen::element(0U, 1U, 10U);
  test::TpiuFramer framer(options);
  Traffic traffic;
  const unsigned turns = pick(30U);
  for (unsigned turn = 0; turn != turns; ++turn) {
    const unsigned id = ids[pick(ids.size())];
    const unsigned length = *rc::gen::element(1U, 1U, 2U, 3U, 14U, 15U, 16U, 40U);
    for (unsigned i = 0; i != length; ++i) {
      const auto byte = static_cast<std::byte>(
          *rc::gen::oneOf(rc::gen::arbitrary<std::uint8_t>(),
                          rc::gen::element<std::uint8_t>(0, 1, 0x7F, 0xFE, 0xFF)));
      traffic.streams[id].push_back(byte);
      framer.put(id, byte);
    }
    if (pick(8U) == 0) framer.idle();
  }
  framer.flush();
  traffic.frames = framer.take();
  return traffic;
}

TEST(TpiuDeframer, TakesAFrameOfTwoStreamsApart) {
  const Streams streams = deframe(bytes_of("07 AA A6 A7 2B A8 54 52 52 54 07 CA D2 C6 C6 9C"));
  EXPECT_TRUE(streams.losses.empty());
  EXPECT_EQ(streams.streams.size(), 2U);
  EXPECT_EQ(streams.streams.at(0x03), bytes_of("AA A6 A7 A8 CA D2 C6 C7"));
  EXPECT_EQ(streams.streams.at(0x15), bytes_of("55 52 53 54"));
}

TEST(TpiuDeframer, IdMayBeLateByAByte) {
  const Streams streams = deframe(bytes_of("03 11 05 12 00 00 00 00 00 00 00 00 00 00 00 02"));
  EXPECT_EQ(streams.streams.at(1), bytes_of("11 12")) << "0x12 comes behind the ID, but is late";
  EXPECT_EQ(streams.streams.at(2), Bytes(11, std::byte{0}));
}

TEST(TpiuDeframer, BytesBeforeTheFirstIdBelongToNoStreamThatHasAName) {
  const Streams streams = deframe(bytes_of("10 11 12 13 05 15 16 17 18 19 1A 1B 1C 1D 1E 01"));
  EXPECT_EQ(streams.streams.at(kTpiuUnnamedStream), bytes_of("11 11 12 13"));
  EXPECT_EQ(streams.streams.at(2), bytes_of("15 16 17 18 19 1A 1B 1C 1D 1E"));
}

TEST(TpiuDeframer, MayBeginInMidFrame) {
  const Streams streams = deframe(bytes_of("13 05 15 16 17 18 19 1A 1B 1C 1D 1E 80"), 1, 3);
  EXPECT_EQ(streams.streams.at(kTpiuUnnamedStream), bytes_of("13"));
  EXPECT_EQ(streams.streams.at(2), bytes_of("15 16 17 18 19 1A 1B 1C 1D 1F"));
}

TEST(TpiuDeframer, NullStreamIsNotHandedOn) {
  const Streams streams =
      deframe(bytes_of("03 41 01 00 00 00 00 00 00 00 00 00 00 00 00 00"
                       "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"));
  EXPECT_EQ(streams.streams.size(), 1U);
  EXPECT_EQ(streams.streams.at(1), bytes_of("41"));
}

TEST(TpiuDeframer, FullSynchronizationBeginsAFrameWhereverItStands) {
  const Bytes frame = bytes_of("03 41 42 43 44 45 46 47 48 49 4A 4B 4C 4D 4E 00");
  for (std::size_t kept = 0; kept != 15; ++kept) {
    Bytes bytes(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(kept));
    const Bytes rest = bytes_of("FF FF FF 7F 03 51 52 53 54 55 56 57 58 59 5A 5B 5C 5D 5E 00");
    bytes.insert(bytes.end(), rest.begin(), rest.end());
    for (const std::size_t chunk : {std::size_t{1}, std::size_t{5}, bytes.size()}) {
      const Streams streams = deframe(bytes, chunk);
      EXPECT_EQ(streams.streams.size(), 1U);
      EXPECT_EQ(streams.streams.at(1), bytes_of("51 52 53 54 55 56 57 58 59 5A 5B 5C 5D 5E"));
      // A synchronization that fills the frame up is lost with it, and then some bytes are missing.
      const auto expected = kept == 0   ? std::vector<std::uint64_t>{}
                            : kept < 13 ? std::vector<std::uint64_t>{kept}
                                        : std::vector<std::uint64_t>{16, 16 - kept};
      EXPECT_EQ(streams.losses, expected);
    }
  }
}

TEST(TpiuDeframer, FrameThatIsShortByAByteBeforeASynchronizationIsALoss) {
  const Streams streams =
      deframe(bytes_of("02 41 42 43 44 45 46 47 48 49 4A 4B 4C 4D 4E"
                       "FF FF FF 7F 03 51 52 53 54 55 56 57 58 59 5A 5B 5C 5D 5E 00"));
  EXPECT_EQ(streams.losses, std::vector<std::uint64_t>{1});
}

TEST(TpiuDeframer, HalfSynchronizationMayStandBeforeAnyEvenPlace) {
  const Bytes frame = bytes_of("03 41 42 43 44 45 46 47 48 49 4A 4B 4C 4D 4E 00");
  for (std::ptrdiff_t place = 0; place != 16; place += 2) {
    Bytes bytes = frame;
    const Bytes half = bytes_of("FF 7F");
    bytes.insert(bytes.begin() + place, half.begin(), half.end());
    const Streams streams = deframe(bytes, 1);
    EXPECT_TRUE(streams.losses.empty());
    EXPECT_EQ(streams.streams.at(1), bytes_of("41 42 43 44 45 46 47 48 49 4A 4B 4C 4D 4E"));
  }
}

TEST(TpiuDeframer, FrameWithAReservedIdIsLostAndNoOther) {
  const Streams streams =
      deframe(bytes_of("03 41 42 43 44 45 46 47 48 49 4A 4B 4C 4D 4E 00"
                       "40 41 E1 43 44 45 46 47 48 49 4A 4B 4C 4D 4E 00"
                       "50 51 52 53 54 55 56 57 58 59 5A 5B 5C 5D 5E 00"));
  EXPECT_EQ(streams.losses, std::vector<std::uint64_t>{16});
  EXPECT_EQ(streams.streams.at(1), bytes_of("41 42 43 44 45 46 47 48 49 4A 4B 4C 4D 4E"
                                            "50 51 52 53 54 55 56 57 58 59 5A 5B 5C 5D 5E"));
}

TEST(TpiuDeframer, StopsBehindAnOddFrameIfItIsWatched) {
  const Bytes bytes = bytes_of(
      "03 41 42 43 44 45 46 47 48 49 4A 4B 4C 4D 4E 00"
      "60 61 09 62 63 45 46 47 48 49 4A 4B 4C 4D 4E 00"
      "50 51 52 53 54 55 56 57 58 59 5A 5B 5C 5D 5E 00");
  Streams streams;
  TpiuDeframer deframer;
  deframer.feed(std::span(bytes).first(16), streams);
  deframer.watch(true);
  EXPECT_EQ(deframer.feed(std::span(bytes).subspan(16), streams), 16U) << "stream 4 is new";
  ASSERT_TRUE(deframer.in_doubt());
  EXPECT_EQ(Bytes(deframer.held().begin(), deframer.held().end()),
            Bytes(bytes.begin() + 16, bytes.begin() + 32));
  EXPECT_EQ(deframer.drop(), 16U);
  EXPECT_EQ(deframer.feed(std::span(bytes).subspan(32), streams), 16U);
  EXPECT_EQ(streams.streams.size(), 1U);
  EXPECT_EQ(streams.streams.at(1).size(), 29U);
}

TEST(TpiuDeframer, NullStreamThatIsNotZeroIsOdd) {
  Streams streams;
  TpiuDeframer deframer;
  deframer.watch(true);
  std::bitset<128> expected;
  expected.set(1);
  deframer.expect(expected);
  deframer.feed(bytes_of("03 41 01 00 00 00 00 00 00 00 00 00 00 00 00 00"), streams);
  EXPECT_FALSE(deframer.in_doubt());
  deframer.feed(bytes_of("00 00 00 00 00 00 00 00 00 00 00 01 00 00 00 00"), streams);
  EXPECT_TRUE(deframer.in_doubt());
}

TEST(TpiuDeframerProperties, WhatIsFramedIsTakenOut) {
  EXPECT_TRUE(rc::check([] {
    const Traffic traffic = random_traffic();
    const Streams streams = deframe(traffic.frames, *rc::gen::element<std::size_t>(1, 3, 16, 1000));
    RC_ASSERT(streams.streams == traffic.streams);
    RC_ASSERT(streams.losses.empty());
  }));
}

TEST(TpiuDeframerProperties, AnyBytesGiveTheSameWhateverTheChunks) {
  EXPECT_TRUE(rc::check([] {
    Bytes bytes = random_traffic().frames;
    for (unsigned damages = pick(4U); damages != 0 && !bytes.empty(); --damages) {
      const auto at = bytes.begin() + static_cast<std::ptrdiff_t>(pick(bytes.size()));
      pick(2) == 0 ? void(bytes.erase(at)) : void(*at = std::byte{0xFF});
    }
    const Streams whole = deframe(bytes);
    for (const std::size_t chunk : std::array<std::size_t, 5>{1, 2, 7, 16, 33}) {
      const Streams parts = deframe(bytes, chunk);
      RC_ASSERT(parts.streams == whole.streams);
      RC_ASSERT(parts.losses == whole.losses);
    }
  }));
}

}  // namespace
}  // namespace drone::itm
