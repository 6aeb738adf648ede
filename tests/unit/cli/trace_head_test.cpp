// SPDX-License-Identifier: MIT
#include "cli/trace_head.hpp"

#include <gmock/gmock.h>

#include "itm/decoder.hpp"
#include "support/test_bytes.hpp"

namespace drone::cli {
namespace {

using itm::PacketKind;
using test::bytes_of;
using ::testing::ElementsAre;

std::vector<itm::Packet> decode(std::string_view hex) {
  std::vector<itm::Packet> packets;
  itm::Decoder decoder;
  decoder.feed(bytes_of(hex), packets);
  decoder.finish(packets);
  return packets;
}

std::vector<std::pair<PacketKind, std::uint64_t>> sum_of(const TraceHead& head) {
  std::vector<std::pair<PacketKind, std::uint64_t>> sum;
  for (const itm::Packet& packet : head.packets()) sum.emplace_back(packet.kind, packet.value);
  return sum;
}

TEST(TraceHead, IsEmptyWithoutTimestampsAndLosses) {
  TraceHead head;
  head.add(decode("00 00 00 00 00 80 01 41 17 01 02 03 04 08"));
  EXPECT_TRUE(head.packets().empty());
}

TEST(TraceHead, LosesNoTimeHoweverLongItTakes) {
  TraceHead head;
  itm::Packet hour;
  hour.kind = PacketKind::kLocalTimestamp;
  hour.value = itm::kMaxLocalTicks;
  for (int i = 0; i != 2; ++i) head.add(std::vector{hour});
  head.add(decode("D0 05"));
  EXPECT_THAT(sum_of(head), ElementsAre(std::pair(PacketKind::kLocalTimestamp, itm::kMaxLocalTicks),
                                        std::pair(PacketKind::kLocalTimestamp, itm::kMaxLocalTicks),
                                        std::pair(PacketKind::kLocalTimestamp, 5U)));
  EXPECT_EQ(head.packets().back().detail, 1) << "the last one's";
}

TEST(TraceHead, KeepsTheLastGlobalTimestampWithTheBitsThatDidNotChange) {
  TraceHead head;
  head.add(decode("94 81 82 83 04 94 05 B4 81 80 80 00 B4 82 80 80 00"));
  EXPECT_THAT(sum_of(head),
              ElementsAre(std::pair(PacketKind::kGlobalTimestamp1,
                                    std::uint64_t{4 << 21 | 3 << 14 | 2 << 7 | 5}),
                          std::pair(PacketKind::kGlobalTimestamp2, std::uint64_t{2})));
  EXPECT_EQ(head.packets()[0].length, 5U);
}

TEST(TraceHead, CountsLosses) {
  TraceHead head;
  head.add(decode("70 01 41 70"));
  itm::Packet stretch;
  stretch.kind = PacketKind::kMalformed;
  stretch.length = 3;
  itm::Packet first = stretch;  // the end of a packet that began before the capture: no loss
  stretch.offset = 10;
  head.add(std::vector{first, stretch, stretch});
  const std::vector<itm::Packet> packets = head.packets();
  ASSERT_EQ(packets.size(), 3U);
  EXPECT_EQ(packets[1].kind, PacketKind::kOverflow);
  EXPECT_EQ(packets[2].kind, PacketKind::kMalformed);
  EXPECT_EQ(packets[2].length, 6U);
}

}  // namespace
}  // namespace drone::cli
