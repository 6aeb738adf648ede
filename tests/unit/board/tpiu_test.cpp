// SPDX-License-Identifier: MIT
#include "board/tpiu.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <span>

#include "drone/cortex_m/registers.hpp"
#include "itm/tpiu_deframer.hpp"

namespace drone::board {
namespace {

using namespace cortex_m;

std::vector<std::byte> bytes(std::initializer_list<unsigned> values) {
  std::vector<std::byte> result;
  for (const unsigned value : values) result.push_back(static_cast<std::byte>(value));
  return result;
}

TEST(Tpiu, TakesTenBitsAByteInNrz) {
  Tpiu tpiu;
  tpiu.write(kTpiuSppr, kTpiuSpprNrz);
  tpiu.write(kTpiuAcpr, 41);
  EXPECT_EQ(tpiu.byte_cycles(), 420U);
  tpiu.write(kTpiuSppr, kTpiuSpprManchester);
  EXPECT_EQ(tpiu.byte_cycles(), 840U);
}

TEST(Tpiu, PassesBytesOnWithoutFormatter) {
  Tpiu tpiu;
  EXPECT_EQ(tpiu.put(std::byte{0x42}, 1), 1U);
  EXPECT_EQ(tpiu.take_output(), bytes({0x42}));
}

TEST(Tpiu, FillsFramesBehindASynchronization) {
  Tpiu tpiu;
  tpiu.write(kTpiuFfcr, kTpiuFfcrEnFCont);
  unsigned on_wire = 0;
  for (unsigned i = 1; i != 15; ++i) on_wire += tpiu.put(static_cast<std::byte>(i), 3);
  EXPECT_EQ(on_wire, 20U);
  // The ID, 14 bytes of data; the even ones' lowest bits are in the last byte. Data at even
  // places: 2, 4, 6 ... with bit 0 clear.
  EXPECT_EQ(tpiu.take_output(), bytes({0xFF, 0xFF, 0xFF, 0x7F, 0x07, 1,  2,  3,  4,  5,
                                       6,    7,    8,    9,    10,   11, 12, 13, 14, 0x00}));
}

TEST(Tpiu, KeepsBit0OfEvenBytesInTheAuxiliaryByte) {
  Tpiu tpiu;
  tpiu.write(kTpiuFfcr, kTpiuFfcrEnFCont);
  for (unsigned i = 0; i != 14; ++i) tpiu.put(std::byte{0xFF}, 3);
  const auto output = tpiu.take_output();
  ASSERT_EQ(output.size(), 20U);
  EXPECT_EQ(output[6], std::byte{0xFE});
  EXPECT_EQ(output[19], std::byte{0xFE});  // all but the ID's
}

TEST(Tpiu, PutsANewIdBehindAnOddByteByMovingThatByte) {
  Tpiu tpiu;
  tpiu.write(kTpiuFfcr, kTpiuFfcrEnFCont);
  tpiu.put(std::byte{0x11}, 3);  // place 1
  tpiu.put(std::byte{0x23}, 3);  // place 2
  tpiu.put(std::byte{0x44}, 5);  // another stream at place 3
  tpiu.flush();
  const auto output = tpiu.take_output();
  ASSERT_EQ(output.size(), 20U);
  EXPECT_EQ(output[4], std::byte{0x07});
  EXPECT_EQ(output[5], std::byte{0x11});
  EXPECT_EQ(output[6], std::byte{0x0B});  // ID 5 ...
  EXPECT_EQ(output[7], std::byte{0x23});  // ... from behind this byte on
  // The flush changes to ID 0 at place 5, and so moves the byte from place 4.
  EXPECT_EQ(output[8], std::byte{0x01});
  EXPECT_EQ(output[9], std::byte{0x44});
  EXPECT_EQ(output[19], std::byte{0x06});
}

TEST(Tpiu, AnEmptyFlushSendsNothing) {
  Tpiu tpiu;
  tpiu.write(kTpiuFfcr, kTpiuFfcrEnFCont);
  EXPECT_EQ(tpiu.flush(), 0U);
  EXPECT_TRUE(tpiu.take_output().empty());
}

TEST(Tpiu, FramesAreTakenApartAgain) {
  struct Streams final : itm::TpiuSink {
    void stream_bytes(unsigned id, std::span<const std::byte> given) override {
      streams[id].insert(streams[id].end(), given.begin(), given.end());
    }
    void lost(std::uint64_t bytes) override { lost_bytes += bytes; }
    std::map<unsigned, std::vector<std::byte>> streams;
    std::uint64_t lost_bytes = 0;
  };
  for (unsigned seed = 1; seed != 50; ++seed) {
    std::mt19937 random(seed);
    Tpiu tpiu;
    tpiu.write(kTpiuFfcr, kTpiuFfcrEnFCont);
    std::map<unsigned, std::vector<std::byte>> sent;
    for (unsigned i = 0; i != 3000; ++i) {
      const unsigned id = random() % (seed % 5 + 1) == 0 ? 2 : 1;
      const auto byte = static_cast<std::byte>(random() & 0xFF);
      tpiu.put(byte, id);
      sent[id].push_back(byte);
      if (random() % 100 == 0) tpiu.flush();
    }
    tpiu.flush();
    Streams taken;
    itm::TpiuDeframer().feed(tpiu.take_output(), taken);
    EXPECT_EQ(taken.streams, sent) << "seed " << seed;
    EXPECT_EQ(taken.lost_bytes, 0U);
  }
}

}  // namespace
}  // namespace drone::board
