// SPDX-License-Identifier: MIT

// The fuzzers' targets in every build: over their corpora, and over random bytes. What breaks a
// promise ends the program; the last line before tells which file or seed it was.

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "drone/heaptrace/wire_format.hpp"
#include "itm/packet.hpp"
#include "support/byte_stream.hpp"
#include "targets.hpp"

namespace drone::fuzz {
namespace {

constexpr unsigned kSeeds = 60;

const char* trying = nullptr;

/// Says what was being tried, should the program be aborted meanwhile.
class LastWords {
 public:
  explicit LastWords(std::string what) : what_(std::move(what)) {
    trying = what_.c_str();
    std::signal(SIGABRT, [](int) { std::fprintf(stderr, "with %s\n", trying); });
  }
  ~LastWords() { std::signal(SIGABRT, SIG_DFL); }
  LastWords(const LastWords&) = delete;
  LastWords& operator=(const LastWords&) = delete;

 private:
  std::string what_;
};

/// Even bytes, or such as streams are made of, or a stream with some bytes changed.
std::vector<std::byte> random_bytes(unsigned seed) {
  std::mt19937 random(seed);
  const auto pick = [&random](unsigned n) { return static_cast<unsigned>(random() % n); };
  std::vector<std::byte> bytes;
  const std::size_t size = pick(3000);
  constexpr std::uint8_t kLikely[] = {0,    0,    0,    0,    0,    0x80, 0x70,
                                      0xC0, 0xFA, 0xFB, 0x07, 0x18, 0xB4};
  while (bytes.size() < size) {
    switch (seed % 3) {
      case 0:
        bytes.push_back(static_cast<std::byte>(pick(256)));
        break;
      case 1:
        bytes.push_back(static_cast<std::byte>(
            pick(2) == 0 ? kLikely[pick(sizeof(kLikely))] : static_cast<std::uint8_t>(pick(256))));
        break;
      default: {
        const unsigned width = pick(3) == 0 ? 2 : 4;
        const std::uint32_t value = width == 2 ? pick(64) << 1
                                    : pick(4) == 0
                                        ? 7U | pick(32) << 3 | pick(40) << 8
                                        : 1U | pick(3) << 1 | pick(32) << 3 | (1 + pick(60)) << 18;
        itm::append_instrumentation(bytes, heaptrace::kDefaultPort, value, width);
        if (pick(30) == 0) bytes[pick(static_cast<unsigned>(bytes.size()))] = std::byte{0};
        break;
      }
    }
  }
  return bytes;
}

std::vector<std::filesystem::path> corpus_of(std::string_view target) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(
           std::filesystem::path(DRONE_SOURCE_DIR "/tests/fuzz/corpus") / target)) {
    files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

class AnyBytes : public testing::TestWithParam<Target> {};

TEST_P(AnyBytes, OfTheCorpusBreakNoPromise) {
  const std::vector<std::filesystem::path> files = corpus_of(GetParam().name);
  EXPECT_FALSE(files.empty());
  for (const std::filesystem::path& file : files) {
    const LastWords words(file.string());
    const std::string text = read_file(file);
    GetParam().run(std::as_bytes(std::span(text)));
  }
}

TEST_P(AnyBytes, AtRandomBreakNoPromise) {
  for (unsigned seed = 0; seed != kSeeds; ++seed) {
    const LastWords words("seed " + std::to_string(seed));
    GetParam().run(random_bytes(seed));
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, AnyBytes, testing::ValuesIn(kTargets),
                         [](const auto& target) { return std::string(target.param.name); });

}  // namespace
}  // namespace drone::fuzz
