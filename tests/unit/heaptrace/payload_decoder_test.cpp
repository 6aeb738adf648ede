// SPDX-License-Identifier: MIT
#include "heaptrace/payload_decoder.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "heaptrace/other_formats.hpp"
#include "heaptrace/trace_builder.hpp"
#include "heaptrace/traced_program.hpp"
#include "support/test_bytes.hpp"

namespace drone::heaptrace {
namespace {

using namespace test;
using Bytes = std::vector<std::byte>;

struct Decoded {
  std::vector<itm::Packet> packets;
  std::size_t unfinished = 0;

  friend bool operator==(const Decoded&, const Decoded&) = default;
};

Decoded decode(std::span<const std::byte> bytes, std::size_t chunk = SIZE_MAX) {
  Decoded decoded;
  PayloadDecoder decoder(
      kDefaultPort, [&decoded](const itm::Packet& packet) { decoded.packets.push_back(packet); });
  while (!bytes.empty()) {
    const std::span<const std::byte> part = bytes.first(std::min(chunk, bytes.size()));
    decoder.feed(part);
    bytes = bytes.subspan(part.size());
  }
  decoded.unfinished = decoder.finish();
  return decoded;
}

std::vector<Write> writes_of(std::span<const itm::Packet> packets) {
  std::vector<Write> writes;
  for (const itm::Packet& packet : packets) {
    if (packet.kind != itm::PacketKind::kInstrumentation) continue;
    writes.push_back({static_cast<std::uint32_t>(packet.value), packet.size});
  }
  return writes;
}

TEST(PayloadDecoder, YieldsThePacketsWhosePayloadItIs) {
  const Decoded decoded = decode(drone::test::bytes_of("09 00 30 00  02 00  07 01 00 00  08"));
  ASSERT_EQ(decoded.packets.size(), 3U);
  EXPECT_EQ(writes_of(decoded.packets),
            (std::vector<Write>{{0x300009, 4}, {0x0002, 2}, {0x107, 4}}));
  EXPECT_EQ(decoded.packets[1].offset, 4U);
  EXPECT_EQ(decoded.packets[1].length, 2U);
  EXPECT_EQ(decoded.packets[1].source, kDefaultPort);
  EXPECT_EQ(decoded.unfinished, 1U);
  EXPECT_EQ(decode({}), Decoded{});
}

TEST(PayloadDecoder, YieldsWhatTheProgramWrote) {
  for (unsigned seed = 0; seed != 20; ++seed) {
    const TracedStream stream = TracedProgram(seed, {}).run(20000);
    EXPECT_EQ(writes_of(decode(payload_of(stream.writes)).packets), writes_of(stream.writes))
        << seed;
  }
}

TEST(PayloadDecoder, YieldsTheSameWhateverTheChunks) {
  Bytes bytes = payload_of(TracedProgram(1, {}).run(6000).writes);
  std::mt19937 random(1);
  for (unsigned i = 0; i != 30; ++i) {
    bytes.erase(bytes.begin() + static_cast<std::ptrdiff_t>(random() % bytes.size()));
  }
  for (unsigned i = 0; i != 500; ++i) bytes.push_back(static_cast<std::byte>(random() & 0xFF));
  const Decoded whole = decode(bytes);
  std::uint64_t offset = 0;
  for (const itm::Packet& packet : whole.packets) {
    EXPECT_EQ(packet.offset, offset);
    offset += packet.length;
  }
  EXPECT_EQ(offset + whole.unfinished, bytes.size());
  for (std::size_t chunk = 1; chunk != 70; ++chunk) {
    EXPECT_TRUE(decode(bytes, chunk) == whole) << chunk;
  }
}

// Between what agrees with what was written at the beginning and at the end, hardly an event is
// missing but the one that lost a byte, and hardly one was never there.
TEST(PayloadDecoder, FindsTheFramingAgainBehindALostByte) {
  constexpr unsigned kLosses = 300;
  std::size_t wrong = 0;
  std::size_t lost = 0;
  std::size_t unmarked = 0;
  for (unsigned seed = 0; seed != kLosses; ++seed) {
    const TracedStream stream = TracedProgram(seed % 10, {}).run(12000);
    Bytes bytes = payload_of(stream.writes);
    std::mt19937 random(seed);
    bytes.erase(bytes.begin() + 80 + static_cast<std::ptrdiff_t>(random() % (bytes.size() - 200)));
    const Decoded decoded = decode(bytes);
    const std::vector<Write> sent = writes_of(stream.writes);
    const std::vector<Write> read = writes_of(decoded.packets);
    const auto [sent_from, read_from] =
        std::mismatch(sent.begin(), sent.end(), read.begin(), read.end());
    const auto begin = static_cast<std::size_t>(read_from - read.begin());
    const auto [sent_to, read_to] =
        std::mismatch(sent.rbegin(), sent.rend() - static_cast<std::ptrdiff_t>(begin),
                      read.rbegin(), read.rend() - static_cast<std::ptrdiff_t>(begin));
    lost += static_cast<std::size_t>(sent_to.base() - sent_from);
    wrong += static_cast<std::size_t>(read_to.base() - read_from);
    unmarked += static_cast<std::size_t>(std::none_of(
        decoded.packets.begin(), decoded.packets.end(),
        [](const itm::Packet& packet) { return packet.kind == itm::PacketKind::kMalformed; }));
  }
  EXPECT_EQ(unmarked, 0U);
  EXPECT_LE(lost, kLosses + kLosses / 5) << "the event that lost the byte included";
  EXPECT_LE(wrong, kLosses / 10);
}

TEST(PayloadDecoder, TakesArbitraryBytesToTheirEnd) {
  std::mt19937 random(1);
  Bytes bytes(100000);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() & 0xFF);
  const Decoded decoded = decode(bytes);
  std::size_t length = decoded.unfinished;
  for (const itm::Packet& packet : decoded.packets) length += packet.length;
  EXPECT_EQ(length, bytes.size());
}

}  // namespace
}  // namespace drone::heaptrace
