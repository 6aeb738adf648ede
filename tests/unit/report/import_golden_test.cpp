// SPDX-License-Identifier: MIT

// The recordings of tests/golden/imports, from bytes to text; its README says how to rewrite them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "heaptrace/reader.hpp"
#include "heaptrace/usage.hpp"
#include "report/heap_report.hpp"
#include "support/byte_stream.hpp"
#include "support/test_bytes.hpp"

namespace drone::report {
namespace {

using heaptrace::FileFormat;

struct Recording {
  const char* name;
  const char* file;
  FileFormat format;
  Compression compression;
};

constexpr Recording kRecordings[] = {
    {"words_mtrace", "words.mtrace", FileFormat::kMtrace, Compression::kNone},
    {"words_raw", "words.raw.zst", FileFormat::kHeaptrackRaw, Compression::kZstd},
    {"words", "words.zst", FileFormat::kHeaptrack, Compression::kZstd},
    {"bc", "bc.raw.zst", FileFormat::kHeaptrackRaw, Compression::kZstd},
};

std::string path_of(const std::string& name) {
  return DRONE_SOURCE_DIR "/tests/golden/imports/" + name;
}

struct Read {
  heaptrace::Usage usage;
  heaptrace::Summary summary;
};

Read read(const Recording& recording, std::size_t chunk_size = SIZE_MAX) {
  const std::vector<std::byte> file = test::bytes_of_file(path_of(recording.file));
  heaptrace::UsageCollector collector;
  Read result;
  result.summary = heaptrace::read_events(
      [&] { return std::make_unique<MemorySource>(file, chunk_size); }, {}, [&] { collector = {}; },
      [&](std::span<const heaptrace::Event> events) { collector.add(events); });
  result.usage = collector.usage();
  return result;
}

std::string print(Read read) {
  return render_text(make_heap_report(std::move(read.usage), std::move(read.summary), 65536, 4));
}

/// By size; without what heaptrack sees and mtrace does not.
std::map<std::uint32_t, std::pair<std::uint64_t, std::uint64_t>> table_of(const Recording& of) {
  constexpr std::uint32_t kEmergencyPool = 72704;
  std::map<std::uint32_t, std::pair<std::uint64_t, std::uint64_t>> table;
  for (const heaptrace::SizeUsage& size : read(of).usage.sizes) {
    if (size.size != kEmergencyPool) table[size.size] = {size.max_count, size.allocations};
  }
  return table;
}

class ImportGolden : public testing::TestWithParam<Recording> {};

TEST_P(ImportGolden, RecordingPrintsAsExpected) {
  const Recording& recording = GetParam();
  const Read whole = read(recording);
  EXPECT_EQ(whole.summary.format, recording.format);
  EXPECT_EQ(whole.summary.compression, recording.compression);
  EXPECT_FALSE(whole.summary.is_cut);
  EXPECT_TRUE(whole.summary.of_64_bit_program);
  const std::string text = print(whole);
  const std::string expected = path_of(std::string(recording.name) + ".out");
  if (std::getenv("DRONE_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(expected, std::ios::binary) << text;
  }
  EXPECT_EQ(text, test::text_of_file(expected));
  for (const std::size_t chunk : {1U, 7U, 100U}) {
    EXPECT_EQ(print(read(recording, chunk)), text) << "whatever the chunks";
  }
}

INSTANTIATE_TEST_SUITE_P(Files, ImportGolden, testing::ValuesIn(kRecordings),
                         [](const auto& of) { return std::string(of.param.name); });

TEST(ImportGoldens, ToolsAgreeAboutOneProgram) {
  const auto table = table_of(kRecordings[0]);
  EXPECT_EQ(table.size(), 29U);
  EXPECT_EQ(table_of(kRecordings[1]), table);
  EXPECT_EQ(table_of(kRecordings[2]), table);
}

TEST(ImportGoldens, RawAndInterpretedHaveTheSamePeak) {
  EXPECT_EQ(read(kRecordings[1]).usage.peak_bytes, read(kRecordings[2]).usage.peak_bytes);
}

}  // namespace
}  // namespace drone::report
