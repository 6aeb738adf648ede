// SPDX-License-Identifier: MIT
#include "heaptrace/heaptrack_reader.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "heaptrace/import_reading.hpp"

namespace drone::heaptrace {
namespace {

using namespace test;
using Events = std::vector<Event>;
using Places = std::vector<std::uint64_t>;

Trace read_heaptrack(std::string_view text, std::size_t chunk = SIZE_MAX) {
  return read_import<HeaptrackReader>(text, chunk);
}

const std::string kRawHead =
    "v 10400 3\nx d /tmp/imp/prog\nX ./prog\nI 1000 5e298d\nm 1 -\n"
    "m 1 x 563e0c869000 0 cb0\nt 8048000 0\n";
const std::string kInterpretedHead =
    "v 10400 3\nX ./prog\nI 1000 5e298d\ns d /tmp/imp/prog\ni 8048000 1\nt 1 0\n";

TEST(HeaptrackReader, ReadsRawRecordings) {
  const Trace trace = read_heaptrack(kRawHead +
                                     "+ 64 12 8049010\nc 1\n+ 1f b 8049080\n- 8049010\nR 3f4\n"
                                     "# strings: 46\n\n");
  EXPECT_EQ(trace.events, (Events{alloc_event(0, 100), alloc_event(1, 31), dealloc_event(0, 100)}));
  EXPECT_EQ(trace.summary.format, FileFormat::kHeaptrackRaw);
  EXPECT_EQ(trace.summary.events, 3U);
  EXPECT_EQ(trace.summary.runs, 1U);
  EXPECT_EQ(trace.summary.unknown_operations, 0U);
  EXPECT_FALSE(trace.summary.losses.any());
  EXPECT_FALSE(trace.summary.began_midway);
  EXPECT_TRUE(trace.summary.ended_in_order);
  EXPECT_FALSE(trace.summary.of_64_bit_program);
}

TEST(HeaptrackReader, ReadsInterpretedRecordings) {
  const Trace trace =
      read_heaptrack(kInterpretedHead + "a 64 1\n+ 0\na 1f 1\n+ 1\n+ 0\n- 0\n- 1\n- 0\nR 3f4\n");
  EXPECT_EQ(trace.events,
            (Events{alloc_event(0, 100), alloc_event(1, 31), alloc_event(2, 100),
                    dealloc_event(2, 100), dealloc_event(1, 31), dealloc_event(0, 100)}));
  EXPECT_EQ(trace.summary.format, FileFormat::kHeaptrack);
  EXPECT_FALSE(trace.summary.of_64_bit_program);
  EXPECT_FALSE(trace.summary.losses.any());
}

TEST(HeaptrackReader, AddressesTellA64BitProgram) {
  EXPECT_TRUE(read_heaptrack(kRawHead + "+ 64 12 563e404bb510\n").summary.of_64_bit_program);
  EXPECT_TRUE(read_heaptrack(kInterpretedHead + "i 7f0b162a958b 4 1c\na 64 1\n+ 0\n")
                  .summary.of_64_bit_program);
}

// `heaptrack bash -c $'true\na 5\n+ 3'` writes such a file.
TEST(HeaptrackReader, ACommandOfSeveralLinesIsNoEvent) {
  const Trace trace =
      read_heaptrack("v 10400 3\nX bash -c true\na 5\n+ 3\nI am\nI 1000 5e298d\n+ 64 12 8049010\n");
  EXPECT_EQ(trace.events, (Events{alloc_event(0, 100)}));
  EXPECT_EQ(trace.summary.losses.malformed, 0U);
}

TEST(HeaptrackReader, WhatIsNotInTheRecordingIsCounted) {
  const Trace raw = read_heaptrack(kRawHead + "- 8049010\n+ 64 12 8049010\n- 8049010\n- 8049010\n");
  EXPECT_EQ(raw.events, (Events{alloc_event(0, 100), dealloc_event(0, 100)}));
  EXPECT_EQ(raw.summary.losses.unknown_deallocs, 2U);
  EXPECT_TRUE(raw.summary.began_midway);
  const Trace interpreted = read_heaptrack(kInterpretedHead + "a 64 1\n- 0\n+ 0\n- 0\n- 0\n");
  EXPECT_EQ(interpreted.events, (Events{alloc_event(0, 100), dealloc_event(0, 100)}));
  EXPECT_EQ(interpreted.summary.losses.unknown_deallocs, 2U);
}

TEST(HeaptrackReader, AnAddressThatIsHandedOutTwiceHasItsPlace) {
  const Trace trace = read_heaptrack("v 10400 3\n+ 64 12 8049010\n+ 8 12 8049010\n");
  EXPECT_EQ(trace.events, (Events{alloc_event(0, 100), dealloc_event(0, 100), alloc_event(0, 8)}));
  EXPECT_EQ(trace.summary.losses.double_allocs, 1U);
  EXPECT_EQ(trace.summary.losses.places, (Places{26}));
}

TEST(HeaptrackReader, AttachingToARunningProgramBeginsMidway) {
  EXPECT_TRUE(read_heaptrack(kRawHead + "A\n+ 64 12 8049010\n").summary.began_midway);
}

TEST(HeaptrackReader, EventsThatCannotBeAreCountedWithTheirPlace) {
  const Trace trace = read_heaptrack(
      "v 10400 3\na 64 1\n+ 0\n+ 1\n+ 64 12 8049010\n- 1\n- x\na 64\na 64 1 1\n+\n- 0\nhello\n");
  EXPECT_EQ(trace.events, (Events{alloc_event(0, 100), dealloc_event(0, 100)}));
  EXPECT_EQ(trace.summary.losses.malformed, 8U);
  EXPECT_EQ(trace.summary.losses.places, (Places{21, 25, 41, 45, 49, 54, 63, 69}));
  const Trace raw = read_heaptrack("v 10400 3\n+ 64 12 10\n+ 0\na 64 1\n+ 64 12 20 1\n- 10 2\n");
  EXPECT_EQ(raw.events, (Events{alloc_event(0, 100)}));
  EXPECT_EQ(raw.summary.losses.malformed, 4U);
}

TEST(HeaptrackReader, KindsOfANewerHeaptrackAreCounted) {
  const Trace trace = read_heaptrack("v 20000 9\nq 1 2\n+ 64 12 8049010\nz\n");
  EXPECT_EQ(trace.events, (Events{alloc_event(0, 100)}));
  EXPECT_EQ(trace.summary.unknown_operations, 2U);
}

TEST(HeaptrackReader, FileMayEndAnywhere) {
  const std::string text = kRawHead + "+ 64 12 8049010\n- 8049010\n";
  for (std::size_t size = kRawHead.size(); size <= text.size(); ++size) {
    const Trace trace = read_heaptrack(text.substr(0, size));
    const std::size_t at = size - kRawHead.size();
    EXPECT_EQ(trace.events.size(), size == text.size() ? 2U : at < 16 ? 0U : 1U) << size;
    EXPECT_EQ(trace.summary.losses.malformed, 0U) << size;
    EXPECT_EQ(trace.summary.ended_in_order, at == 0 || at == 16 || size == text.size()) << size;
  }
}

TEST(HeaptrackReader, EventsAreTheSameWhateverTheChunks) {
  std::string raw = kRawHead;
  std::string interpreted = kInterpretedHead + "a 64 1\na 1f 1\n";
  for (unsigned i = 0; i != 200; ++i) {
    raw += "+ " + std::to_string(i % 7) + " b 80490" + std::to_string(10 + i % 13) + "\n";
    if (i % 3 == 0) raw += "- 80490" + std::to_string(10 + i % 5) + "\nbad\n";
    interpreted += i % 2 == 0 ? "+ 0\n+ 1\n" : "- 1\n- 0\n- 2\n";
  }
  for (const std::string& text : {raw, interpreted}) {
    const Trace whole = read_heaptrack(text);
    EXPECT_GT(whole.events.size(), 200U);
    for (std::size_t chunk = 1; chunk != 40; ++chunk) {
      const Trace parts = read_heaptrack(text, chunk);
      EXPECT_EQ(parts.events, whole.events) << chunk;
      EXPECT_EQ(parts.summary.losses.places, whole.summary.losses.places) << chunk;
    }
  }
}

}  // namespace
}  // namespace drone::heaptrace
