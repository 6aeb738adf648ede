// SPDX-License-Identifier: MIT
#include "heaptrace/followed_trace.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <optional>

#include "heaptrace/input_format.hpp"
#include "heaptrace/trace_builder.hpp"
#include "support/byte_stream.hpp"
#include "support/error.hpp"
#include "support/test_bytes.hpp"
#include "support/test_folder.hpp"

namespace drone::heaptrace {
namespace {

using namespace test;
using ::testing::HasSubstr;

/// What `drone heap` would say of the bytes.
struct Whole {
  explicit Whole(const std::vector<std::byte>& bytes) {
    UsageCollector collector;
    summary = read_events([&] { return std::make_unique<MemorySource>(bytes); }, {},
                          [&collector] { collector = {}; },
                          [&collector](std::span<const Event> events) { collector.add(events); });
    usage = collector.usage();
  }
  Usage usage;
  Summary summary;
};

/// A program that runs for a while: longer than the head that decides what a file is.
std::vector<std::byte> long_trace(std::uint32_t rounds = 20'000) {
  TraceBuilder trace;
  trace.raw(drone::test::bytes_of("00 00 00 00 00 80"));
  trace.version().ext(Op::kHeapSize, 10240).ext(Op::kHeapAlignment, 4);
  for (std::uint32_t i = 0; i != rounds; ++i) {
    trace.alloc(i % 100, 4 + 4 * (i % 7));
    if (i % 50 == 49) trace.failed(512).align(0xFFFF, 5);
    trace.dealloc(i % 100);
  }
  return trace.bytes();
}

class FollowedTraceTest : public ::testing::Test {
 protected:
  FollowedTraceTest() : path_(folder_.path() / "heaptrace") { follow(); }

  void follow() { following_.emplace(path_, ReadOptions()); }

  void append(std::span<const std::byte> bytes) {
    std::ofstream(path_, std::ios::binary | std::ios::app)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }
  void write_anew(std::span<const std::byte> bytes) {
    std::ofstream(path_, std::ios::binary | std::ios::trunc)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }
  void expect_as(const std::vector<std::byte>& bytes) {
    const Whole whole(bytes);
    const Usage usage = following_->usage().usage();
    EXPECT_EQ(usage.sizes, whole.usage.sizes);
    EXPECT_EQ(usage.failed, whole.usage.failed);
    EXPECT_EQ(usage.peak_bytes, whole.usage.peak_bytes);
    EXPECT_EQ(following_->summary().events, whole.summary.events);
    EXPECT_EQ(following_->summary().bytes, bytes.size());
    EXPECT_EQ(following_->summary().description.heap_size, whole.summary.description.heap_size);
    EXPECT_EQ(following_->summary().losses.places, whole.summary.losses.places);
    EXPECT_EQ(following_->summary().ended_in_order, whole.summary.ended_in_order);
  }

