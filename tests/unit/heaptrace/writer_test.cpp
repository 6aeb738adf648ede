// SPDX-License-Identifier: MIT
#include "heaptrace/writer.hpp"

#include <gmock/gmock.h>

#include <memory>
#include <string_view>

#include "drone/heaptrace/wire_format.hpp"
#include "heaptrace/reader.hpp"
#include "itm/decoder.hpp"
#include "support/error.hpp"
#include "support/test_bytes.hpp"

namespace drone::heaptrace {
namespace {

using itm::Packet;
using itm::PacketKind;
using test::bytes_of;

std::vector<Packet> decode(std::span<const std::byte> stream) {
  std::vector<Packet> packets;
  itm::Decoder decoder;
  decoder.feed(stream, packets);
  decoder.finish(packets);
  return packets;
}

/// The file that a capture of `stream` leaves, without the synchronization at its head.
std::vector<std::byte> body(std::span<const std::byte> stream, unsigned port = 31) {
  MemorySink sink;
  Writer writer(sink, port);
  writer.write(decode(stream));
  EXPECT_EQ(writer.bytes(), sink.bytes().size());
  const auto head = bytes_of("00 00 00 00 00 80");
  EXPECT_TRUE(std::equal(head.begin(), head.end(), sink.bytes().begin()));
  return {sink.bytes().begin() + 6, sink.bytes().end()};
}

TEST(HeaptraceWriter, BeginsWithASynchronizationAndEndsWithEnd) {
  MemorySink sink;
  Writer writer(sink, 31);
  writer.write({});
  writer.close();
  EXPECT_EQ(sink.bytes(), bytes_of("00 00 00 00 00 80 FB FF 00 00 00"));
  EXPECT_EQ(writer.events(), 0U);
}

TEST(HeaptraceWriter, KeepsTheHeapsEventsAndLeavesOtherSourcesOut) {
  const auto alloc = bytes_of("FB 01 00 04 01");
  const auto dealloc = bytes_of("FA 08 01");
  auto stream = bytes_of("01 78");  // port 0
  stream.insert(stream.end(), alloc.begin(), alloc.end());
  for (const std::byte b : bytes_of("17 01 02 03 04")) stream.push_back(b);  // a PC sample
  stream.insert(stream.end(), dealloc.begin(), dealloc.end());
  auto expected = alloc;
  expected.insert(expected.end(), dealloc.begin(), dealloc.end());
  EXPECT_EQ(body(stream), expected);
}

TEST(HeaptraceWriter, KeepsEveryTimestampAndOverflowAsItCame) {
  const auto stream = bytes_of(R"(
      30                    # local, 3 ticks
      C0 C9 01              # local, 201 ticks
      F0 05                 # local, delayed
      70                    # overflow
      94 85 07              # global, the two bytes that changed
      94 81 82 83 64        # global, all of it, wrapped and clock changed
      B4 81 82 83 04        # its high bits, 48-bit form
      B4 81 82 83 84 85 06  # 64-bit form
      FA 08 01)");
  EXPECT_EQ(body(stream), stream);
}

TEST(HeaptraceWriter, SaysWhereBytesWereLost) {
  // A reserved header with two bytes of its own; the event after it is whole.
  const auto stream = bytes_of("84 81 01 FA 08 01");
  ASSERT_EQ(decode(stream).front().kind, PacketKind::kMalformed);
  ASSERT_EQ(decode(stream).front().length, 3U);
  EXPECT_EQ(body(stream), bytes_of("FB F7 03 00 00 FA 08 01"));
}

TEST(HeaptraceWriter, WritesGapsOnTheHeapsPort) {
  MemorySink sink;
  Writer writer(sink, 30);
  writer.gap(0);
  writer.gap(0x1000001);
  EXPECT_EQ(std::vector(sink.bytes().begin() + 6, sink.bytes().end()),
            bytes_of("F3 F7 00 00 00 F3 F7 FF FF FF F3 F7 02 00 00"));
  EXPECT_EQ(writer.events(), 0U);
}

TEST(HeaptraceWriter, TakesThePortItIsToldAndNoStimulusPageBeyond) {
  // Port 31 of page 1 is port 63.
  const auto stream = bytes_of("18 FA 08 01 08 F2 0A 01");
  EXPECT_EQ(body(stream, 30), bytes_of("F2 0A 01"));
  EXPECT_EQ(body(stream, 31), bytes_of(""));
}

TEST(HeaptraceWriter, LeavesATraceWhereverItIsCut) {
  std::vector<std::byte> stream;
  for (unsigned block = 0; block != 40; ++block) {
    itm::append_instrumentation(stream, 31, 0x01300001 | block << 3, 4);
    itm::append_local_timestamp(stream, 2, 0);
  }
  MemorySink sink;
  Writer writer(sink, 31);
  writer.write(decode(stream));
  writer.close();
  const std::vector<Packet> all = decode(sink.bytes());
  for (std::size_t size = 6; size != sink.bytes().size(); ++size) {
    const std::vector<Packet> some = decode(std::span(sink.bytes()).first(size));
    ASSERT_LE(some.size(), all.size());
    EXPECT_TRUE(std::equal(some.begin(), some.end(), all.begin())) << size;
    std::size_t whole = 0;
    for (const Packet& packet : all) whole += packet.offset + packet.length <= size ? 1U : 0U;
    EXPECT_EQ(some.size(), whole) << size;
  }
}

/// What the reader makes of a trace: its events, and its summary.
struct Read {
  std::vector<Event> events;
  Summary summary;
};
Read read(std::span<const std::byte> file) {
  Read result;
  result.summary = read_events(
      [file] {
        return std::make_unique<MemorySource>(std::vector<std::byte>(file.begin(), file.end()));
      },
      {}, [&result] { result.events.clear(); },
      [&result](std::span<const Event> events) {
        result.events.insert(result.events.end(), events.begin(), events.end());
      });
  return result;
}

TEST(HeaptraceWriter, LeavesWhatTheReaderReadsWhereverItIsCut) {
  // VERSION, then blocks that are taken and given back, with a damaged stretch in between.
  auto stream = bytes_of("01 41 FB 07 01 00 00 C0 85 01");
  for (std::uint32_t block = 0; block != 20; ++block) {
    const Writes alloc = encode_sized(Op::kAlloc, block, 12 + block);
    itm::append_instrumentation(stream, 31, alloc.write[0].value, alloc.write[0].size);
    itm::append_local_timestamp(stream, 1000, 0);
    if (block == 10) {
      for (const std::byte byte : bytes_of("84 81 01")) stream.push_back(byte);
    }
    if (block % 2 == 0) continue;
    const ::drone::heaptrace::Write dealloc = encode_dealloc(block);
    itm::append_instrumentation(stream, 31, dealloc.value, dealloc.size);
  }
  MemorySink sink;
  Writer writer(sink, 31);
  writer.write(decode(stream));
  writer.close();

  const Read whole = read(sink.bytes());
  EXPECT_EQ(whole.events.size(), 31U) << "a reset, 20 allocations, 10 deallocations";
  EXPECT_EQ(whole.summary.losses.gaps, 1U);
  EXPECT_EQ(whole.summary.losses.gap_bytes, 3U);
  EXPECT_EQ(whole.summary.losses.malformed, 0U);
  EXPECT_FALSE(whole.summary.began_midway);
  EXPECT_TRUE(whole.summary.ended_in_order);

  const std::size_t first_event = 6 + 5;
  std::size_t most = 0;
  for (std::size_t size = first_event; size != sink.bytes().size(); ++size) {
    const Read cut = read(std::span(sink.bytes()).first(size));
    ASSERT_LE(cut.events.size(), whole.events.size());
    EXPECT_TRUE(std::equal(cut.events.begin(), cut.events.end(), whole.events.begin())) << size;
    EXPECT_GE(cut.events.size(), most) << "more bytes never say less";
    EXPECT_EQ(cut.summary.losses.malformed, 0U) << size;
    EXPECT_FALSE(cut.summary.ended_in_order);
    most = cut.events.size();
  }
  EXPECT_EQ(most, whole.events.size());
}

class FullDisk final : public ByteSink {
 public:
  void write(std::span<const std::byte>) override {
    throw Error(ExitStatus::kInput, "cannot write 'heaptrace': No space left on device");
  }
};

TEST(HeaptraceWriter, PassesTheSinksFailureOn) {
  FullDisk sink;
  Writer writer(sink, 31);
  EXPECT_THROW(writer.write({}), Error);
}

}  // namespace
}  // namespace drone::heaptrace
