// SPDX-License-Identifier: MIT

// The files of tests/golden/heaptrace, from bytes to text; its README says how to rewrite them.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "heaptrace/reader.hpp"
#include "heaptrace/usage.hpp"
#include "report/heap_report.hpp"
#include "support/byte_stream.hpp"
#include "support/test_bytes.hpp"

namespace drone::report {
namespace {

constexpr std::uint32_t kHeapSize = 10240;

std::vector<std::string> golden_names() {
  std::vector<std::string> names;
  for (const auto& entry :
       std::filesystem::directory_iterator(DRONE_SOURCE_DIR "/tests/golden/heaptrace")) {
    if (entry.path().extension() == ".hex") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string path_of(const std::string& name) {
  return DRONE_SOURCE_DIR "/tests/golden/heaptrace/" + name;
}

std::string print_usage(const std::vector<std::byte>& trace, std::size_t chunk_size) {
  heaptrace::UsageCollector collector;
  const heaptrace::Summary summary = heaptrace::read_events(
      [&] { return std::make_unique<MemorySource>(trace, chunk_size); }, {},
      [&] { collector = {}; },
      [&](std::span<const heaptrace::Event> events) { collector.add(events); });
  const heaptrace::Description& description = summary.description;
  HeapReport report =
      make_heap_report(collector.usage(), summary, description.heap_size.value_or(kHeapSize),
                       description.base_alignment.value_or(4));
  add_growth(report, collector);
  return render_text(report);
}

class HeapGolden : public testing::TestWithParam<std::string> {};

TEST_P(HeapGolden, TracePrintsAsExpected) {
  const std::vector<std::byte> trace =
      test::bytes_of(test::text_of_file(path_of(GetParam() + ".hex")));
  const std::string text = print_usage(trace, SIZE_MAX);
  if (std::getenv("DRONE_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path_of(GetParam() + ".out"), std::ios::binary) << text;
  }
  EXPECT_EQ(text, test::text_of_file(path_of(GetParam() + ".out")));
  EXPECT_EQ(print_usage(trace, 1), text) << "whatever the chunks";
}

INSTANTIATE_TEST_SUITE_P(Files, HeapGolden, testing::ValuesIn(golden_names()),
                         [](const auto& parameter) { return parameter.param; });

TEST(HeapGoldenExample, IsToTheCharacterThatOfTheDocumentation) {
  constexpr const char* kDocumented =
      "---------------------------------- HEAP USAGE ----------------------------------\n"
      " <size> <max count> <allocations>\n"
      "      1           1             1\n"
      "     12           3             7\n"
      "     28           1             2\n"
      "     32           1             1\n"
      "    128           1             2\n"
      "Maximum memory usage: 225 / 2.20%\n";
  for (const char* name :
       {"user_example", "user_example_raw", "user_example_payload", "user_example_drone_os"}) {
    const std::string text = print_usage(
        test::bytes_of(test::text_of_file(path_of(std::string(name) + ".hex"))), SIZE_MAX);
    EXPECT_EQ(text.substr(0, std::string_view(kDocumented).size()), kDocumented) << name;
  }
}

}  // namespace
}  // namespace drone::report
