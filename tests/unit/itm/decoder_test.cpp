// SPDX-License-Identifier: MIT
#include "itm/decoder.hpp"

#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "support/test_bytes.hpp"

namespace drone::itm {
namespace {

using test::bytes_of;

/// One packet as text: kind and what it carries, and its place "@offset+length".
std::string describe(const Packet& packet) {
  std::ostringstream text;
  switch (packet.kind) {
    case PacketKind::kSync:
      text << "sync";
      break;
    case PacketKind::kOverflow:
      text << "overflow";
      break;
    case PacketKind::kLocalTimestamp:
      text << "lts " << packet.value << " tc " << int{packet.detail};
      break;
    case PacketKind::kGlobalTimestamp1:
      text << "gts1 " << packet.value << " flags " << int{packet.detail};
      break;
    case PacketKind::kGlobalTimestamp2:
      text << "gts2 " << packet.value;
      break;
    case PacketKind::kExtension:
      text << (packet.source == 0 ? "page " : "extension ") << packet.value;
      break;
    case PacketKind::kInstrumentation:
      text << "port " << int{packet.source} << " size " << int{packet.size} << " 0x" << std::hex
           << packet.value << std::dec;
      break;
    case PacketKind::kHardware:
      text << "hw " << int{packet.source} << " size " << int{packet.size} << " 0x" << std::hex
           << packet.value << std::dec;
      break;
    case PacketKind::kMalformed:
      text << "malformed";
      break;
    case PacketKind::kGap:
      text << "gap of " << packet.value;
      break;
  }
  text << " @" << packet.offset << '+' << packet.length;
  return text.str();
}

/// The packets of a whole stream, one a line, and what is left of it. Decodes it in one chunk and
/// byte by byte: both must agree.
std::string decode(std::string_view hex) {
  const std::vector<std::byte> bytes = bytes_of(hex);
  std::string texts[2];
  for (int i = 0; i != 2; ++i) {
    Decoder decoder;
    std::vector<Packet> packets;
    const std::size_t chunk = i == 0 ? bytes.size() : 1;
    for (std::size_t at = 0; at < bytes.size(); at += chunk) {
      decoder.feed(std::span(bytes).subspan(at, chunk), packets);
    }
    const std::size_t unfinished = decoder.finish(packets);
    for (const Packet& packet : packets) texts[i] += describe(packet) + '\n';
    if (unfinished != 0) texts[i] += "unfinished " + std::to_string(unfinished) + '\n';
  }
  EXPECT_EQ(texts[0], texts[1]);
  return texts[0];
}

TEST(Decoder, NeedsNoSynchronizationToStart) {
  EXPECT_EQ(decode("FB 01 00 04 00 FA 08 00 01 41"),
            "port 31 size 4 0x40001 @0+5\n"
            "port 31 size 2 0x8 @5+3\n"
            "port 0 size 1 0x41 @8+2\n");
}

TEST(Decoder, ReadsHeadersThatOthersGetWrong) {
  EXPECT_EQ(decode("0C"), "extension 0 @0+1\n");
  EXPECT_EQ(decode("08"), "page 0 @0+1\n");
  EXPECT_EQ(decode("10 20 30 40 50 60"),
            "lts 1 tc 0 @0+1\nlts 2 tc 0 @1+1\nlts 3 tc 0 @2+1\n"
            "lts 4 tc 0 @3+1\nlts 5 tc 0 @4+1\nlts 6 tc 0 @5+1\n");
  EXPECT_EQ(decode("E0 01 F0 FF FF FF 7F"), "lts 1 tc 2 @0+2\nlts 268435455 tc 3 @2+5\n");
  EXPECT_EQ(decode("94 05 94 FF 7F"), "gts1 5 flags 0 @0+2\ngts1 16383 flags 0 @2+3\n");
  EXPECT_EQ(decode("8C 01 BC FF FF FF FF"), "extension 8 @0+2\nextension 4294967291 @2+5\n");
  EXPECT_EQ(decode("98 01"), "extension 9 @0+2\n");
}

TEST(Decoder, StimulusPageShiftsPortsUntilTheNextOne) {
  EXPECT_EQ(decode("18 01 41 F9 42 05 43 08 01 44 78 F9 45"),
            "page 1 @0+1\nport 32 size 1 0x41 @1+2\nport 63 size 1 0x42 @3+2\n"
            "hw 0 size 1 0x43 @5+2\npage 0 @7+1\nport 0 size 1 0x44 @8+2\n"
            "page 7 @10+1\nport 255 size 1 0x45 @11+2\n");
}

TEST(Decoder, ReservedHeaderIsMalformedWithItsContinuation) {
  EXPECT_EQ(decode("04 01 41"), "malformed @0+1\nport 0 size 1 0x41 @1+2\n");
  EXPECT_EQ(decode("A0 81 82 03 01 41"), "malformed @0+4\nport 0 size 1 0x41 @4+2\n");
  EXPECT_EQ(decode("84 FF FF FF FF FF FF FF FF 7F 01 41"),
            "malformed @0+10\nport 0 size 1 0x41 @10+2\n");
}

TEST(Decoder, ContiguousMalformedBytesAreOneStretch) {
  EXPECT_EQ(decode("04 14 24 A4 00 01 41 04"),
            "malformed @0+5\nport 0 size 1 0x41 @5+2\nmalformed @7+1\n");
}

TEST(Decoder, TimestampThatDoesNotEndIsMalformed) {
  EXPECT_EQ(decode("C0 81 82 83 84 05 01 41"), "malformed @0+6\nport 0 size 1 0x41 @6+2\n");
  EXPECT_EQ(decode("94 81 82 83 84 05 01 41"), "malformed @0+6\nport 0 size 1 0x41 @6+2\n");
}

TEST(Decoder, GlobalTimestamp2HasFourOrSixBytes) {
  EXPECT_EQ(decode("B4 81 80 80 01"), "gts2 2097153 @0+5\n");
  EXPECT_EQ(decode("B4 81 80 80 80 80 01"), "gts2 34359738369 @0+7\n");
  for (const char* wrong : {"B4 01", "B4 81 01", "B4 81 81 01", "B4 81 81 81 81 01"}) {
    const std::size_t length = bytes_of(wrong).size();
    EXPECT_EQ(decode(wrong), "malformed @0+" + std::to_string(length) + "\n") << wrong;
  }
}

TEST(Decoder, SynchronizationMayBeLongerThanSixBytes) {
  EXPECT_EQ(decode("00 00 00 00 00 80"), "sync @0+6\n");
  EXPECT_EQ(decode("00 00 00 00 00 00 00 00 80 01 41"), "sync @0+9\nport 0 size 1 0x41 @9+2\n");
}

TEST(Decoder, ZerosThatAreNoSynchronizationAreMalformed) {
  EXPECT_EQ(decode("01 41 00 00 01 42"),
            "port 0 size 1 0x41 @0+2\nmalformed @2+2\nport 0 size 1 0x42 @4+2\n");
  EXPECT_EQ(decode("00 00 00 00 00 00 01 42"), "malformed @0+6\nport 0 size 1 0x42 @6+2\n");
}

TEST(Decoder, StreamThatBeginsInASynchronizationGoesOnBehindIt) {
  EXPECT_EQ(decode("00 00 80 01 42"), "malformed @0+3\nport 0 size 1 0x42 @3+2\n");
}

TEST(Decoder, PacketThatEndsInZerosIsWholeBeforeFiveMore) {
  EXPECT_EQ(decode("FB 01 00 00 00  00 00 00 00 00 80"), "port 31 size 4 0x1 @0+5\nsync @5+6\n");
  EXPECT_EQ(decode("FA 08 00  00 00 00 00 00 80"), "port 31 size 2 0x8 @0+3\nsync @3+6\n");
  EXPECT_EQ(decode("C0 00  00 00 00 00 00 80"), "lts 0 tc 0 @0+2\nsync @2+6\n");
}

TEST(Decoder, PacketThatASynchronizationCutIsNotDelivered) {
  EXPECT_EQ(decode("01 41 FB  00 00 00 00 00 80 01 42"),
            "port 0 size 1 0x41 @0+2\nmalformed @2+1\nsync @3+6\nport 0 size 1 0x42 @9+2\n");
  EXPECT_EQ(decode("FB 01  00 00 00 00 00 80"), "malformed @0+2\nsync @2+6\n");
  EXPECT_EQ(decode("FB 01 02  00 00 00 00 00 80"), "malformed @0+3\nsync @3+6\n");
  EXPECT_EQ(decode("FB 01 02 03  00 00 00 00 00 80"), "malformed @0+4\nsync @4+6\n");
  EXPECT_EQ(decode("FA  00 00 00 00 00 80"), "malformed @0+1\nsync @1+6\n");
  EXPECT_EQ(decode("F9  00 00 00 00 00 80"), "malformed @0+1\nsync @1+6\n");
  EXPECT_EQ(decode("17 18 02  00 00 00 00 00 80"), "malformed @0+3\nsync @3+6\n");
  EXPECT_EQ(decode("C0 81  00 00 00 00 00 80"), "malformed @0+2\nsync @2+6\n");
  EXPECT_EQ(decode("B4 81 82 83  00 00 00 00 00 80"), "malformed @0+4\nsync @4+6\n");
  EXPECT_EQ(decode("B4 81  00 00 00 00 00 80"), "malformed @0+2\nsync @2+6\n");
  EXPECT_EQ(decode("A0 81  00 00 00 00 00 80"), "malformed @0+2\nsync @2+6\n");
}

TEST(Decoder, OnlyTheLastPacketBeforeASynchronizationCanBeCut) {
  EXPECT_EQ(decode("FA 08 00 FB 01  00 00 00 00 00 80"),
            "port 31 size 2 0x8 @0+3\nmalformed @3+2\nsync @5+6\n");
}

TEST(Decoder, RunsOfFewerThanFiveZerosCutNothing) {
  EXPECT_EQ(decode("FA 01 00 00 00 80 01 42"),
            "port 31 size 2 0x1 @0+3\nmalformed @3+3\nport 0 size 1 0x42 @6+2\n");
}

TEST(Decoder, StreamMayEndInMidPacket) {
  EXPECT_EQ(decode("01 41 FB 01 00"), "port 0 size 1 0x41 @0+2\nunfinished 3\n");
  EXPECT_EQ(decode("01 41 C0 81"), "port 0 size 1 0x41 @0+2\nunfinished 2\n");
  EXPECT_EQ(decode("01 41 00 00 00"), "port 0 size 1 0x41 @0+2\nunfinished 3\n");
  EXPECT_EQ(decode("FA 08 00"), "port 31 size 2 0x8 @0+3\n");
  EXPECT_EQ(decode("FA 08 00 00 00"), "port 31 size 2 0x8 @0+3\nunfinished 2\n");
  EXPECT_EQ(decode("A0 81"), "malformed @0+2\n");
  EXPECT_EQ(decode(""), "");
}

TEST(Decoder, StuckLineComesInPieces) {
  for (const auto& [fill, unfinished] :
       {std::pair{std::byte{0}, std::size_t{5}}, std::pair{std::byte{0xA0}, std::size_t{0}}}) {
    const std::vector<std::byte> bytes((3U << 20) + 5, fill);
    Decoder decoder;
    std::vector<Packet> packets;
    decoder.feed(bytes, packets);
    EXPECT_GE(packets.size(), 2U) << "known before the end";
    EXPECT_EQ(decoder.finish(packets), unfinished);
    std::uint64_t offset = 0;
    for (const Packet& packet : packets) {
      EXPECT_EQ(packet.kind, PacketKind::kMalformed);
      EXPECT_EQ(packet.offset, offset);
      offset += packet.length;
    }
    EXPECT_EQ(offset + unfinished, bytes.size());
  }
}

/// The packets of two pieces of a stream between which `lost` bytes are missing.
std::string decode_around_gap(std::string_view before, std::uint64_t lost, std::string_view after) {
  Decoder decoder;
  std::vector<Packet> packets;
  const auto sink = [&packets](const Packet& packet) { packets.push_back(packet); };
  decoder.feed(bytes_of(before), sink);
  decoder.gap(lost, sink);
  decoder.feed(bytes_of(after), sink);
  decoder.finish(sink);
  std::string text;
  for (const Packet& packet : packets) text += describe(packet) + "\n";
  return text;
}

TEST(Decoder, DropsThePacketThatAGapCuts) {
  EXPECT_EQ(decode_around_gap("01 41 FB 01 00", 9, "01 42"),
            "port 0 size 1 0x41 @0+2\nmalformed @2+3\ngap of 9 @5+0\nport 0 size 1 0x42 @5+2\n");
  EXPECT_EQ(decode_around_gap("00 00 00", 0, "00 00 80"),
            "malformed @0+3\ngap of 0 @3+0\nmalformed @3+3\n")
      << "half a synchronization is none";
}

TEST(Decoder, DeliversWhatWasWholeBeforeAGap) {
  EXPECT_EQ(decode_around_gap("FA 02 00", 4, "70"),
            "port 31 size 2 0x2 @0+3\ngap of 4 @3+0\noverflow @3+1\n");
}

TEST(Decoder, IsAsNewAfterTheEnd) {
  Decoder decoder;
  std::vector<Packet> packets;
  decoder.feed(bytes_of("18 FB 01"), packets);
  EXPECT_EQ(decoder.finish(packets), 2U);
  packets.clear();
  decoder.feed(bytes_of("01 41"), packets);
  ASSERT_EQ(packets.size(), 1U);
  EXPECT_EQ(describe(packets[0]), "port 0 size 1 0x41 @0+2");
}

}  // namespace
}  // namespace drone::itm
