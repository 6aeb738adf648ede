// SPDX-License-Identifier: MIT

// Streams from outside (tests/golden/itm/README.md), which must decode as told.

#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "itm/decoder.hpp"
#include "support/test_bytes.hpp"

namespace drone::itm {
namespace {

std::string golden(const std::string& name) { return DRONE_SOURCE_DIR "/tests/golden/itm/" + name; }

std::vector<Packet> decode_file(const std::string& name) {
  Decoder decoder;
  std::vector<Packet> packets;
  decoder.feed(test::bytes_of_file(golden(name)), packets);
  EXPECT_EQ(decoder.finish(packets), 0U);
  return packets;
}

Packet packet(PacketKind kind, unsigned source, unsigned size, std::uint64_t value,
              std::uint32_t length, std::uint64_t offset = 0, unsigned detail = 0) {
  Packet result;
  result.kind = kind;
  result.source = static_cast<std::uint8_t>(source);
  result.size = static_cast<std::uint8_t>(size);
  result.detail = static_cast<std::uint8_t>(detail);
  result.length = length;
  result.value = value;
  result.offset = offset;
  return result;
}

using Packets = std::vector<Packet>;

TEST(RecordedStreams, Stm32f105DecodesPacketByPacketAsExpected) {
  std::ostringstream text;
  for (const Packet& packet : decode_file("stm32f105.itm")) {
    text << std::dec << packet.offset << ' ';
    if (packet.kind == PacketKind::kOverflow) {
      text << "OVERFLOW\n";
      continue;
    }
    const bool hardware = packet.kind == PacketKind::kHardware;
    ASSERT_TRUE(hardware || packet.kind == PacketKind::kInstrumentation) << text.str();
    text << (hardware ? "HW " : "SW ") << int{packet.source} << ' ' << int{packet.size} << " 0x"
         << std::hex << packet.value << '\n';
  }
  EXPECT_EQ(text.str(), test::text_of_file(golden("stm32f105.expected.txt")));
}

TEST(RecordedStreams, Stm32f105PortsCarryTheirPayload) {
  std::string ports[2];
  for (const Packet& packet : decode_file("stm32f105.itm")) {
    if (packet.kind != PacketKind::kInstrumentation) continue;
    ASSERT_LT(packet.source, 2);
    for (unsigned i = 0; i != packet.size; ++i) {
      ports[packet.source] += static_cast<char>(packet.value >> (8 * i));
    }
  }
  EXPECT_EQ(ports[0], test::text_of_file(golden("stm32f105.port0")));
  EXPECT_EQ(ports[1], test::text_of_file(golden("stm32f105.port1")));
}

TEST(RecordedStreams, SinglePacketsDecodeAsTold) {
  EXPECT_EQ(decode_file("rtic_sync.itm"), Packets({packet(PacketKind::kSync, 0, 0, 0, 6)}));
  EXPECT_EQ(decode_file("rtic_overflow.itm"), Packets({packet(PacketKind::kOverflow, 0, 0, 0, 1)}));
  EXPECT_EQ(decode_file("rtic_lts1_sync_c9_lts2_5.itm"),
            Packets({packet(PacketKind::kLocalTimestamp, 0, 0, 0xC9, 3),
                     packet(PacketKind::kLocalTimestamp, 0, 0, 5, 1, 3)}));
  EXPECT_EQ(decode_file("rtic_gts1_wrap_clkch.itm"),
            Packets({packet(PacketKind::kGlobalTimestamp1, 0, 0, 0x011000, 5, 0, 3)}));
  EXPECT_EQ(decode_file("rtic_gts2_48_and_64.itm"),
            Packets({packet(PacketKind::kGlobalTimestamp2, 0, 0, 0x247A3D, 5),
                     packet(PacketKind::kGlobalTimestamp2, 0, 0, 0x3F40247A3D, 7, 5)}));
  EXPECT_EQ(decode_file("rtic_extension_page7.itm"),
            Packets({packet(PacketKind::kExtension, 0, 0, 7, 1)}));
  EXPECT_EQ(decode_file("rtic_instr_port17_4B.itm"),
            Packets({packet(PacketKind::kInstrumentation, 17, 4, 0xFF3F0F03, 5)}));
  EXPECT_EQ(decode_file("rtic_event_counter.itm"),
            Packets({packet(PacketKind::kHardware, 0, 1, 0x2A, 2)}));
  EXPECT_EQ(decode_file("rtic_exception_irq16_returned.itm"),
            Packets({packet(PacketKind::kHardware, 1, 2, 0x3020, 3)}));
  EXPECT_EQ(decode_file("rtic_pcsample_and_sleep.itm"),
            Packets({packet(PacketKind::kHardware, 2, 4, 0xFF3F0F03, 5),
                     packet(PacketKind::kHardware, 2, 1, 0, 2, 5)}));
  EXPECT_EQ(decode_file("rtic_datatrace_pc_cmp3.itm"),
            Packets({packet(PacketKind::kHardware, 14, 4, 0xFF3F0F03, 5)}));
  EXPECT_EQ(decode_file("rtic_datatrace_addr_cmp2.itm"),
            Packets({packet(PacketKind::kHardware, 13, 2, 0x0F03, 3)}));
  EXPECT_EQ(decode_file("rtic_datatrace_value_4_2_1.itm"),
            Packets({packet(PacketKind::kHardware, 21, 4, 0xFF3F0F03, 5),
                     packet(PacketKind::kHardware, 21, 2, 0x0F03, 3, 5),
                     packet(PacketKind::kHardware, 21, 1, 0x03, 2, 8)}));
}

}  // namespace
}  // namespace drone::itm
