// SPDX-License-Identifier: MIT
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "cli/heap.hpp"
#include "cli/heap_confidence.hpp"
#include "drone/heaptrace/wire_format.hpp"
#include "layout/optimize.hpp"
#include "project/manifest.hpp"
#include "report/layout_report.hpp"
#include "support/error.hpp"
#include "support/test_folder.hpp"

namespace drone::cli {
namespace {

using heaptrace::Op;
using heaptrace::Record;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const GenerateOptions kFive{.pools = 5};

/// A folder with a trace in it, and the command run there.
class HeapGenerate : public ::testing::Test {
 protected:
  /// Sends one event of the port, after a synchronization packet the first time.
  void send(Record record) {
    if (bytes_.empty()) bytes_.assign({0, 0, 0, 0, 0, '\x80'});
    const heaptrace::Write write = encode(record);
    bytes_.push_back(static_cast<char>(port_ << 3 | (write.size == 4 ? 3 : 2)));
    for (unsigned i = 0; i != write.size; ++i) {
      bytes_.push_back(static_cast<char>(write.value >> 8 * i & 0xFF));
    }
  }
  void alloc(std::uint32_t block, std::uint32_t size) { send({Op::kAlloc, block, size}); }

  /// The allocations of the user's example: 1 byte, three times 12, 28, 32, 128.
  void send_example() {
    send({Op::kVersion, 0, heaptrace::kFormatVersion});
    std::uint32_t block = 0;
    for (const std::uint32_t size : {1U, 12U, 12U, 12U, 28U, 32U, 128U}) alloc(block++, size);
  }

  void write_manifest(const std::string& heap) {
    std::ofstream(directory_ / "Drone.toml")
        << "[heap]\n"
        << heap
        << "pools = [{ block = \"16\", capacity = 1 }]\n"
           "[memory.flash]\norigin = 0x08000000\nsize = \"512K\"\n"
           "[memory.ram]\norigin = 0x20000000\nsize = \"128K\"\n"
           "[probe]\ninterface = \"emulator\"\n"
           "[itm]\nclock = 84_000_000\n";
  }

  void run(GenerateOptions options = kFive, std::optional<std::string> size = {},
           std::optional<std::string> name = {}) {
    std::ofstream(directory_ / (name ? *name + ".heaptrace" : "heaptrace"), std::ios::binary)
        .write(bytes_.data(), static_cast<std::streamsize>(bytes_.size()));
    std::ostringstream out;
    std::ostringstream err;
    Environment environment{.out = out, .err = err, .directory = directory_};
    HeapOptions heap;
    heap.size = std::move(size);
    heap.heap = std::move(name);
    EXPECT_EQ(run_heap_generate(heap, options, environment), ExitStatus::kDone);
    out_ = out.str();
    err_ = err.str();
  }

  ExitStatus status_of_run(GenerateOptions options = kFive, std::optional<std::string> size = {}) {
    try {
      run(options, std::move(size));
    } catch (const Error& error) {
      return error.status();
    }
    return ExitStatus::kDone;
  }

  unsigned port_ = 31;
  std::string out_;
  std::string err_;
  drone::test::TestFolder folder_;
  std::filesystem::path directory_ = folder_.path();

