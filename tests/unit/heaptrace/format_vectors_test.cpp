// SPDX-License-Identifier: MIT

// The vectors of docs/trace-format.md, section 7: typed here from that page, both ways; and the
// page itself, so that it cannot say anything else.

#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <string>
#include <vector>

#include "drone/heaptrace/wire_format.hpp"
#include "itm/decoder.hpp"
#include "itm/packet.hpp"
#include "support/test_bytes.hpp"

namespace drone::heaptrace {
namespace {

struct Vector {
  const char* event;
  std::vector<Record> records;
  std::vector<Write> writes;  ///< as the encoder for that event gives them
  const char* bytes;
};

std::vector<Write> list(const Writes& writes) {
  return {writes.write.begin(), writes.write.begin() + static_cast<std::ptrdiff_t>(writes.count)};
}

std::vector<Vector> vectors() {
  const auto one = [](const char* event, Record record, const char* bytes) {
    return Vector{event, {record}, {encode(record)}, bytes};
  };
  return {
      {"ALLOC block 0, 1 byte",
       {{Op::kAlloc, 0, 1}},
       list(encode_sized(Op::kAlloc, 0, 1)),
       "FB 01 00 04 00"},
      {"ALLOC block 1, 12 bytes",
       {{Op::kAlloc, 1, 12}},
       list(encode_sized(Op::kAlloc, 1, 12)),
       "FB 09 00 30 00"},
      {"DEALLOC block 4", {{Op::kDealloc, 4, 0}}, {encode_dealloc(4)}, "FA 08 00"},
      {"RESIZE block 2 to 100 bytes",
       {{Op::kResize, 2, 100}},
       list(encode_sized(Op::kResize, 2, 100)),
       "FB 13 00 90 01"},
      {"failed ALLOC of 512 bytes",
       {{Op::kAlloc, kNoBlock, 512}},
       list(encode_sized(Op::kAlloc, kNoBlock, 512)),
       "FB F9 FF 03 08"},
      // Bit 0 of the address, which says Thumb, is not carried.
      {"SITE block 5, return address 0x0800_1235",
       {{Op::kSite, 5, 0x1234}},
       {encode({Op::kSite, 5, 0x08001235})},
       "FB 2D 68 24 00"},
      one("EXT VERSION 1", {Op::kVersion, 0, 1}, "FB 07 01 00 00"),
      one("EXT SEQUENCE 256", {Op::kSequence, 0, 256}, "FB 37 00 01 00"),
      {"failed ALLOC of 100000 bytes (wide pair)",
       {{Op::kWideAlloc, kNoBlock, 0}, {Op::kWideSize, 0, 100000}},
       list(encode_sized(Op::kAlloc, kNoBlock, 100000)),
       "FB 0F FF FF FF  FB 1F A0 86 01"},
      {"WIDE_RESIZE block 40000 to 70000 bytes",
       {{Op::kWideResize, 40000, 0}, {Op::kWideSize, 0, 70000}},
       list(encode_sized(Op::kResize, 40000, 70000)),
       "FB 17 40 9C 00  FB 1F 70 11 01"},
      {"WIDE_DEALLOC block 32767",
       {{Op::kWideDealloc, 32767, 0}},
       {encode_dealloc(32767)},
       "FB 27 FF 7F 00"},
      one("ALIGN block 7, 8 bytes", {Op::kAlign, 7, 3}, "FB 2F 07 00 03"),
      {"POOL_BLOCK 12, POOL_CAPACITY 222",
       {{Op::kPoolBlock, 0, 12}, {Op::kPoolCapacity, 0, 222}},
       {encode({Op::kPoolBlock, 0, 12}), encode({Op::kPoolCapacity, 0, 222})},
       "FB 47 0C 00 00  FB 4F DE 00 00"},
      one("HEAP_SIZE 10240", {Op::kHeapSize, 0, 10240}, "FB 57 00 28 00"),
      one("HEAP_ALIGNMENT 4", {Op::kHeapAlignment, 0, 4}, "FB 77 04 00 00"),
      one("GAP of 3 bytes", {Op::kGap, 0, 3}, "FB F7 03 00 00"),
      one("END", {Op::kEnd, 0, 0}, "FB FF 00 00 00"),
  };
}

TEST(FormatVectors, EventsEncodeToTheirBytes) {
  for (const Vector& vector : vectors()) {
    std::vector<std::byte> bytes;
    for (const Write& write : vector.writes) {
      itm::append_instrumentation(bytes, kDefaultPort, write.value, write.size);
    }
    EXPECT_EQ(bytes, test::bytes_of(vector.bytes)) << vector.event;
  }
}

TEST(FormatVectors, BytesDecodeToTheirEvents) {
  for (const Vector& vector : vectors()) {
    itm::Decoder decoder;
    std::vector<itm::Packet> packets;
    decoder.feed(test::bytes_of(vector.bytes), packets);
    decoder.finish(packets);
    std::vector<Record> records;
    for (const itm::Packet& packet : packets) {
      ASSERT_EQ(packet.kind, itm::PacketKind::kInstrumentation) << vector.event;
      EXPECT_EQ(packet.source, kDefaultPort);
      const Decoded decoded = decode({static_cast<std::uint32_t>(packet.value), packet.size});
      EXPECT_TRUE(decoded.valid) << vector.event;
      records.push_back(decoded.record);
    }
    EXPECT_EQ(records, vector.records) << vector.event;
  }
}

TEST(FormatVectors, DocumentationSaysTheSame) {
  const std::string page = test::text_of_file(DRONE_SOURCE_DIR "/docs/trace-format.md");
  const std::size_t section = page.find("\n## 7. Vectors\n");
  ASSERT_NE(section, std::string::npos);
  std::map<std::string, std::vector<std::byte>> documented;
  const std::regex row(R"(\| ([^|]+) \| ((?:`[0-9A-F ]+` ?)+)\|)");
  for (std::sregex_iterator match(page.begin() + static_cast<std::ptrdiff_t>(section), page.end(),
                                  row);
       match != std::sregex_iterator(); ++match) {
    std::string hex = (*match)[2];
    std::erase(hex, '`');
    EXPECT_TRUE(documented.emplace((*match)[1], test::bytes_of(hex)).second) << (*match)[1];
  }
  EXPECT_EQ(documented.size(), vectors().size());
  for (const Vector& vector : vectors()) {
    EXPECT_EQ(documented[vector.event], test::bytes_of(vector.bytes)) << vector.event;
  }
}

}  // namespace
}  // namespace drone::heaptrace
