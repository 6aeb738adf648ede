// SPDX-License-Identifier: MIT

// What holds for every stream. rapidcheck prints the seed of a failure; RC_PARAMS="seed=N" repeats
// it.

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cstdint>
#include <vector>

#include "itm/decoder.hpp"

namespace drone::itm {
namespace {

using Bytes = std::vector<std::byte>;

/// A number from 0 to n - 1, all as likely (rapidcheck's ranges alone begin with their least).
template <class T>
T pick(T n) {
  return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange<T>(0, n));
}

struct Decoded {
  std::vector<Packet> packets;
  std::size_t unfinished = 0;
};

Decoded decode(const Bytes& bytes, const std::vector<std::size_t>& chunks = {}) {
  Decoded result;
  Decoder decoder;
  std::size_t at = 0;
  for (std::size_t i = 0; at != bytes.size(); ++i) {
    const std::size_t left = bytes.size() - at;
    const std::size_t size = chunks.empty() ? left : std::min(left, chunks[i % chunks.size()]);
    decoder.feed(std::span(bytes).subspan(at, size), result.packets);
    at += size;
  }
  result.unfinished = decoder.finish(result.packets);
  return result;
}

/// Appends a packet that a target may send, with many zero bytes in payloads, and returns it.
Packet append_random_packet(Bytes& out) {
  const auto value =
      *rc::gen::oneOf(rc::gen::arbitrary<std::uint32_t>(),
                      rc::gen::element<std::uint32_t>(0, 1, 0x100, 0x10000, 0x01000000),
                      rc::gen::inRange<std::uint32_t>(0, 200));
  Packet packet;
  packet.offset = out.size();
  switch (pick(8)) {
    case 0:
      packet.kind = PacketKind::kSync;
      append_sync(out);
      break;
    case 1:
      packet.kind = PacketKind::kOverflow;
      append_overflow(out);
      break;
    case 2:
      packet.kind = PacketKind::kLocalTimestamp;
      packet.value = value & kMaxLocalTicks;
      packet.detail = *rc::gen::element<std::uint8_t>(0, 0, 0, 1, 2, 3);
      append_local_timestamp(out, value & kMaxLocalTicks, packet.detail);
      break;
    case 3:
      packet.kind = PacketKind::kGlobalTimestamp1;
      packet.value = value & 0x3FFFFFF;
      packet.detail = pick<std::uint8_t>(4);
      append_global_timestamp1(out, value, (packet.detail & 2) != 0, (packet.detail & 1) != 0);
      break;
    case 4: {
      packet.kind = PacketKind::kGlobalTimestamp2;
      const bool wide = *rc::gen::arbitrary<bool>();
      packet.value = value & (wide ? UINT32_MAX : (1U << 22) - 1);
      append_global_timestamp2(out, packet.value, wide);
      break;
    }
    default: {
      const bool hardware = pick(4) == 0;
      packet.kind = hardware ? PacketKind::kHardware : PacketKind::kInstrumentation;
      packet.source = pick<std::uint8_t>(32);
      packet.size = *rc::gen::element<std::uint8_t>(1, 2, 4);
      packet.value = packet.size == 4 ? value : value & ((1U << (8 * packet.size)) - 1);
      (hardware ? append_hardware : append_instrumentation)(out, packet.source, value, packet.size);
      break;
    }
  }
  packet.length = static_cast<std::uint32_t>(out.size() - packet.offset);
  return packet;
}

/// A stream as it comes: good packets, and now and then damage.
Bytes random_stream() {
  Bytes bytes;
  const int items = pick(60);
  for (int i = 0; i != items; ++i) {
    switch (pick(8)) {
      case 0: {  // any bytes
        const auto noise = *rc::gen::container<std::vector<std::uint8_t>>(
            rc::gen::oneOf(rc::gen::arbitrary<std::uint8_t>(),
                           rc::gen::element<std::uint8_t>(0, 0, 0, 0x80, 0xFB)));
        for (const std::uint8_t byte : noise) bytes.push_back(static_cast<std::byte>(byte));
        break;
      }
      case 1: {  // a packet cut short
        const Packet packet = append_random_packet(bytes);
        bytes.resize(bytes.size() - pick(packet.length));
        break;
      }
      default:
        append_random_packet(bytes);
    }
  }
  return bytes;
}

TEST(DecoderProperties, WhatIsEncodedIsDecoded) {
  EXPECT_TRUE(rc::check([] {
    Bytes bytes;
    std::vector<Packet> packets;
    const int count = pick(80);
    for (int i = 0; i != count; ++i) packets.push_back(append_random_packet(bytes));
    const Decoded decoded = decode(bytes);
    RC_ASSERT(decoded.packets == packets);
    RC_ASSERT(decoded.unfinished == 0U);
  }));
}

TEST(DecoderProperties, AnyChunkingGivesTheSamePackets) {
  EXPECT_TRUE(rc::check([] {
    const Bytes bytes = random_stream();
    const auto chunks = *rc::gen::nonEmpty(
        rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(1, 40)));
    const Decoded whole = decode(bytes);
    const Decoded parts = decode(bytes, chunks);
    const Decoded single = decode(bytes, {1});
    RC_ASSERT(whole.packets == parts.packets);
    RC_ASSERT(whole.packets == single.packets);
    RC_ASSERT(whole.unfinished == parts.unfinished);
    RC_ASSERT(whole.unfinished == single.unfinished);
  }));
}

TEST(DecoderProperties, PacketsTileTheStream) {
  EXPECT_TRUE(rc::check([] {
    const Bytes bytes = random_stream();
    const Decoded decoded = decode(bytes);
    std::uint64_t offset = 0;
    for (const Packet& packet : decoded.packets) {
      RC_ASSERT(packet.offset == offset);
      RC_ASSERT(packet.length > 0U);
      offset += packet.length;
    }
    RC_ASSERT(offset + decoded.unfinished == bytes.size());
  }));
}

TEST(DecoderProperties, PacketCutByASynchronizationIsNeverDelivered) {
  EXPECT_TRUE(rc::check([] {
    Bytes bytes;
    std::vector<Packet> packets;
    const int count = pick(5);
    for (int i = 0; i != count; ++i) packets.push_back(append_random_packet(bytes));
    Packet cut;
    do {
      bytes.resize(packets.empty() ? 0 : packets.back().offset + packets.back().length);
      cut = append_random_packet(bytes);
    } while (cut.length == 1 || cut.kind == PacketKind::kSync);
    const auto kept = 1 + pick(cut.length - 1);
    bytes.resize(cut.offset + kept);
    // Its own zero bytes may be taken for the synchronization's, which is as good.
    std::uint32_t tail = 0;
    while (tail + 1 < kept && bytes[bytes.size() - 1 - tail] == std::byte{0}) ++tail;
    RC_PRE(tail == 0U);
    append_sync(bytes);

    const Decoded decoded = decode(bytes);
    RC_ASSERT(decoded.packets.size() == packets.size() + 2);
    packets.push_back(decoded.packets[packets.size()]);
    RC_ASSERT(packets.back().kind == PacketKind::kMalformed);
    RC_ASSERT(packets.back().length == kept);
    packets.push_back(decoded.packets.back());
    RC_ASSERT(packets.back().kind == PacketKind::kSync);
    RC_ASSERT(packets.back().length == 6U);
    RC_ASSERT(decoded.packets == packets);
  }));
}

}  // namespace
}  // namespace drone::itm