 private:
  std::string bytes_;
};

TEST_F(HeapGenerate, PrintsTheLayoutOfTheUsersExample) {
  send_example();
  run(kFive, "10K");
  EXPECT_THAT(out_, StartsWith("# Fragmentation: 0 / 0.00%\n"
                               "\n"
                               "[heap]\n"
                               "size = \"10K\"\n"
                               "pools = [\n"
                               "    { block = \"4\", capacity = 201 },\n"
                               "    { block = \"12\", capacity = 222 },\n"
                               "    { block = \"28\", capacity = 115 },\n"
                               "    { block = \"32\", capacity = 83 },\n"
                               "    { block = \"128\", capacity = 7 },\n"
                               "]\n"
                               "\n"
                               "# Proof: the trace was replayed on these pools.\n"
                               "# 7 requests, failed: 0\n"));
  EXPECT_THAT(err_, StartsWith(std::string(report::kLayoutHeading) + '\n'));
  EXPECT_THAT(out_, Not(HasSubstr("lower bounds")));
}

TEST_F(HeapGenerate, MakesTheHeapAsLargeAsTheLayoutWithFit) {
  send_example();
  run({.pools = 5, .fit = true});
  EXPECT_THAT(out_, HasSubstr("size = \"228\"\n"));
  EXPECT_THAT(out_, HasSubstr("{ block = \"12\", capacity = 3 },\n"));
  run({.pools = 1, .fit = true});
  EXPECT_THAT(out_, HasSubstr("# Fragmentation: 668 / 74.55%\n"));
  EXPECT_THAT(out_, HasSubstr("size = \"896\"\n"));
}

TEST_F(HeapGenerate, TakesTheSizeFromTheTraceIfNothingElseSaysIt) {
  send_example();
  EXPECT_EQ(status_of_run(), ExitStatus::kInput);
  send({Op::kHeapSize, 0, 4096});
  run();
  EXPECT_THAT(out_, HasSubstr("size = \"4K\"\n"));
}

TEST_F(HeapGenerate, TakesSizeAndAlignmentFromTheProject) {
  send({Op::kHeapSize, 0, 4096});
  send_example();
  write_manifest("size = \"2K\"\nalignment = 8\n");
  run();
  EXPECT_THAT(out_, HasSubstr("size = \"2K\"\nalignment = 8\n"));
  EXPECT_THAT(out_, HasSubstr("{ block = \"16\", capacity = "));
  run(kFive, "1K");
  EXPECT_THAT(out_, HasSubstr("size = \"1K\"\nalignment = 8\n"));
}

TEST_F(HeapGenerate, KeepsWhatTheSectionSaid) {
  send_example();
  write_manifest(
      "size = \"2K\"\nalignment = 8\nport = 31\nchecks = \"off\"\nmemory = \"ram\"\nstatistics = "
      "true\n");
  run();
  EXPECT_THAT(out_, HasSubstr("\n[heap]\nsize = \"2K\"\nalignment = 8\nchecks = \"off\"\n"
                              "statistics = true\npools = [\n"));
}

TEST_F(HeapGenerate, PrintsTheSectionOfANamedHeap) {
  port_ = 30;
  send_example();
  write_manifest("size = \"2K\"\n");
  std::ofstream(directory_ / "Drone.toml", std::ios::app)
      << "[heap.dtcm]\nsize = \"1K\"\nchecks = \"full\"\nmemory = \"dtcm\"\nport = 30\n"
         "pools = [{ block = 8, capacity = 1 }]\n"
         "[memory.dtcm]\norigin = 0x10000000\nsize = \"64K\"\n";
  run(kFive, {}, "dtcm");
  EXPECT_THAT(out_, HasSubstr("\n[heap.dtcm]\nsize = \"1K\"\nmemory = \"dtcm\"\nport = 30\n"
                              "checks = \"full\"\npools = [\n"));
  EXPECT_THAT(out_, HasSubstr("{ block = \"12\", capacity = "));

  // Pasted over the old section, it means the same but for the pools.
  std::ifstream file(directory_ / "Drone.toml");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  const std::size_t begin = text.find("[heap.dtcm]");
  text.replace(begin, text.find("[memory.dtcm]") - begin, out_);
  const project::Manifest pasted = project::parse_manifest(text, "Drone.toml");
  ASSERT_EQ(pasted.named_heaps.size(), 1U);
  EXPECT_EQ(pasted.named_heaps[0].memory, "dtcm");
  EXPECT_EQ(pasted.named_heaps[0].port, 30U);
  EXPECT_EQ(pasted.named_heaps[0].options.checks, heap::Checks::kFull);
  EXPECT_EQ(pasted.named_heaps[0].pools.size(), 5U);
}

TEST_F(HeapGenerate, TakesTheAlignmentFromTheTraceWithoutAProject) {
  send({Op::kHeapAlignment, 0, 8});
  send_example();
  run(kFive, "1K");
  EXPECT_THAT(out_, HasSubstr("size = \"1K\"\nalignment = 8\n"));
}

TEST_F(HeapGenerate, SaysThatATraceBeganMidway) {
  alloc(0, 12);
  alloc(1, 12);
  run(kFive, "1K");
  EXPECT_THAT(out_, HasSubstr("lower bounds"));
}

TEST_F(HeapGenerate, EndsWithItsOwnStatusIfNothingFits) {
  send_example();
  EXPECT_EQ(status_of_run(kFive, "227"), ExitStatus::kNoLayout);
  EXPECT_EQ(status_of_run(kFive, "228"), ExitStatus::kDone);
  EXPECT_EQ(status_of_run({.pools = 1, .fit = false}, "895"), ExitStatus::kNoLayout);
}

TEST_F(HeapGenerate, ServesWhatFailedInTheTrace) {
  send_example();
  alloc(heaptrace::kNoBlock, 300);
  run(kFive, "1K");
  EXPECT_THAT(out_, HasSubstr("{ block = \"300\", capacity = "));
  EXPECT_THAT(out_, HasSubstr("# 8 requests, failed: 0\n"));
}

/// A program that holds up to eight blocks of 12 and of 40 bytes, together no more than `most`, as
/// it happens.
class HeapGenerateByConfidence : public HeapGenerate {
 protected:
  void send_random(int events, int most = 16) {
    send({Op::kVersion, 0, heaptrace::kFormatVersion});
    std::uint32_t state = 1;
    std::array<bool, 16> live{};
    int live_count = 0;
    for (int i = 0; i != events; ++i) {
      state = state * 1664525 + 1013904223;
      const std::uint32_t block = state >> 28;
      if (!live[block] && live_count == most) continue;
      live_count += live[block] ? -1 : 1;
      if (live[block]) {
        send({Op::kDealloc, block});
      } else {
        alloc(block, block < 8 ? 12 : 40);
      }
      live[block] = !live[block];
    }
  }
};

TEST_F(HeapGenerateByConfidence, SizesThePools) {
  send_random(20000);
  run({.pools = 2, .fit = true});
  EXPECT_THAT(out_, HasSubstr("{ block = \"12\", capacity = 8 },\n"));
  EXPECT_THAT(out_, HasSubstr("# A run ten times as long"));
  run({.pools = 2, .confidence = "99.9%", .fit = true});
  EXPECT_THAT(out_, Not(HasSubstr("{ block = \"12\", capacity = 8 },\n")));
  EXPECT_THAT(out_, HasSubstr("# The pools are sized by a confidence of 99.9%. "));
  EXPECT_THAT(out_, HasSubstr(", failed: 0\n"));
  EXPECT_EQ(status_of_run({.pools = 2, .confidence = "99.9%"}, "420"), ExitStatus::kNoLayout);
  EXPECT_EQ(status_of_run({.pools = 2, .confidence = "99.9%"}, "10K"), ExitStatus::kDone);
}

TEST_F(HeapGenerateByConfidence, SaysThatSpillWasNotSearched) {
  send_random(20000, 14);  // so that spill has something to gain
  run({.pools = 2, .tight = true, .confidence = "99%", .fit = true});
  EXPECT_THAT(out_, HasSubstr("Spill was not searched: --confidence"));
  run({.pools = 2, .tight = true, .no_spill = true, .confidence = "99%", .fit = true});
  EXPECT_THAT(out_, Not(HasSubstr("Spill was")));
}

TEST_F(HeapGenerateByConfidence, SaysWhyThereIsNone) {
  send_example();
  run(kFive, "10K");
  EXPECT_THAT(out_, HasSubstr("cannot be told from\n# this trace: the trace has 8 events, and it "
                              "takes 16384 at least.\n"));
  EXPECT_EQ(status_of_run({.pools = 5, .confidence = "99%"}, "10K"), ExitStatus::kNoLayout);
}

TEST_F(HeapGenerateByConfidence, TakesPercentagesThatTheMethodWasHeldAgainst) {
  for (const char* const good : {"50%", "90", "99%", "99.9%", "99.9"}) {
    EXPECT_NO_THROW(parse_confidence(good)) << good;
  }
  EXPECT_DOUBLE_EQ(parse_confidence("99%"), 0.99);
  for (const char* const bad :
       {"", "%", "49.9%", "99.91%", "100", "0.99", "x", "99%%", "nan", "-99"}) {
    EXPECT_THROW(parse_confidence(bad), Error) << bad;
  }
  send_example();
  EXPECT_EQ(status_of_run({.pools = 5, .confidence = "100%"}, "10K"), ExitStatus::kUsage);
}

/// Three blocks of 4 and one of 12 at once, then two of 12: two of 4 and two of 12 serve that, if
/// one of 12 serves a request of 4.
class HeapGenerateTight : public HeapGenerate {
 protected:
  void send_spilling() {
    send({Op::kVersion, 0, heaptrace::kFormatVersion});
    for (std::uint32_t block = 0; block != 3; ++block) alloc(block, 4);
    alloc(3, 12);
    for (std::uint32_t block = 0; block != 3; ++block) send({Op::kDealloc, block});
    alloc(4, 12);
  }

