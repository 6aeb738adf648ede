// SPDX-License-Identifier: MIT
#include "support/gdb_packet.hpp"

#include <gmock/gmock.h>

#include <algorithm>

namespace drone {
namespace {

using Kind = GdbPacketParser::Kind;
using Messages = std::vector<std::pair<Kind, std::string>>;

/// What comes of `bytes` that arrive in chunks of `chunk`.
Messages parse(std::string_view bytes, std::size_t chunk = SIZE_MAX) {
  GdbPacketParser parser;
  Messages messages;
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, std::min(chunk, bytes.size()));
    bytes.remove_prefix(piece.size());
    parser.feed(std::as_bytes(std::span(piece)));
    while (auto message = parser.next()) messages.emplace_back(message->kind, message->data);
  }
  return messages;
}

TEST(GdbPacket, IsFramedWithTheSumOfItsBytes) {
  EXPECT_EQ(encode_gdb_packet("OK"), "$OK#9a");  // the answer as servers send it
  EXPECT_EQ(encode_gdb_packet("g"), "$g#67");
  EXPECT_EQ(encode_gdb_packet(""), "$#00");
}

TEST(GdbPacket, EscapesWhatWouldEndItOrRepeatIt) {
  EXPECT_EQ(encode_gdb_packet("}"), "$}]#da");
  EXPECT_EQ(encode_gdb_packet("$#*").substr(0, 8), "$}\x04}\x03}\x0A#");
}

TEST(GdbPacket, AnyBytesArriveInAnyChunks) {
  std::string data;
  for (int i = 0; i != 256; ++i) data += static_cast<char>(i);
  const std::string stream =
      "+" + encode_gdb_packet(data) + "-noise\x03" + encode_gdb_packet("OK") + "+";
  const Messages whole = parse(stream);
  EXPECT_EQ(whole, (Messages{{Kind::kAck, ""},
                             {Kind::kPacket, data},
                             {Kind::kNack, ""},
                             {Kind::kInterrupt, ""},
                             {Kind::kPacket, "OK"},
                             {Kind::kAck, ""}}));
  for (std::size_t chunk = 1; chunk != stream.size(); ++chunk) {
    ASSERT_EQ(parse(stream, chunk), whole) << chunk;
  }
}

TEST(GdbPacket, AWrongSumIsABadPacketAndTheNextOneIsRead) {
  for (const char* bad : {"$OK#9b", "$OK#8a", "$OK#9x", "$OK#x", "$OJ#9a"}) {
    EXPECT_EQ(parse(bad + std::string("$g#67")),
              (Messages{{Kind::kBadPacket, ""}, {Kind::kPacket, "g"}}))
        << bad;
  }
  EXPECT_EQ(parse("$OK#9A"), (Messages{{Kind::kPacket, "OK"}})) << "either case";
}

TEST(GdbPacket, NothingComesOfAPacketThatIsCut) {
  const std::string packet = encode_gdb_packet("a}b");
  for (std::size_t length = 0; length != packet.size(); ++length) {
    EXPECT_EQ(parse(packet.substr(0, length)), Messages{}) << length;
  }
}

TEST(Hex, IsReadAsItIsWritten) {
  EXPECT_EQ(to_hex(std::string("\0\x7f\xff", 3)), "007fff");
  EXPECT_EQ(from_hex("007fFF"), std::string("\0\x7f\xff", 3));
  EXPECT_EQ(from_hex("0"), std::nullopt);
  EXPECT_EQ(from_hex("0g"), std::nullopt);
}

}  // namespace
}  // namespace drone
