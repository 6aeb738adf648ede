// SPDX-License-Identifier: MIT
#include "itm/packet.hpp"

#include <gtest/gtest.h>

#include "support/test_bytes.hpp"

namespace drone::itm {
namespace {

using test::bytes_of;
using Bytes = std::vector<std::byte>;

TEST(PacketEncoding, InstrumentationHeaderCarriesPortAndSize) {
  Bytes out;
  append_instrumentation(out, 0, 0x4F, 1);
  append_instrumentation(out, 31, 0x0008, 2);
  append_instrumentation(out, 31, 0x00040001, 4);
  EXPECT_EQ(out, bytes_of("01 4F  FA 08 00  FB 01 00 04 00"));
}

TEST(PacketEncoding, HardwareHeaderCarriesDiscriminatorAndSize) {
  Bytes out;
  append_hardware(out, 2, 0x08000218, 4);
  append_hardware(out, 0, 0x2A, 1);
  append_hardware(out, 9, 0x1010, 2);
  EXPECT_EQ(out, bytes_of("17 18 02 00 08  05 2A  4E 10 10"));
}

TEST(PacketEncoding, SynchronizationIsFiveZerosAndOneBit) {
  Bytes out;
  append_sync(out);
  append_overflow(out);
  EXPECT_EQ(out, bytes_of("00 00 00 00 00 80  70"));
}

TEST(PacketEncoding, LocalTimestampsTakeTheShortestForm) {
  Bytes out;
  append_local_timestamp(out, 1, 0);
  append_local_timestamp(out, 6, 0);
  EXPECT_EQ(out, bytes_of("10 60"));
  out.clear();
  append_local_timestamp(out, 0, 0);     // 0x00 would be a synchronization
  append_local_timestamp(out, 7, 0);     // 0x70 would be an overflow
  append_local_timestamp(out, 5, 3);     // the short form has no TC
  append_local_timestamp(out, 0xC9, 0);  // two bytes
  append_local_timestamp(out, 0x0FFFFFFF, 1);
  append_local_timestamp(out, 0xFFFFFFFF, 2);
  EXPECT_EQ(out, bytes_of("C0 00  C0 07  F0 05  C0 C9 01  D0 FF FF FF 7F  E0 FF FF FF 7F"));
}

TEST(PacketEncoding, GlobalTimestampsCarryFlagsAndBothWidths) {
  Bytes out;
  append_global_timestamp1(out, 0x011000, true, true);
  append_global_timestamp2(out, 0x247A3D, false);
  append_global_timestamp2(out, 0x3F80247A3D, true);
  EXPECT_EQ(out, bytes_of("94 80 A0 84 60  B4 BD F4 91 01  B4 BD F4 91 81 F8 07"));
}

TEST(PacketEncoding, GlobalTimestamp1CarriesTheBytesThatChanged) {
  Bytes out;
  append_global_timestamp1(out, 0x385, false, false, 2);
  append_global_timestamp1(out, 0x7F, false, false, 1);
  EXPECT_EQ(out, bytes_of("94 85 07  94 7F"));
}

}  // namespace
}  // namespace drone::itm