  drone::test::TestFolder folder_;
  std::filesystem::path path_;
  std::optional<FollowedTrace> following_;
};

TEST_F(FollowedTraceTest, TextIsFollowedAsItGrows) {
  std::vector<std::byte> text;
  for (unsigned i = 0; i != 4000; ++i) {
    const std::string line = "a " + std::to_string(i) + " 12\n";
    const auto bytes = std::as_bytes(std::span(line));
    text.insert(text.end(), bytes.begin(), bytes.end());
    if (i % 97 != 0) continue;
    write_anew(text);
    EXPECT_TRUE(following_->update());
    EXPECT_EQ(following_->usage().live_bytes() / 12, i + 1);
  }
  write_anew(text);
  following_->update();
  following_->finish();
  expect_as(text);
}

TEST_F(FollowedTraceTest, WhatIsCompressedIsNotFollowed) {
  append(drone::test::bytes_of("28 B5 2F FD 04 00 01 00 00"));
  try {
    following_->update();
    ADD_FAILURE() << "was followed";
  } catch (const Error& error) {
    EXPECT_THAT(error.message(), HasSubstr("is compressed with zstd"));
    EXPECT_THAT(error.hint(), HasSubstr("decompress it first"));
  }
}

TEST_F(FollowedTraceTest, TheFileNeedNotBeThereYet) {
  EXPECT_FALSE(following_->update());
  EXPECT_FALSE(following_->has_begun());
  append({});
  EXPECT_FALSE(following_->update());
  EXPECT_FALSE(following_->has_begun());
  const TraceBuilder begin = std::move(TraceBuilder().version().alloc(0, 12));
  append(begin.bytes());
  EXPECT_TRUE(following_->update());
  EXPECT_TRUE(following_->has_begun());
  expect_as(begin.bytes());
  EXPECT_FALSE(following_->update()) << "nothing new";
}

TEST_F(FollowedTraceTest, SeesTheLastEventOfAShortFileAtOnce) {
  TraceBuilder so_far;
  for (std::uint32_t i = 0; i != 50; ++i) {
    const std::size_t before = so_far.bytes().size();
    so_far.alloc(i, 4 * (i + 1));
    append(std::span(so_far.bytes()).subspan(before));
    ASSERT_TRUE(following_->update());
    EXPECT_EQ(following_->usage().events(), i + 1);
  }
}

TEST_F(FollowedTraceTest, WhateverTheChunksInTheEndItIsTheWholeTrace) {
  const std::vector<std::byte> bytes = long_trace();
  ASSERT_GT(bytes.size(), 2 * kFormatSample);
  for (const std::size_t size :
       {std::size_t{7919}, kFormatSample - 1, kFormatSample, kFormatSample + 1, bytes.size()}) {
    std::filesystem::remove(path_);
    follow();
    for (std::size_t at = 0; at < bytes.size(); at += size) {
      append(std::span(bytes).subspan(at, std::min(size, bytes.size() - at)));
      ASSERT_TRUE(following_->update());
    }
    EXPECT_FALSE(following_->has_ended());
    following_->finish();
    expect_as(bytes);
  }
}

TEST_F(FollowedTraceTest, IsNeverFarBehind) {
  const std::vector<std::byte> bytes = long_trace(50'000);
  constexpr std::size_t kChunk = 10'007;
  for (std::size_t at = 0; at < bytes.size(); at += kChunk) {
    append(std::span(bytes).subspan(at, std::min(kChunk, bytes.size() - at)));
    following_->update();
    following_->update();  // an alignment may have been waited for
    const std::vector<std::byte> so_far(
        bytes.begin(),
        bytes.begin() + static_cast<std::ptrdiff_t>(std::min(at + kChunk, bytes.size())));
    EXPECT_GE(following_->summary().events + 64, Whole(so_far).summary.events);
  }
}

TEST_F(FollowedTraceTest, EndsWithItsCapture) {
  for (const std::uint32_t rounds : {10U, 20'000U}) {
    std::vector<std::byte> bytes = long_trace(rounds);
    write_anew(bytes);
    following_->update();
    EXPECT_FALSE(following_->has_ended());
    const TraceBuilder end = std::move(TraceBuilder().ext(Op::kEnd, 0));
    append(end.bytes());
    EXPECT_TRUE(following_->update());
    EXPECT_TRUE(following_->has_ended());
    bytes.insert(bytes.end(), end.bytes().begin(), end.bytes().end());
    expect_as(bytes);
  }
}

TEST_F(FollowedTraceTest, PayloadThatLooksLikeAnEndIsNone) {
  // A word on port 0 that ends as END begins, its last bytes still to come.
  std::vector<std::byte> bytes = long_trace();
  const std::vector<std::byte> first = drone::test::bytes_of("03 11 22 FB FF 00 00 00");
  const std::vector<std::byte> rest = drone::test::bytes_of("FA 08 00");
  append(bytes);
  following_->update();
  append(first);
  EXPECT_TRUE(following_->update());
  append(rest);
  EXPECT_TRUE(following_->update());
  bytes.insert(bytes.end(), first.begin(), first.end());
  bytes.insert(bytes.end(), rest.begin(), rest.end());
  following_->finish();
  expect_as(bytes);
}

TEST_F(FollowedTraceTest, StartsOverWithANewCapture) {
  const std::vector<std::byte> old = long_trace();
  const TraceBuilder next = std::move(TraceBuilder().version().alloc(0, 12).alloc(1, 28));
  write_anew(old);
  EXPECT_TRUE(following_->update());
  EXPECT_EQ(following_->starts(), 1U);

  write_anew(next.bytes());  // in place, shorter
  EXPECT_TRUE(following_->update());
  EXPECT_EQ(following_->starts(), 2U);
  expect_as(next.bytes());

  std::vector<std::byte> longer = next.bytes();
  longer[longer.size() - 2] = std::byte{0x31};
  longer.insert(longer.end(), old.begin(), old.end());
  write_anew(longer);  // in place, longer already when it is seen
  EXPECT_TRUE(following_->update());
  EXPECT_EQ(following_->starts(), 3U);
  following_->finish();
  expect_as(longer);
}

TEST_F(FollowedTraceTest, StartsOverWithAnotherFileOfThatName) {
  const std::vector<std::byte> bytes = long_trace(10);
  write_anew(bytes);
  following_->update();
  std::filesystem::remove(path_);
  EXPECT_FALSE(following_->update()) << "what was read stays";
  expect_as(bytes);
  const TraceBuilder next = std::move(TraceBuilder().version().alloc(0, 12));
  write_file(path_, {reinterpret_cast<const char*>(next.bytes().data()), next.bytes().size()});
  EXPECT_TRUE(following_->update());
  EXPECT_EQ(following_->starts(), 2U);
  expect_as(next.bytes());
}

TEST_F(FollowedTraceTest, ADescriptionOfAnotherProgramIsLeftOut) {
  TraceBuilder builder;
  builder.version().pool(8, 2).ext(Op::kHeapSize, 16);
  for (std::uint32_t i = 0; i != 20'000; ++i) builder.alloc(100 + i % 50, 64).dealloc(100 + i % 50);
  const std::vector<std::byte>& bytes = builder.bytes();
  ASSERT_GT(bytes.size(), 2 * kFormatSample);
  constexpr std::size_t kChunk = 20'000;
  for (std::size_t at = 0; at < bytes.size(); at += kChunk) {
    append(std::span(bytes).subspan(at, std::min(kChunk, bytes.size() - at)));
    following_->update();
    EXPECT_TRUE(following_->summary().description_ignored);
  }
  following_->finish();
  expect_as(bytes);
}

TEST_F(FollowedTraceTest, RefusesOtherFiles) {
  append(drone::test::bytes_of("7F 45 4C 46 01 01 01 00 FB 01 00 04 00"));
  EXPECT_THROW(following_->update(), Error);
}

TEST_F(FollowedTraceTest, ThatThereIsNoEventYetIsNoFaultUntilTheEnd) {
  append(drone::test::bytes_of("00 00 00 00 00 80 01 41 01 42"));
  EXPECT_TRUE(following_->update());
  EXPECT_EQ(following_->usage().events(), 0U);
  try {
    following_->finish();
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_THAT(error.message(), HasSubstr("no event of the heap's port 31"));
  }
}

}  // namespace
}  // namespace drone::heaptrace