  Error error_of_run(GenerateOptions options, std::optional<std::string> size = {}) {
    try {
      run(options, std::move(size));
    } catch (const Error& error) {
      return error;
    }
    return {ExitStatus::kDone, "no error"};
  }

  /// The comments as one line, so that a line's end may be anywhere.
  std::string comments() const {
    std::string text;
    std::istringstream lines(out_);
    std::string line;
    while (std::getline(lines, line)) {
      if (line.starts_with("# ")) text += line.substr(2) + ' ';
    }
    return text;
  }
};

TEST_F(HeapGenerateTight, PrintsALayoutAndHowGoodItIs) {
  send_spilling();
  run({.pools = 2, .tight = true, .fit = true});
  EXPECT_THAT(out_, HasSubstr("\n[heap]\nsize = \"32\"\npools = [\n"
                              "    { block = \"4\", capacity = 2 },\n"
                              "    { block = \"12\", capacity = 2 },\n]\n"));
  EXPECT_THAT(out_, HasSubstr("# 5 requests, failed: 0\n"));
  EXPECT_THAT(comments(),
              HasSubstr("Tight: it takes 32 bytes. Proved: no layout of at most 2 pools "
                        "takes fewer. Larger pools serve what overflows from smaller "
                        "ones; without that it would take 36 bytes (--no-spill)."));
  EXPECT_THAT(comments(), HasSubstr("needed: blocks without which a request would fail"));
  const std::string first = out_;
  run({.pools = 2, .tight = true, .seed = 77, .fit = true});
  EXPECT_EQ(out_, first);  // there is only one best layout
}

TEST_F(HeapGenerateTight, LeavesSpillOutIfToldTo) {
  send_spilling();
  run({.pools = 2, .tight = true, .no_spill = true, .fit = true});
  EXPECT_THAT(out_, HasSubstr("    { block = \"4\", capacity = 3 },\n"
                              "    { block = \"12\", capacity = 2 },\n]\n"));
  EXPECT_THAT(comments(),
              HasSubstr("Tight: it takes 36 bytes. Proved: no layout of at most 2 pools "
                        "can take fewer than 32 bytes, whatever rule places the "
                        "requests. So it is within 12.50% of the best there can be."));
  EXPECT_THAT(comments(), HasSubstr("needed: most blocks that belong here alive at one time"));
  EXPECT_THAT(comments(), Not(HasSubstr("overflows")));
}

TEST_F(HeapGenerateTight, PrintsWhatTheManifestReads) {
  send_spilling();
  write_manifest("size = \"2K\"\n");
  run({.pools = 2, .tight = true, .headroom = "25%", .contexts = 2});
  std::ifstream file(directory_ / "Drone.toml");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  text.replace(0, text.find("[memory.flash]"), out_);
  const project::Manifest pasted = project::parse_manifest(text, "Drone.toml");
  ASSERT_EQ(pasted.heap.pools.size(), 2U);
  for (const heap::PoolSpec& pool : pasted.heap.pools) EXPECT_GE(pool.capacity, 2U + 1 + 2);
  EXPECT_LE(layout::layout_bytes(pasted.heap.pools), 2048U);
  EXPECT_THAT(comments(), HasSubstr("Each pool has 2 blocks more for 2 contexts that may be "
                                    "preempted inside the heap."));
  EXPECT_THAT(comments(), HasSubstr("Tight: it takes 32 bytes before what was added. "));
}

TEST_F(HeapGenerateTight, IsOfferedWhereTheDefaultDoesNotFit) {
  send_spilling();
  // The joint peaks of both sizes are their own: 4 of both is not less than 3 + 2.
  const Error loose = error_of_run({.pools = 1}, "59");
  EXPECT_EQ(loose.status(), ExitStatus::kNoLayout);
  EXPECT_THAT(loose.what(), HasSubstr("takes 60 bytes in 1 pool, 1 more than the heap's 59"));
  EXPECT_THAT(loose.hint(), HasSubstr("with --pools 1 --tight it fits: safe for the timing"));
  const Error tight = error_of_run({.pools = 2, .tight = true}, "31");
  EXPECT_EQ(tight.status(), ExitStatus::kNoLayout);
  EXPECT_THAT(tight.what(), HasSubstr("takes 32 bytes in 2 pools, 1 more than the heap's 31"));
  EXPECT_EQ(error_of_run({.pools = 2, .tight = true}, "32").status(), ExitStatus::kDone);
}

TEST_F(HeapGenerateTight, AddsWhatIsAskedFor) {
  send_spilling();
  run({.pools = 2, .headroom = "25%", .fit = true});
  EXPECT_THAT(out_, HasSubstr("    { block = \"4\", capacity = 4 },\n"
                              "    { block = \"12\", capacity = 3 },\n]\n"));
  EXPECT_THAT(comments(), HasSubstr("at least 25% more blocks than it needs (--headroom)."));
  run({.pools = 2, .contexts = 3, .fit = true});
  EXPECT_THAT(out_, HasSubstr("    { block = \"4\", capacity = 6 },\n"
                              "    { block = \"12\", capacity = 5 },\n]\n"));
  for (const char* const bad : {"", "x", "-1%", "1001%", "25%%", "nan", "inf"}) {
    EXPECT_EQ(error_of_run({.pools = 2, .headroom = bad}, "1K").status(), ExitStatus::kUsage)
        << bad;
  }
  for (const char* const good : {"0", "0%", "12.5%", "1000%"}) {
    EXPECT_EQ(error_of_run({.pools = 2, .headroom = good}, "1K").status(), ExitStatus::kDone)
        << good;
  }
}

TEST_F(HeapGenerateTight, ShowsWhatPoolsCostWithoutANumberOfThem) {
  send_spilling();
  run({}, "1K");
  EXPECT_THAT(out_, HasSubstr(" WHAT POOLS COST "));
  EXPECT_THAT(out_, HasSubstr("\n      1         60        24        964         48        24"));
  EXPECT_THAT(out_, HasSubstr("\n      2         36         0        988         32         0"
                              "        992   20.00%\n"));
  EXPECT_THAT(out_, HasSubstr("\n     16         36 "));
  EXPECT_THAT(out_, HasSubstr("\nRecommended: 2 pools, "));
  EXPECT_THAT(out_, HasSubstr("\n  drone heap generate --pools 2 -s 1K\n"));
  run({.tight = true});
  EXPECT_THAT(out_, HasSubstr("\n  drone heap generate --pools 2 --tight\n"));
  EXPECT_THAT(out_, Not(HasSubstr("heap of")));
}

TEST_F(HeapGenerateTight, AsksForANumberOfPoolsWhereOneLayoutIsMeant) {
  send_spilling();
  const std::vector<GenerateOptions> lines{
      {.headroom = "25%"}, {.contexts = 1}, {.confidence = "99%"}, {.fit = true}, {.write = true}};
  for (const GenerateOptions& options : lines) {
    const Error error = error_of_run(options, "1K");
    EXPECT_EQ(error.status(), ExitStatus::kUsage);
    EXPECT_THAT(error.hint(), HasSubstr("drone heap generate --pools 5 --"));
  }
}

TEST_F(HeapGenerateTight, RefusesATraceThatAsksForNothing) {
  send({Op::kVersion, 0, heaptrace::kFormatVersion});
  EXPECT_EQ(error_of_run({}, "1K").status(), ExitStatus::kInput);
  EXPECT_EQ(error_of_run({.pools = 2, .tight = true}, "1K").status(), ExitStatus::kInput);
}

}  // namespace
}  // namespace drone::cli
