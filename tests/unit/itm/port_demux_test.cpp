// SPDX-License-Identifier: MIT
#include "itm/port_demux.hpp"

#include <gmock/gmock.h>

#include <string>

#include "itm/decoder.hpp"

namespace drone::itm {
namespace {

std::string text(const MemorySink& sink) {
  return {reinterpret_cast<const char*>(sink.bytes().data()), sink.bytes().size()};
}

std::vector<Packet> decode(std::string_view stream) {
  std::vector<Packet> packets;
  Decoder decoder;
  decoder.feed(std::as_bytes(std::span(stream)), packets);
  decoder.finish(packets);
  return packets;
}

TEST(PortDemux, GivesEachPortsPayloadToItsSinks) {
  PortDemux demux;
  MemorySink zero;
  MemorySink one_and_two;
  MemorySink two;
  demux.add_route(0, zero);
  demux.add_route(1, one_and_two);
  demux.add_route(2, one_and_two);
  demux.add_route(2, two);
  demux.write(
      decode("\x01"
             "a"
             "\x0A"
             "bc"
             "\x13"
             "defg"
             "\x01"
             "h"
             "\x1A"
             "ij"));
  EXPECT_EQ(text(zero), "ah");
  EXPECT_EQ(text(one_and_two), "bcdefg");
  EXPECT_EQ(text(two), "defg");
  EXPECT_EQ(demux.packets()[0], 2U);
  EXPECT_EQ(demux.packets()[3], 1U) << "counted, though nobody wants it";
  EXPECT_TRUE(demux.any_packet());
}

TEST(PortDemux, CountsWhatWasLost) {
  PortDemux demux;
  demux.write(decode("\x70\x84\x81\x01\x70"));
  EXPECT_FALSE(demux.any_packet());
  EXPECT_EQ(demux.losses().overflows, 2U);
  EXPECT_EQ(demux.losses().malformed, 1U);
  EXPECT_EQ(demux.losses().malformed_bytes, 3U);
}

TEST(PortDemux, TakesNoPortOfAnotherPageForOneOfTheFirst) {
  PortDemux demux;
  MemorySink zero;
  demux.add_route(0, zero);
  demux.write(
      decode("\x18\x01"
             "a"
             "\x08\x01"
             "b"));  // page 1, then page 0 again
  EXPECT_EQ(text(zero), "b");
}

}  // namespace
}  // namespace drone::itm
