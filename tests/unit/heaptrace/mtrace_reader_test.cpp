// SPDX-License-Identifier: MIT
#include "heaptrace/mtrace_reader.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "heaptrace/import_reading.hpp"
#include "support/test_bytes.hpp"

namespace drone::heaptrace {
namespace {

using namespace test;
using Events = std::vector<Event>;
using Places = std::vector<std::uint64_t>;

Trace read_mtrace(std::string_view text, std::size_t chunk = SIZE_MAX) {
  return read_import<MtraceReader>(text, chunk);
}

TEST(MtraceReader, ReadsAllocationsAndTheirEnds) {
  const Trace trace = read_mtrace(
      "= Start\n"
      "@ ./node:[0x1559] + 0x804a010 0x64\n"
      "@ /usr/lib/libstdc++.so.6:(_Znwm+1c)[0xa958c] + 0x804a080 0x1f\n"
      "@ ./node:[0x15e6] - 0x804a010\n"
      "= End\n");
  EXPECT_EQ(trace.events, (Events{alloc_event(0, 100), alloc_event(1, 31), dealloc_event(0, 100)}));
  EXPECT_EQ(trace.summary.format, FileFormat::kMtrace);
  EXPECT_EQ(trace.summary.events, 3U);
  EXPECT_EQ(trace.summary.runs, 1U);
  EXPECT_FALSE(trace.summary.began_midway);
  EXPECT_TRUE(trace.summary.ended_in_order);
  EXPECT_FALSE(trace.summary.of_64_bit_program);
}

TEST(MtraceReader, ReallocationInPlaceIsAResize) {
  EXPECT_EQ(
      read_mtrace("@ ./a:[0x1] + 0x10 0x8\n@ ./a:[0x1] < 0x10\n@ ./a:[0x1] > 0x10 0x18\n").events,
      (Events{alloc_event(0, 8), resize_event(0, 8, 24)}));
}

TEST(MtraceReader, ReallocationThatMovesTakesBeforeItGivesBack) {
  EXPECT_EQ(
      read_mtrace("@ ./a:[0x1] + 0x10 0x8\n@ ./a:[0x1] < 0x10\n@ ./a:[0x1] > 0x40 0x18\n"
                  "@ ./a:[0x1] - 0x40\n")
          .events,
      (Events{alloc_event(0, 8), alloc_event(1, 24), dealloc_event(0, 8), dealloc_event(1, 24)}));
}

TEST(MtraceReader, FailedRequestsAreThoseWithoutAnAddress) {
  EXPECT_EQ(read_mtrace("@ ./a:[0x1] + (nil) 0x1388\n@ ./a:[0x1] + 0x10 0x8\n"
                        "@ ./a:[0x1] ! 0x10 0x4000000000000000\n@ ./a:[0x1] - 0x10\n")
                .events,
            (Events{failed_event(5000), alloc_event(0, 8), failed_event(0xFFFFFFFF),
                    dealloc_event(0, 8)}));
}

TEST(MtraceReader, CallersMayBeMissingOrContainAnything) {
  EXPECT_EQ(
      read_mtrace("+ 0x10 0x8\n@ /home/me/my - 0x5 + project/a:[0x1] + 0x20 0x9\n"
                  "@ /home/me/my - 0x10/a:[0x1] - 0x20\n- 0x10\n")
          .events,
      (Events{alloc_event(0, 8), alloc_event(1, 9), dealloc_event(1, 9), dealloc_event(0, 8)}));
}

TEST(MtraceReader, ARequestOfNoBytesTakesABlock) {
  EXPECT_EQ(read_mtrace("@ ./a:[0x1] + 0x10 0\n").events, (Events{alloc_event(0, 1)}));
}

TEST(MtraceReader, FreeingNothingIsNothing) {
  const Trace trace = read_mtrace("@ ./a:[0x1] - (nil)\n@ ./a:[0x1] + 0x10 0x8\n");
  EXPECT_EQ(trace.events, (Events{alloc_event(0, 8)}));
  EXPECT_FALSE(trace.summary.began_midway);
}

TEST(MtraceReader, WhatWasAllocatedBeforeMtraceIsCounted) {
  const Trace trace =
      read_mtrace("= Start\n@ ./a:[0x1] - 0x10\n@ ./a:[0x1] < 0x20\n@ ./a:[0x1] > 0x20 0x8\n");
  EXPECT_EQ(trace.events, (Events{alloc_event(0, 8)}));
  EXPECT_EQ(trace.summary.losses.unknown_deallocs, 2U);
  EXPECT_TRUE(trace.summary.began_midway);
}

TEST(MtraceReader, AnotherStartIsAnotherRun) {
  const Trace trace = read_mtrace(
      "= Start\n@ ./a:[0x1] + 0x10 0x8\n= End\n= Start\n@ ./a:[0x1] + 0x10 0x9\n= End\n");
  EXPECT_EQ(trace.events, (Events{alloc_event(0, 8), reset_event(), alloc_event(0, 9)}));
  EXPECT_EQ(trace.summary.runs, 2U);
  EXPECT_FALSE(trace.summary.losses.any());
  EXPECT_EQ(read_mtrace("@ ./a:[0x1] + 0x10 0x8\n= Start\n@ ./a:[0x1] + 0x10 0x9\n").summary.runs,
            2U);
}

TEST(MtraceReader, LinesThatAreNoEventAreCountedWithTheirPlace) {
  const Trace trace = read_mtrace(
      "= Start\n@ ./a:[0x1] + 0x10 0x8\n@ ./a:[0x1] + 0x@ ./a:[0x1] + 0x20 8\nhello\n"
      "@ ./a:[0x1] < 0x10\n@ ./a:[0x1] - 0x10\n@ ./a:[0x1] > 0x30 0x8\n");
  EXPECT_EQ(trace.events, (Events{alloc_event(0, 8), dealloc_event(0, 8)}));
  EXPECT_EQ(trace.summary.losses.malformed, 4U);
  EXPECT_EQ(trace.summary.losses.places, (Places{31, 68, 93, 112}));
}

TEST(MtraceReader, FileMayEndAnywhere) {
  const std::string text =
      "= Start\n@ ./a:[0x1] + 0x10 0x8\n@ ./a:[0x1] < 0x10\n"
      "@ ./a:[0x1] > 0x10 0x18\n";
  for (std::size_t size = 0; size <= text.size(); ++size) {
    const Trace trace = read_mtrace(text.substr(0, size));
    EXPECT_EQ(trace.events.size(), size == text.size() ? 2U : size < 31 ? 0U : 1U) << size;
    EXPECT_EQ(trace.summary.losses.malformed, 0U) << size;
    EXPECT_EQ(trace.summary.ended_in_order,
              size == 0 || size == 8 || size == 31 || size == text.size())
        << size;
  }
}

TEST(MtraceReader, EventsAreTheSameWhateverTheChunks) {
  const std::string text =
      drone::test::text_of_file(DRONE_SOURCE_DIR "/tests/golden/imports/words.mtrace");
  const Trace whole = read_mtrace(text);
  EXPECT_GT(whole.events.size(), 250U);
  for (std::size_t chunk = 1; chunk != 130; ++chunk) {
    EXPECT_EQ(read_mtrace(text, chunk).events, whole.events) << chunk;
  }
}

}  // namespace
}  // namespace drone::heaptrace
