// SPDX-License-Identifier: MIT

// Files that are no heap trace: each is refused in words that say what it is.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "heaptrace/trace_builder.hpp"
#include "support/error.hpp"
#include "support/test_bytes.hpp"

namespace drone::heaptrace {
namespace {

using namespace test;
using testing::AllOf;
using testing::HasSubstr;

std::string refusal(const std::vector<std::byte>& bytes, unsigned port = kDefaultPort) {
  for (const std::size_t chunk : {SIZE_MAX, std::size_t{1}}) {
    try {
      read(bytes, port, chunk);
      ADD_FAILURE() << "was read";
    } catch (const Error& error) {
      EXPECT_EQ(error.status(), ExitStatus::kInput);
      EXPECT_FALSE(error.hint().empty());
      if (chunk == 1) return error.message() + "\n" + error.hint();
    }
  }
  return {};
}

std::vector<std::byte> bytes_of_text(std::string_view text) {
  std::vector<std::byte> bytes;
  for (const char c : text) bytes.push_back(static_cast<std::byte>(c));
  return bytes;
}

TEST(WrongFiles, EmptyFile) { EXPECT_THAT(refusal({}), HasSubstr("is empty")); }

TEST(WrongFiles, TextFile) {
  EXPECT_THAT(refusal(bytes_of_text("[heap]\nsize = \"10K\"\npools = []\n")),
              HasSubstr("is a text file"));
  EXPECT_THAT(refusal(bytes_of_text("Größe des Heaps: 10 K, Straße, €, 😀")),
              HasSubstr("is a text file"));
}

TEST(WrongFiles, ElfFile) {
  EXPECT_THAT(refusal(drone::test::bytes_of("7F 45 4C 46 01 01 01 00 FB 01 00 04 00")),
              HasSubstr("is an ELF file"));
}

TEST(WrongFiles, TraceOfOtherPortsNamesThem) {
  EXPECT_THAT(refusal(drone::test::bytes_of("01 4F 01 6E")),
              AllOf(HasSubstr("no event of the heap's port 31; it carries port 0 (2 packets)"),
                    HasSubstr("features=heaptrace")));
  EXPECT_THAT(refusal(drone::test::bytes_of("01 4F 09 6E 11 00")),
              HasSubstr("ports 0 (1 packet), 1 (1 packet), 2 (1 packet)"));
  EXPECT_THAT(refusal(drone::test::bytes_of("FB 01 00 04 00"), 5), HasSubstr("port 31 (1 packet)"));
}

TEST(WrongFiles, ManyPortsAreNotAllNamed) {
  std::vector<std::byte> bytes;
  for (unsigned port = 0; port != 20; ++port) itm::append_instrumentation(bytes, port, 0x41, 1);
  EXPECT_THAT(refusal(bytes), HasSubstr("7 (1 packet) and 12 more"));
}

TEST(WrongFiles, PortThatCarriesSomethingElse) {
  EXPECT_THAT(refusal(drone::test::bytes_of("01 4F 01 6E 01 0A"), 0),
              AllOf(HasSubstr("port 0 carries something else"), HasSubstr("--port")));
}

TEST(WrongFiles, FileOfZeros) {
  EXPECT_THAT(refusal(std::vector<std::byte>(1000)),
              AllOf(HasSubstr("no packet of any port in its 1000 bytes"), HasSubstr("baud rate")));
}

TEST(WrongFiles, CaptureDuringWhichTheProgramSentNothing) {
  EXPECT_THAT(refusal(TraceBuilder().ext(Op::kEnd, 0).bytes()), HasSubstr("has no event"));
  EXPECT_THAT(refusal(TraceBuilder().pool(4, 2).ext(Op::kEnd, 0).bytes()),
              HasSubstr("has no event"));
}

TEST(WrongFiles, TraceOfANewerFormat) {
  EXPECT_THAT(refusal(TraceBuilder().ext(Op::kVersion, 3).alloc(1, 4).bytes()),
              AllOf(HasSubstr("unsupported format version 3 (this drone reads 1)"),
                    HasSubstr("install a newer drone")));
}

TEST(WrongFiles, RandomBytesAreNoRecording) {
  std::uint32_t state = 1;
  for (const std::size_t size : {500U, 3000U, 100000U}) {
    std::vector<std::byte> bytes(size);
    for (std::byte& byte : bytes) {
      state = state * 1664525 + 1013904223;
      byte = static_cast<std::byte>(state >> 24);
    }
    EXPECT_THAT(refusal(bytes), AllOf(HasSubstr("no ITM recording"), HasSubstr("baud rate")))
        << size;
  }
}

TEST(WrongFiles, DisturbedRecordingOfOtherDataIsARecording) {
  std::vector<std::byte> bytes;
  for (unsigned i = 0; i != 100; ++i) itm::append_instrumentation(bytes, 31, i, 1);
  for (const std::byte byte : drone::test::bytes_of("A0 81 05")) bytes.push_back(byte);
  for (unsigned i = 0; i != 100; ++i) itm::append_instrumentation(bytes, 31, i, 1);
  EXPECT_THAT(refusal(bytes), HasSubstr("port 31 carries something else: 200 of its 200"));
}

}  // namespace
}  // namespace drone::heaptrace
