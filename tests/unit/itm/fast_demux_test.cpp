// SPDX-License-Identifier: MIT

// Payloads that are handed on without packets are exactly those that packets have.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <vector>

#include "itm/decoder.hpp"
#include "itm/port_demux.hpp"
#include "support/itm_streams.hpp"

namespace drone::itm {
namespace {

using Bytes = std::vector<std::byte>;

/// A demultiplexer whose ports have a sink of their own, share one, or have several.
struct Outputs {
  Outputs() {
    for (unsigned port = 0; port != 16; ++port) demux.add_route(port, sinks[port]);
    for (unsigned port = 1; port != 4; ++port) demux.add_route(port, sinks[16]);
    for (unsigned port = 1; port < 32; port += 2) demux.add_route(port, sinks[17]);
    demux.add_route(31, sinks[18]);
  }

  PortDemux demux;
  std::array<MemorySink, 19> sinks;
};

void expect_same(const Outputs& a, const Outputs& b) {
  for (std::size_t i = 0; i != a.sinks.size(); ++i) {
    EXPECT_EQ(a.sinks[i].bytes(), b.sinks[i].bytes()) << "sink " << i;
  }
  EXPECT_EQ(a.demux.packets(), b.demux.packets());
  EXPECT_EQ(a.demux.losses().overflows, b.demux.losses().overflows);
  EXPECT_EQ(a.demux.losses().malformed, b.demux.losses().malformed);
  EXPECT_EQ(a.demux.losses().malformed_bytes, b.demux.losses().malformed_bytes);
  EXPECT_EQ(a.demux.losses().gaps, b.demux.losses().gaps);
  EXPECT_EQ(a.demux.losses().gap_bytes, b.demux.losses().gap_bytes);
}

/// Bytes and then a gap, some times.
void check(const std::vector<Bytes>& parts, std::size_t chunk) {
  Outputs slow;
  Outputs fast;
  Decoder decoder;
  std::vector<Packet> packets;
  for (const Bytes& part : parts) {
    decoder.feed(part, packets);
    decoder.gap(part.size() % 100, [&packets](const Packet& packet) { packets.push_back(packet); });
    for (std::size_t at = 0; at < part.size(); at += chunk) {
      fast.demux.feed(std::span(part).subspan(at, std::min(chunk, part.size() - at)));
    }
    fast.demux.gap(part.size() % 100);
  }
  const std::size_t unfinished = decoder.finish(packets);
  slow.demux.write(packets);
  EXPECT_EQ(fast.demux.finish(), unfinished);
  expect_same(fast, slow);
}

/// Bytes lost, changed and put in; zeros above all, that may be taken for synchronizations.
void damage(Bytes& bytes, test::Random& random) {
  for (unsigned n = random.below(40); n != 0; --n) {
    const std::size_t place = random.below(static_cast<unsigned>(bytes.size()));
    const auto at = bytes.begin() + static_cast<std::ptrdiff_t>(place);
    switch (random.below(4)) {
      case 0:
        bytes.erase(at);
        break;
      case 1:
        *at = static_cast<std::byte>(random.below(256));
        break;
      case 2:
        bytes.insert(at, 1 + random.below(9), std::byte{0});
        break;
      default:
        bytes.insert(at, static_cast<std::byte>(random.one_in(2) ? 0x80 : random.below(256)));
        break;
    }
  }
}

TEST(FastDemux, GivesWhatPacketsGive) {
  for (unsigned seed = 0; seed != 400; ++seed) {
    SCOPED_TRACE(seed);
    test::Random random(seed);
    std::vector<Bytes> parts;
    for (unsigned n = 1 + random.below(3); n != 0; --n) {
      const auto traffic = static_cast<test::ItmTraffic>(random.below(test::kItmTraffics));
      parts.push_back(test::itm_stream(traffic, 1 + random.below(12'000), random.word()));
      if (!random.one_in(4)) damage(parts.back(), random);
    }
    check(parts, SIZE_MAX);
    check(parts, 1 + random.below(300));
    check(parts, 4096 + random.below(200));
  }
}

TEST(FastDemux, GivesWhatPacketsGiveOfAnyBytes) {
  for (unsigned seed = 0; seed != 300; ++seed) {
    SCOPED_TRACE(seed);
    test::Random random(seed);
    // All values, or headers and zeros above all.
    constexpr std::array<unsigned, 12> kLikely = {0,    0,    0,    0x80, 0x70, 0xC0,
                                                  0xFB, 0xFA, 0x01, 0x03, 0x18, 0x94};
    Bytes bytes(random.below(9000));
    for (std::byte& byte : bytes) {
      byte = static_cast<std::byte>(seed % 2 == 0 || random.one_in(4)
                                        ? random.below(256)
                                        : kLikely[random.below(kLikely.size())]);
    }
    check({bytes}, SIZE_MAX);
    check({bytes}, 1 + random.below(200));
  }
}

TEST(FastDemux, TakesBackAPacketThatASynchronizationCut) {
  // At every place in the block, and with its end at every distance from the end of the chunk.
  for (std::size_t before = 0; before != 300; ++before) {
    Bytes bytes;
    while (bytes.size() < before) append_instrumentation(bytes, 0, 'a', 1);
    append_instrumentation(bytes, 5, 0x11, 4);
    bytes.resize(bytes.size() - 2);
    append_sync(bytes);
    for (std::size_t behind = 0; behind != 90; behind += 3) {
      while (bytes.size() < before + behind) append_instrumentation(bytes, 2, 'b', 1);
      check({bytes}, SIZE_MAX);
    }
  }
}

TEST(FastDemux, TakesTurnsWithTheWayThroughPackets) {
  for (unsigned seed = 0; seed != 60; ++seed) {
    SCOPED_TRACE(seed);
    test::Random random(seed);
    Bytes bytes = test::itm_stream(test::ItmTraffic::kEverything, 9000, seed);
    damage(bytes, random);
    Outputs slow;
    Outputs fast;
    std::vector<Packet> packets;
    Decoder decoder;
    decoder.feed(bytes, packets);
    decoder.finish(packets);
    slow.demux.write(packets);
    std::vector<Packet> some;
    for (std::span<const std::byte> rest = bytes; !rest.empty();) {
      const std::size_t n = std::min<std::size_t>(rest.size(), 1 + random.below(700));
      if (random.one_in(2)) {
        fast.demux.feed(rest.first(n));
      } else {
        fast.demux.feed(rest.first(n), some);
      }
      rest = rest.subspan(n);
    }
    fast.demux.finish(&some);
    expect_same(fast, slow);
    for (const Packet& packet : some) {
      EXPECT_NE(std::find(packets.begin(), packets.end(), packet), packets.end());
    }
  }
}

TEST(FastDemux, KeepsTheOrderOfPortsThatShareASink) {
  PortDemux demux;
  MemorySink both;
  MemorySink one;
  demux.add_route(0, both);
  demux.add_route(1, both);
  demux.add_route(1, one);
  Bytes stream;
  Bytes expected;
  for (unsigned i = 0; i != 5000; ++i) {
    append_instrumentation(stream, i * i % 3 % 2, i, 1);
    expected.push_back(static_cast<std::byte>(i & 0xFF));
  }
  demux.feed(stream);
  demux.finish();
  EXPECT_EQ(both.bytes(), expected);
  EXPECT_EQ(demux.packets()[0] + demux.packets()[1], 5000U);
  EXPECT_EQ(one.bytes().size(), demux.packets()[1]);
}

TEST(FastDemux, HandsAPortToHundredsOfSinks) {
  Bytes stream;
  for (std::uint32_t i = 0; i != 2000; ++i) append_instrumentation(stream, 2, i, 4);
  std::vector<MemorySink> sinks(300);
  PortDemux demux;
  for (MemorySink& sink : sinks) demux.add_route(2, sink);
  demux.feed(stream);
  demux.finish();
  for (const MemorySink& sink : sinks) ASSERT_EQ(sink.bytes().size(), 8000U);
  EXPECT_EQ(sinks.front().bytes(), sinks.back().bytes());
}

}  // namespace
}  // namespace drone::itm
