// SPDX-License-Identifier: MIT
#include "heaptrace/input_format.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "heaptrace/import_reading.hpp"
#include "heaptrace/other_formats.hpp"
#include "heaptrace/trace_builder.hpp"
#include "heaptrace/traced_program.hpp"
#include "support/error.hpp"
#include "support/test_bytes.hpp"

namespace drone::heaptrace {
namespace {

using namespace test;
using testing::HasSubstr;

constexpr unsigned kSeeds = 60;

FileFormat infer(std::span<const std::byte> bytes) { return infer_format(bytes, kDefaultPort, {}); }

/// Lengths of recordings, from a few events on.
std::size_t length_of(unsigned seed) { return std::size_t{100} << seed % 9; }

StreamOptions options_of(unsigned seed) {
  StreamOptions options;
  options.synchronizations = (seed & 1) != 0;
  options.timestamps = (seed & 2) != 0;
  options.text = (seed & 4) != 0;
  options.hardware = (seed & 8) != 0;
  return options;
}

TEST(InputFormat, ItmIsTakenForNothingElse) {
  for (unsigned seed = 0; seed != kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    TracedStream stream = TracedProgram(seed, options_of(seed)).run(length_of(seed));
    EXPECT_EQ(infer(stream.bytes), FileFormat::kItm);
    // Nor where it begins in the middle, or lacks some bytes.
    std::mt19937 random(seed);
    stream.bytes.erase(stream.bytes.begin(),
                       stream.bytes.begin() + static_cast<std::ptrdiff_t>(random() % 60));
    EXPECT_EQ(infer(stream.bytes), FileFormat::kItm);
    for (std::size_t i = stream.bytes.size() / 50; i != 0; --i) {
      stream.bytes.erase(stream.bytes.begin() +
                         static_cast<std::ptrdiff_t>(random() % stream.bytes.size()));
    }
    EXPECT_EQ(infer(stream.bytes), FileFormat::kItm);
  }
}

TEST(InputFormat, ItmOfOtherDataIsItm) {
  std::mt19937 random(1);
  const auto next = [&random] { return static_cast<std::uint32_t>(random()); };
  std::vector<std::byte> text;
  std::vector<std::byte> binary;
  for (unsigned i = 0; i != 2000; ++i) {
    itm::append_instrumentation(text, 0, 32 + next() % 90, 1);
    itm::append_instrumentation(binary, next() % 3, next(), 4);
    itm::append_hardware(binary, 2, next(), 4);
  }
  EXPECT_EQ(infer(text), FileFormat::kItm);
  EXPECT_EQ(infer(binary), FileFormat::kItm);
}

TEST(InputFormat, PayloadIsRecognised) {
  for (unsigned seed = 0; seed != kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    const TracedStream stream = TracedProgram(seed, options_of(seed)).run(length_of(seed));
    EXPECT_EQ(infer(payload_of(stream.writes)), FileFormat::kPayload);
  }
}

TEST(InputFormat, PayloadThatBeganMidwayIsRecognised) {
  for (unsigned seed = 0; seed != kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    const TracedStream stream = TracedProgram(seed, {}).run(40000);
    const std::span<const itm::Packet> writes = stream.writes;
    EXPECT_EQ(infer(payload_of(writes.subspan(seed * 20 + 20, 2000))), FileFormat::kPayload);
  }
}

TEST(InputFormat, PayloadThatIsDamagedIsRecognised) {
  for (unsigned seed = 0; seed != kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    std::vector<std::byte> payload =
        payload_of(TracedProgram(seed, {}).run(20000 + length_of(seed)).writes);
    std::mt19937 random(seed);
    for (std::size_t i = payload.size() / 500; i != 0; --i) {
      payload.erase(payload.begin() + static_cast<std::ptrdiff_t>(random() % payload.size()));
    }
    EXPECT_EQ(infer(payload), FileFormat::kPayload);
  }
}

TEST(InputFormat, DroneOsFilesAreRecognised) {
  for (unsigned seed = 0; seed != kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    std::vector<std::byte> file =
        drone_os_recording(seed, static_cast<unsigned>(length_of(seed) / 20));
    EXPECT_EQ(infer(file), FileFormat::kDroneOs);
    std::mt19937 random(seed);
    for (std::size_t i = file.size() / 200; i != 0; --i) {
      file.erase(file.begin() + 6 + static_cast<std::ptrdiff_t>(random() % (file.size() - 6)));
    }
    EXPECT_EQ(infer(file), FileFormat::kDroneOs);
  }
}

TEST(InputFormat, ArbitraryBytesAreNeitherPayloadNorDroneOs) {
  for (unsigned seed = 0; seed != kSeeds / 3; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    std::vector<std::byte> bytes(length_of(seed));
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() & 0xFF);
    EXPECT_EQ(infer(bytes), FileFormat::kItm);
    // A tag alone does not make a Drone OS file.
    bytes[0] = std::byte{0xAB};
    bytes[1] = std::byte{0xCD};
    EXPECT_EQ(infer(bytes), FileFormat::kItm);
  }
  for (const unsigned value : {0x00U, 0x01U, 0x80U, 0xFFU}) {
    EXPECT_EQ(infer(std::vector<std::byte>(1000, static_cast<std::byte>(value))), FileFormat::kItm)
        << value;
  }
}

TEST(InputFormat, TextAndProgramsAreRefusedAsBefore) {
  const auto refusal = [](std::string_view text, std::optional<FileFormat> format) -> std::string {
    ReadOptions options;
    options.format = format;
    std::vector<std::byte> bytes;
    for (const char c : text) bytes.push_back(static_cast<std::byte>(c));
    try {
      read_events([&] { return std::make_unique<MemorySource>(bytes); }, options, [] {},
                  [](std::span<const Event>) {});
    } catch (const Error& error) {
      return error.message();
    }
    return "none";
  };
  for (const std::optional<FileFormat> format :
       {std::optional<FileFormat>(), std::optional(FileFormat::kPayload),
        std::optional(FileFormat::kDroneOs)}) {
    EXPECT_THAT(refusal("[heap]\nsize = \"10K\"\npools = []\n", format), HasSubstr("text file"));
    EXPECT_THAT(refusal("\x7F"
                        "ELF\x01\x01\x01",
                        format),
                HasSubstr("ELF file"));
    EXPECT_THAT(refusal("", format), HasSubstr("is empty"));
  }
}

TEST(InputFormat, TextOfOtherToolsIsRecognised) {
  const auto infer_text = [](std::string_view text) { return infer(bytes_of_text(text)); };
  for (const char* text :
       {"a 1 4\n", "# by hand\n\nf 1", "# nothing else\n", "x 1\n", "r 0x5 12\r\n", "a b 4 8\n",
        // With a mistake, to be told about.
        "a 1\n", "a 1 -5\n", "a 1 4294967296\n", "x -1\n", "f 1\n\1\2\n", "# c\na 1 4\n\xFF"}) {
    EXPECT_EQ(infer_text(text), FileFormat::kText) << text;
  }
  for (const char* text : {"= Start\n", "= End", "@ ./a:[0x1] + 0x10 0x8\n", "- 0x10\n"}) {
    EXPECT_EQ(infer_text(text), FileFormat::kMtrace) << text;
  }
  EXPECT_EQ(infer_text("v 10400 3\nX ./a\n"), FileFormat::kHeaptrack);
  EXPECT_EQ(infer_text("v 10200\n"), FileFormat::kHeaptrack);
  for (const char* text : {"a\n", "# nothing else\na\n", "a thing of beauty\n", "v 1.0.4\n", "= \n",
                           "[heap]\n", "alloc 1 4\n", "f 1\1\n", "# c\n\1\2\n", "a\n\1\n"}) {
    EXPECT_FALSE(is_import(infer_text(text))) << text;
  }
}

TEST(InputFormat, TextThatIsSaidToBeATraceIsReadAsThat) {
  ReadOptions options;
  options.format = FileFormat::kText;
  EXPECT_THAT(refusal_of("Dear reader,\n", options),
              HasSubstr("line 1: 'Dear' begins no event\nan event a line: `a ID SIZE"));
  EXPECT_THAT(refusal_of("# nothing\n", options),
              HasSubstr("is a text recording without events\nan event a line: `a ID SIZE`"));
  options.format = FileFormat::kMtrace;
  EXPECT_THAT(
      refusal_of("Dear reader,\nhow\n", options),
      HasSubstr("has no event, read as a recording of mtrace: 2 lines of it make no sense"));
  EXPECT_THAT(refusal_of("Dear reader\n", options), HasSubstr(": 1 line of it makes no sense"));
  options.format = FileFormat::kHeaptrack;
  EXPECT_THAT(refusal_of("v 10400 3\nX ./a\n+ 1 2 3\n", options),
              HasSubstr("has no event, read as a recording of heaptrack"));
  EXPECT_THAT(refusal_of("", options), HasSubstr("is empty"));
}

TEST(InputFormat, TextOfOtherToolsIsReadOnce) {
  // Doubt in the framing, as ITM deserves it, would read a damaged file twice.
  const Trace trace = read(bytes_of_text("= Start\n@ ./a:[0x1] + 0x10 0x8\nhello\n"));
  EXPECT_EQ(trace.restarts, 0);
  EXPECT_EQ(trace.summary.losses.malformed, 1U);
  EXPECT_EQ(trace.summary.bytes, 37U);
}

TEST(InputFormat, IsParsedFromItsName) {
  EXPECT_FALSE(parse_input_format("auto").file.has_value());
  EXPECT_EQ(parse_input_format("payload").file, FileFormat::kPayload);
  EXPECT_EQ(parse_input_format("drone-os").file, FileFormat::kDroneOs);
  EXPECT_EQ(parse_input_format("text").file, FileFormat::kText);
  EXPECT_EQ(parse_input_format("mtrace").file, FileFormat::kMtrace);
  EXPECT_EQ(parse_input_format("heaptrack").file, FileFormat::kHeaptrack);
  EXPECT_EQ(parse_input_format("itm").file, FileFormat::kItm);
  EXPECT_EQ(parse_input_format("itm").itm.kind, itm::InputKind::kItm);
  EXPECT_EQ(parse_input_format("tpiu").file, FileFormat::kItm);
  EXPECT_EQ(parse_input_format("tpiu").itm.kind, itm::InputKind::kTpiu);
  EXPECT_FALSE(parse_input_format("tpiu").itm.stream_id.has_value());
  EXPECT_EQ(parse_input_format("tpiu:1").itm.stream_id, 1U);
  EXPECT_EQ(parse_input_format("tpiu:111").itm.stream_id, 111U);
  for (const char* text : {"", "ITM", "tpiu:", "tpiu:0", "tpiu:112", "tpiu:1x", "tpiu1", "tpiu:-1",
                           "tpiu:99999999999", "payloads"}) {
    try {
      parse_input_format(text);
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.status(), ExitStatus::kUsage);
      EXPECT_THAT(error.hint(), HasSubstr("tpiu:ID"));
    }
  }
}

TEST(InputFormat, IsSaidInWords) {
  EXPECT_EQ(describe(FileFormat::kPayload, {}), "payload only");
  EXPECT_EQ(describe(FileFormat::kDroneOs, {}), "a file of Drone OS");
  EXPECT_EQ(describe(FileFormat::kItm, {itm::InputKind::kTpiu, 3, true}),
            "TPIU frames, the ITM on stream 3");
}

}  // namespace
}  // namespace drone::heaptrace
