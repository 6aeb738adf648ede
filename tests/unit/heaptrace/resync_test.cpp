// SPDX-License-Identifier: MIT

// What is delivered of streams that lost bytes on their way.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <random>
#include <vector>

#include "heaptrace/event_reader.hpp"
#include "heaptrace/resync_decoder.hpp"
#include "heaptrace/trace_builder.hpp"
#include "heaptrace/traced_program.hpp"
#include "itm/decoder.hpp"
#include "support/test_bytes.hpp"

namespace drone::heaptrace {
namespace {

using Bytes = std::vector<std::byte>;
using test::StreamOptions;
using test::TraceBuilder;
using test::TracedProgram;
using test::TracedStream;

/// A stream with some of its bytes deleted.
struct Damaged {
  Bytes bytes;
  std::vector<std::size_t> deleted;  ///< their offsets in the whole stream, ascending

  /// Where a byte of this stream stood in the whole one.
  std::size_t original(std::size_t offset) const {
    // The i-th deletion leaves bytes behind it i + 1 places earlier.
    std::size_t low = 0;
    std::size_t high = deleted.size();
    while (low != high) {
      const std::size_t middle = (low + high) / 2;
      if (deleted[middle] - middle <= offset) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return offset + low;
  }
};

Damaged delete_bytes(const Bytes& whole, std::size_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Damaged damaged;
  // The description at the head is spared: the stream is one whose heap is described.
  constexpr std::size_t kHead = 200;
  while (damaged.deleted.size() != count) {
    const std::size_t at = kHead + random() % (whole.size() - kHead);
    if (std::find(damaged.deleted.begin(), damaged.deleted.end(), at) == damaged.deleted.end()) {
      damaged.deleted.push_back(at);
    }
  }
  std::sort(damaged.deleted.begin(), damaged.deleted.end());
  std::size_t from = 0;
  for (const std::size_t at : damaged.deleted) {
    damaged.bytes.insert(damaged.bytes.end(), whole.begin() + static_cast<std::ptrdiff_t>(from),
                         whole.begin() + static_cast<std::ptrdiff_t>(at));
    from = at + 1;
  }
  damaged.bytes.insert(damaged.bytes.end(), whole.begin() + static_cast<std::ptrdiff_t>(from),
                       whole.end());
  return damaged;
}

struct Score {
  std::size_t delivered_wrong = 0;  ///< events that nobody sent
  std::size_t wrong = 0;            ///< of these, those that nothing marks
  std::size_t lost = 0;             ///< events that did not lose a byte, and were not delivered
  std::size_t hit = 0;              ///< events that lost one
};

bool is_of_heap(const itm::Packet& packet) {
  return packet.kind == itm::PacketKind::kInstrumentation && packet.source == kDefaultPort;
}

/// Compares what was delivered with what was sent to the heap's port. An event that the reader
/// drops because the heap cannot have it is marked by that.
Score score(const std::vector<itm::Packet>& delivered, const TracedStream& whole,
            const Damaged& damaged) {
  Score score;
  EventReader reader(kDefaultPort, true, [](std::span<const Event>) {});
  std::vector<bool> seen(whole.writes.size());
  const auto is_hit = [&](const itm::Packet& sent) {
    const auto first =
        std::lower_bound(damaged.deleted.begin(), damaged.deleted.end(), sent.offset);
    return first != damaged.deleted.end() && *first < sent.offset + sent.length;
  };
  for (const itm::Packet& packet : delivered) {
    if (!is_of_heap(packet)) {
      reader.add(packet);
      continue;
    }
    const std::size_t offset = damaged.original(packet.offset);
    // A byte that was lost next to an equal one cannot be told from it: so look around.
    auto sent = std::lower_bound(
        whole.writes.begin(), whole.writes.end(), offset < 4 ? 0 : offset - 4,
        [](const itm::Packet& write, std::size_t at) { return write.offset < at; });
    bool found = false;
    for (; sent != whole.writes.end() && sent->offset <= offset + 1; ++sent) {
      const auto index = static_cast<std::size_t>(sent - whole.writes.begin());
      if (seen[index] || sent->size != packet.size || sent->value != packet.value) continue;
      seen[index] = true;
      found = true;
      break;
    }
    if (!found) ++score.delivered_wrong;
    const std::uint64_t damaged_before = found ? 0 : reader.summary().losses.damaged_events;
    reader.add(packet);
    if (!found && reader.summary().losses.damaged_events == damaged_before) ++score.wrong;
  }
  for (std::size_t i = 0; i != seen.size(); ++i) {
    if (is_hit(whole.writes[i])) {
      ++score.hit;
    } else if (!seen[i]) {
      ++score.lost;
    }
  }
  return score;
}

std::vector<itm::Packet> decode_plainly(const Bytes& bytes) {
  std::vector<itm::Packet> delivered;
  itm::Decoder decoder;
  decoder.feed(bytes, delivered);
  decoder.finish(delivered);
  return delivered;
}

std::vector<itm::Packet> decode_with_doubt(const Bytes& bytes, std::size_t chunk = SIZE_MAX) {
  std::vector<itm::Packet> packets;
  ResyncDecoder decoder(kDefaultPort,
                        [&](const itm::Packet& packet) { packets.push_back(packet); });
  for (std::size_t at = 0; at != bytes.size();) {
    const std::size_t size = std::min(chunk, bytes.size() - at);
    decoder.feed(std::span(bytes).subspan(at, size));
    at += size;
  }
  decoder.finish();
  return packets;
}

constexpr std::array<std::pair<const char*, StreamOptions>, 6> kStreams = {{
    {"events alone", {false, false, false, false}},
    {"and text", {false, false, true, false}},
    {"and synchronizations", {true, false, true, false}},
    {"and timestamps", {false, true, true, false}},
    {"and both", {true, true, true, false}},
    {"and hardware packets", {true, true, true, true}},
}};

TEST(LostBytes, LeaveFewWrongEventsUnmarkedAndTakeFewRightOnesAlong) {
  constexpr std::size_t kDeleted = 400;
  std::printf("%-20s %6s | %-24s | %s\n", "wrong, unmarked, lost", "sent", "a plain decoder",
              "drone");
  for (const auto& [name, options] : kStreams) {
    for (const std::uint64_t seed : {1U, 2U, 3U}) {
      const TracedStream whole = TracedProgram(seed, options).run(2 << 20);
      const Damaged damaged = delete_bytes(whole.bytes, kDeleted, seed);
      const Score plain = score(decode_plainly(damaged.bytes), whole, damaged);
      const Score ours = score(decode_with_doubt(damaged.bytes), whole, damaged);
      const double lost = static_cast<double>(ours.lost) / kDeleted;
      std::printf("%-20s %6zu | %4zu, %4zu, %12.2f | %4zu, %4zu, %.2f\n", name, whole.writes.size(),
                  plain.delivered_wrong, plain.wrong, static_cast<double>(plain.lost) / kDeleted,
                  ours.delivered_wrong, ours.wrong, lost);
      EXPECT_LT(ours.wrong, 20U) << name << ", seed " << seed;
      EXPECT_LT(lost, 10) << name << ", seed " << seed;
    }
  }
}

TEST(DamagedBytes, LeaveFewWrongEvents) {
  for (const auto& [name, options] : kStreams) {
    const TracedStream whole = TracedProgram(4, options).run(1 << 20);
    std::mt19937_64 random(4);
    Bytes bytes = whole.bytes;
    for (int i = 0; i != 200; ++i) {
      const std::size_t at = 200 + random() % (bytes.size() - 200);
      bytes[at] = bytes[at] ^ static_cast<std::byte>(1U << random() % 8);
    }
    const Score ours = score(decode_with_doubt(bytes), whole, {bytes, {}});
    // A bit that changes one possible block or size into another cannot be found: ITM has no
    // checksum.
    EXPECT_LT(ours.wrong, 100U) << name;
    EXPECT_LT(ours.lost, 5 * 200U) << name;
    std::printf("%-22s bits flipped: %zu wrong, %zu lost of 200\n", name, ours.wrong, ours.lost);
  }
}

TEST(LostBytes, InBurstsLeaveFewWrongEvents) {
  constexpr std::size_t kBursts = 100;
  for (const auto& [name, options] : kStreams) {
    const TracedStream whole = TracedProgram(5, options).run(1 << 20);
    std::mt19937_64 random(5);
    Damaged damaged;
    std::size_t next = 200 + random() % 10000;
    for (std::size_t at = 0; at != whole.bytes.size(); ++at) {
      if (damaged.deleted.size() < kBursts * 64 && at >= next && at < next + 64) {
        damaged.deleted.push_back(at);
        if (at == next + 63) next = at + 64 + random() % 10000;
      } else {
        damaged.bytes.push_back(whole.bytes[at]);
      }
    }
    const Score ours = score(decode_with_doubt(damaged.bytes), whole, damaged);
    // The head of one event and the tail of another may be an event.
    EXPECT_LT(ours.wrong, 20U) << name;
    EXPECT_LT(ours.lost, 5 * kBursts) << name;
    std::printf("%-22s bursts of 64: %zu wrong, %zu lost of %zu\n", name, ours.wrong, ours.lost,
                damaged.deleted.size() / 64);
  }
}

/// Nothing of a stream that came through whole is taken for damage, however odd it is.
void expect_no_doubt(const Bytes& bytes, const char* name) {
  std::vector<itm::Packet> plain;
  itm::Decoder decoder;
  decoder.feed(bytes, plain);
  decoder.finish(plain);
  EXPECT_EQ(decode_with_doubt(bytes), plain) << name;
}

TEST(ResyncDecoder, DoubtsNothingThatIsWhole) {
  for (const auto& [name, options] : kStreams) {
    expect_no_doubt(TracedProgram(7, options).run(1 << 20).bytes, name);
  }
}

TEST(ResyncDecoder, DoubtsNoStreamThatBeginsMidway) {
  for (const auto& [name, options] : kStreams) {
    const TracedStream whole = TracedProgram(8, options).run(100000);
    for (std::size_t write = 50; write < 10000; write += 997) {
      const Bytes rest(
          whole.bytes.begin() + static_cast<std::ptrdiff_t>(whole.writes[write].offset),
          whole.bytes.end());
      expect_no_doubt(rest, name);
    }
  }
}

TEST(ResyncDecoder, FindsTheFirstPacketOfAStreamThatBeginsInsideOne) {
  std::size_t wrong = 0;
  for (const auto& [name, options] : kStreams) {
    const TracedStream whole = TracedProgram(8, options).run(100000);
    for (std::size_t write = 50; write < 10000; write += 97) {
      const std::size_t cut = whole.writes[write].offset + 1 + write % whole.writes[write].size;
      const Bytes rest(whole.bytes.begin() + static_cast<std::ptrdiff_t>(cut), whole.bytes.end());
      Damaged damaged{rest, {}};
      for (std::size_t at = 0; at != cut; ++at) damaged.deleted.push_back(at);
      wrong += score(decode_with_doubt(rest), whole, damaged).wrong;
    }
  }
  EXPECT_LT(wrong, 30U) << "of 600 streams";
}

TEST(ResyncDecoder, DoubtsNoProgramThatFreesTwice) {
  TraceBuilder trace;
  trace.version().pool(16, 100).pool(64, 50);
  std::mt19937_64 random(9);
  for (int i = 0; i != 20000; ++i) {
    const auto block = static_cast<std::uint32_t>(random() % 150);
    if (random() % 2 == 0) {
      trace.alloc(block, 1 + static_cast<std::uint32_t>(random() % 16));
    } else {
      trace.dealloc(block);
    }
  }
  expect_no_doubt(trace.bytes(), "blocks at random");
}

TEST(ResyncDecoder, DoubtsNoFirmwareWhoseDescriptionIsOfAnother) {
  TraceBuilder trace;
  trace.version().pool(16, 10);
  for (std::uint32_t i = 0; i != 5000; ++i) trace.alloc(20 + i % 100, 40).dealloc(20 + i % 100);
  expect_no_doubt(trace.bytes(), "all blocks impossible");
}

TEST(ResyncDecoder, DoubtsNoWideEventsNorPortsThatBeginLate) {
  TraceBuilder trace;
  trace.version();
  for (std::uint32_t i = 0; i != 5000; ++i) {
    trace.alloc(40000 + i, 20000 + i).resize(40000 + i, 70000).dealloc(40000 + i);
    if (i % 1000 == 999) {
      Bytes other;
      for (unsigned k = 0; k != 3; ++k) itm::append_instrumentation(other, 7, 0xFB00FA00 + k, 4);
      itm::append_hardware(other, 1, 0x100F, 2);
      itm::append_global_timestamp1(other, 12345, false, true);
      trace.raw(other).overflow();
    }
  }
  expect_no_doubt(trace.bytes(), "wide events");
}

TEST(ResyncDecoder, TakesALineThatIsStuckAsItIs) {
  for (const std::byte stuck : {std::byte{0}, std::byte{0x80}, std::byte{0xFF}}) {
    expect_no_doubt(Bytes(std::size_t{8} << 20, stuck), "a megabyte at a time");
  }
}

TEST(ResyncDecoder, TakesAResetForOneAtTheBeginningToo) {
  TraceBuilder trace;
  trace.version().alloc(3, 20).alloc(4, 20).dealloc(3).dealloc(4);
  expect_no_doubt(trace.bytes(), "events directly behind it");
}

TEST(ResyncDecoder, DropsThePacketThatAGapCuts) {
  std::vector<itm::Packet> packets;
  ResyncDecoder decoder(kDefaultPort,
                        [&](const itm::Packet& packet) { packets.push_back(packet); });
  TraceBuilder trace;
  trace.version().alloc(3, 20).alloc(4, 20);
  decoder.feed(std::span(trace.bytes()).first(13));
  decoder.gap(7);
  decoder.feed(trace.bytes());
  decoder.finish();
  ASSERT_EQ(packets.size(), 7U);
  EXPECT_EQ(packets[2].kind, itm::PacketKind::kMalformed);
  EXPECT_EQ(packets[2].offset, 10U);
  EXPECT_EQ(packets[2].length, 3U);
  EXPECT_EQ(packets[3].kind, itm::PacketKind::kGap);
  EXPECT_EQ(packets[3].value, 7U);
  EXPECT_EQ(packets[3].offset, 13U);
  EXPECT_EQ(packets[4].offset, 13U);
}

TEST(ResyncDecoder, DecodesNoiseAsItIs) {
  std::mt19937_64 random(10);
  Bytes noise(200000);
  for (std::byte& byte : noise) byte = static_cast<std::byte>(random() & 0xFF);
  std::uint64_t offset = 0;
  std::uint64_t malformed = 0;
  for (const itm::Packet& packet : decode_with_doubt(noise)) {
    EXPECT_EQ(packet.offset, offset);
    offset += packet.length;
    if (packet.kind == itm::PacketKind::kMalformed) ++malformed;
  }
  EXPECT_GT(malformed, noise.size() / 100);
}

TEST(ResyncDecoder, DecodesTheSameWhateverTheChunks) {
  const TracedStream whole = TracedProgram(11, kStreams[4].second).run(20000);
  const Damaged damaged = delete_bytes(whole.bytes, 40, 11);
  const std::vector<itm::Packet> packets = decode_with_doubt(damaged.bytes);
  for (const std::size_t chunk : {1U, 2U, 3U, 7U, 50U, 64U, 1000U, 1024U, 1025U}) {
    EXPECT_EQ(decode_with_doubt(damaged.bytes, chunk), packets) << chunk;
  }
}

TEST(ResyncDecoder, AccountsForEveryByte) {
  const TracedStream whole = TracedProgram(12, kStreams[3].second).run(50000);
  const Damaged damaged = delete_bytes(whole.bytes, 100, 12);
  std::uint64_t offset = 0;
  for (const itm::Packet& packet : decode_with_doubt(damaged.bytes)) {
    EXPECT_EQ(packet.offset, offset);
    offset += packet.length;
  }
  EXPECT_LE(damaged.bytes.size() - offset, 5U) << "the packet that the end cut";
}

// Found by fuzzing: what the decoder still held came twice when the begin of the stream was doubted
// at its end.
TEST(ResyncDecoder, DeliversTheLastPacketOfAShortStreamOnce) {
  const Bytes stream =
      drone::test::bytes_of("2D  00 00 00 00 00 80  FB 07 01 00 00  FB 47 04 00 00  00 00 00 00");
  std::uint64_t offset = 0;
  for (const itm::Packet& packet : decode_with_doubt(stream)) {
    EXPECT_EQ(packet.offset, offset);
    offset += packet.length;
  }
  EXPECT_EQ(offset, 17U) << "but for the zeros that may become a synchronization";
}

}  // namespace
}  // namespace drone::heaptrace
