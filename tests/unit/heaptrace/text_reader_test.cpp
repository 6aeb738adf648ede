// SPDX-License-Identifier: MIT
#include "heaptrace/text_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "heaptrace/import_reading.hpp"
#include "heaptrace/usage.hpp"
#include "support/test_bytes.hpp"

namespace drone::heaptrace {
namespace {

using namespace test;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

using Events = std::vector<Event>;

Trace read_text(std::string_view text, std::size_t chunk = SIZE_MAX) {
  return read_import<TextReader>(text, chunk);
}

/// The recorded trace that the layout's tests use, too.
std::string recorded() {
  return drone::test::text_of_file(DRONE_SOURCE_DIR "/tests/golden/traces/jim_script.txt");
}

TEST(TextReader, ReadsTheFourEvents) {
  const Trace trace = read_text(
      "a 7 12\n"
      "r 7 24\n"
      "a 8 100 64\n"
      "x 5000 8\n"
      "f 7\n");
  EXPECT_EQ(trace.events,
            (Events{alloc_event(0, 12), resize_event(0, 12, 24), alloc_event(1, 100, 64),
                    failed_event(5000, 8), dealloc_event(0, 24)}));
  EXPECT_EQ(trace.summary.events, 5U);
  EXPECT_EQ(trace.summary.runs, 1U);
  EXPECT_EQ(trace.summary.format, FileFormat::kText);
  EXPECT_FALSE(trace.summary.losses.any());
  EXPECT_FALSE(trace.summary.began_midway);
  EXPECT_TRUE(trace.summary.ended_in_order);
}

TEST(TextReader, PassesOverBlankLinesAndComments) {
  EXPECT_EQ(
      read_text("\xEF\xBB\xBF# recorded today\n\n \t \r\na 1 4 \r\n\t f  1\t\r\n#f 1\n").events,
      (Events{alloc_event(0, 4), dealloc_event(0, 4)}));
}

TEST(TextReader, AnyWordIsAnId) {
  const Trace trace = read_text(
      "a 0x10 4\na 16 5\na 0x7ffe8010 6\na main.buffer 7\na 99999999999999999999 8\na 5e2f 9\n"
      "f main.buffer\nf 99999999999999999999\nf 0x7FFE8010\nf 5e2f\n");
  EXPECT_EQ(trace.events,
            (Events{alloc_event(0, 4),
                    // 0x10 is 16: its first block was given back unnoticed
                    dealloc_event(0, 4), alloc_event(0, 5), alloc_event(1, 6), alloc_event(2, 7),
                    alloc_event(3, 8), alloc_event(4, 9), dealloc_event(2, 7), dealloc_event(3, 8),
                    dealloc_event(1, 6), dealloc_event(4, 9)}));
  EXPECT_EQ(trace.summary.losses.double_allocs, 1U);
}

TEST(TextReader, AnIdIsUsedAgainForAnotherBlock) {
  for (const char* id : {"1", "word"}) {
    std::string text;
    for (unsigned i = 0; i != 1000; ++i) {
      text += "a " + std::string(id) + " " + std::to_string(8 + i) + "\nf " + id + "\n";
    }
    const Trace trace = read_text(text);
    EXPECT_EQ(trace.events.size(), 2000U);
    for (const Event& event : trace.events) EXPECT_EQ(event.block, 0U);
    EXPECT_FALSE(trace.summary.losses.any());
  }
}

TEST(TextReader, WhatWasAllocatedBeforeIsCounted) {
  const Trace trace = read_text("f 1\nr 2 40\nf 2\nf word\n");
  EXPECT_EQ(trace.events, (Events{alloc_event(0, 40), dealloc_event(0, 40)}));
  EXPECT_EQ(trace.summary.losses.unknown_deallocs, 3U);
  EXPECT_TRUE(trace.summary.began_midway);
  EXPECT_FALSE(trace.summary.losses.any());
}

TEST(TextReader, WhatIsAllocatedTwiceHasItsPlace) {
  const Trace trace = read_text("a 1 4\na 2 4\na 1 9\n");
  EXPECT_EQ(trace.events,
            (Events{alloc_event(0, 4), alloc_event(1, 4), dealloc_event(0, 4), alloc_event(0, 9)}));
  EXPECT_EQ(trace.summary.losses.double_allocs, 1U);
  EXPECT_EQ(trace.summary.losses.places, (std::vector<std::uint64_t>{12}));
}

TEST(TextReader, SizesAreAtLeastOneByte) {
  EXPECT_EQ(read_text("a 1 0\nr 1 4\nr 1 0\nf 1\nx 0\n").events,
            (Events{alloc_event(0, 1), resize_event(0, 1, 4), resize_event(0, 4, 1),
                    dealloc_event(0, 1), failed_event(1)}));
}

TEST(TextReader, ReallocationToTheSameSizeChangesNothing) {
  EXPECT_EQ(read_text("a 1 8\nr 1 8\n").events, (Events{alloc_event(0, 8)}));
}

TEST(TextReader, AnAlignmentBelowTheLeastIsThat) {
  EXPECT_EQ(read_text("a 1 8 1\na 2 8 0x10\n").events,
            (Events{alloc_event(0, 8, 4), alloc_event(1, 8, 16)}));
}

TEST(TextReader, SizesOf32BitsAreRead) {
  EXPECT_EQ(read_text("a 1 4294967295\na 2 0xFFFFFFFF\na 3 0000000000000000000012\n").events,
            (Events{alloc_event(0, 0xFFFFFFFF), alloc_event(1, 0xFFFFFFFF), alloc_event(2, 12)}));
}

TEST(TextReader, AddressesTellA64BitProgram) {
  EXPECT_FALSE(read_text("a 0x7fffffff 4\na 99999999999 4\n").summary.of_64_bit_program);
  EXPECT_TRUE(read_text("a 0x7ffff7ff0010 4\n").summary.of_64_bit_program);
}

TEST(TextReader, MistakesNameTheirLineAndWhatWouldBeRight) {
  ReadOptions options;
  options.format = FileFormat::kText;
  const auto refused = [&options](const std::string& line) {
    return refusal_of("# x\na 1 4\n" + line, options);
  };
  const auto at_line_3 = [](const std::string& what) {
    return AllOf(StartsWith("line 3: " + what), HasSubstr("`a ID SIZE [ALIGN]`"));
  };
  EXPECT_THAT(refused("alloc 1 4\n"), at_line_3("'alloc' begins no event"));
  EXPECT_THAT(refused("A 1 4\n"), at_line_3("'A' begins no event"));
  EXPECT_THAT(refused("a\n"), at_line_3("the ID is missing in `a ID SIZE [ALIGN]`"));
  EXPECT_THAT(refused("f  \n"), at_line_3("the ID is missing in `f ID`"));
  EXPECT_THAT(refused("r 1\n"), at_line_3("the size is missing in `r ID SIZE`"));
  EXPECT_THAT(refused("x\n"), at_line_3("the size is missing in `x SIZE [ALIGN]`"));
  EXPECT_THAT(refused("a 1 12k\n"), at_line_3("'12k' is no size: a number of bytes"));
  EXPECT_THAT(refused("a 1 -4\n"), at_line_3("'-4' is no size"));
  EXPECT_THAT(refused("a 1 0x\n"), at_line_3("'0x' is no size"));
  EXPECT_THAT(refused("a 1 4294967296\n"),
              at_line_3("the size '4294967296' is more than a 32-bit heap can hold"));
  EXPECT_THAT(refused("a 1 99999999999999999999999\n"),
              at_line_3("the size '99999999999999999999999' is more than"));
  EXPECT_THAT(refused("a 1 4 3\n"), at_line_3("'3' is no alignment: a power of two"));
  EXPECT_THAT(refused("a 1 4 0\n"), at_line_3("'0' is no alignment"));
  EXPECT_THAT(refused("a 1 4 4294967296\n"), at_line_3("'4294967296' is no alignment"));
  EXPECT_THAT(refused("a 1 4 8 9\n"), at_line_3("'9' is too much in `a ID SIZE [ALIGN]`"));
  EXPECT_THAT(refused("r 1 4 8\n"), at_line_3("'8' is too much in `r ID SIZE`"));
  EXPECT_THAT(refused("f 1 # done\n"), at_line_3("'#' is too much in `f ID`"));
  EXPECT_THAT(refused("x 4 8 9\n"), at_line_3("'9' is too much in `x SIZE [ALIGN]`"));
  EXPECT_THAT(refused(std::string("\x1B[2J") + std::string(50, 'y') + " 1 4\n"),
              at_line_3("'?[2J" + std::string(36, 'y') + "...' begins no event"));
}

TEST(TextReader, LinesAreCountedAcrossChunks) {
  std::string text;
  for (unsigned i = 0; i != 300; ++i) text += "a " + std::to_string(i) + " 4\n\n";
  for (const std::size_t chunk : {std::size_t{1}, std::size_t{7}, std::size_t{100}, SIZE_MAX}) {
    try {
      read_text(text + "oops\n", chunk);
      ADD_FAILURE() << "was read";
    } catch (const Error& error) {
      EXPECT_THAT(error.message(), StartsWith("line 601: 'oops'"));
    }
  }
}

TEST(TextReader, AVeryLongCommentIsReadAndAVeryLongEventIsNot) {
  const std::string blanks((std::size_t{1} << 20) + 10, ' ');
  for (const std::size_t chunk : {std::size_t{1} << 12, SIZE_MAX}) {
    EXPECT_EQ(read_text("a 1 4\nf 1" + std::string(10, ' ') + "\n", chunk).events.size(), 2U);
    EXPECT_EQ(read_text("a 1 4\n" + std::string(100000, ' ') + "f 1\n", chunk).events.size(), 2U);
    try {
      read_text("a 1 4" + blanks + "64\n", chunk);
      ADD_FAILURE() << "was read";
    } catch (const Error& error) {
      EXPECT_EQ(error.message(), "line 1: the line is longer than 1 MB");
    }
  }
}

TEST(TextReader, LastLineNeedsNoEnd) {
  const Trace trace = read_text("a 1 4\nf 1");
  EXPECT_EQ(trace.events, (Events{alloc_event(0, 4), dealloc_event(0, 4)}));
  EXPECT_TRUE(trace.summary.ended_in_order);
}

TEST(TextReader, LastLineThatIsNoEventYetWasCut) {
  const Trace trace = read_text("a 1 4\na 2");
  EXPECT_EQ(trace.events, (Events{alloc_event(0, 4)}));
  EXPECT_FALSE(trace.summary.ended_in_order);
}

TEST(TextReader, OfACutFileTheLastLineMayLackDigits) {
  const Trace trace = read_import<TextReader>("a 1 4\na 2 12", SIZE_MAX, true);
  EXPECT_EQ(trace.events, (Events{alloc_event(0, 4)}));
  EXPECT_FALSE(trace.summary.ended_in_order);
}

TEST(TextReader, EventsAreTheSameWhateverTheChunks) {
  const std::string text = recorded();
  const Trace whole = read_text(text);
  EXPECT_EQ(whole.summary.events, 2500U);
  for (std::size_t chunk = 1; chunk != 60; ++chunk) {
    EXPECT_EQ(read_text(text, chunk).events, whole.events) << chunk;
  }
}

TEST(TextReader, UsageOfARecordedTraceIsThatOfAPlainModel) {
  std::map<std::string, std::uint64_t> live;
  std::uint64_t bytes = 0;
  std::uint64_t peak = 0;
  std::istringstream lines(recorded());
  std::string kind;
  std::string id;
  while (lines >> kind >> id) {
    std::uint64_t size = 0;
    if (kind != "f") lines >> size;
    bytes += size - (kind == "a" ? 0 : live.at(id));
    if (kind == "f") {
      live.erase(id);
    } else {
      live[id] = size;
    }
    peak = std::max(peak, bytes);
  }
  UsageCollector collector;
  collector.add(read_text(recorded()).events);
  EXPECT_EQ(collector.usage().peak_bytes, peak);
  EXPECT_EQ(collector.live_bytes(), bytes);
  EXPECT_EQ(peak, 22218U);  // as tests/golden/traces/README.md says
}

TEST(TextReader, LivesAreWholeWhateverTheIds) {
  // Few IDs, and such as collide in tables of powers of two.
  for (unsigned seed = 0; seed != 20; ++seed) {
    std::mt19937_64 random(seed);
    std::string text;
    std::map<std::uint64_t, std::uint64_t> model;
    std::uint64_t bytes = 0;
    for (unsigned i = 0; i != 5000; ++i) {
      const std::uint64_t id = (random() % 700) << (seed % 5 * 12);
      const std::uint64_t size = 1 + random() % 50;
      const auto life = model.find(id);
      if (life == model.end()) {
        model[id] = size;
        bytes += size;
        text += "a " + std::to_string(id) + " " + std::to_string(size) + "\n";
      } else if (random() % 4 == 0) {
        bytes += size - life->second;
        life->second = size;
        text += "r " + std::to_string(id) + " " + std::to_string(size) + "\n";
      } else {
        bytes -= life->second;
        model.erase(life);
        text += "f " + std::to_string(id) + "\n";
      }
    }
    const Trace trace = read_text(text);
    EXPECT_FALSE(trace.summary.losses.any());
    EXPECT_FALSE(trace.summary.began_midway);
    UsageCollector collector;
    collector.add(trace.events);
    EXPECT_EQ(collector.live_bytes(), bytes) << seed;
    std::map<std::uint32_t, std::uint32_t> sizes;
    for (const Event& event : trace.events) {
      EXPECT_LT(event.block, 700U);
      if (event.kind == EventKind::kAlloc) {
        EXPECT_TRUE(sizes.emplace(event.block, event.size).second);
      } else if (event.kind == EventKind::kResize) {
        EXPECT_EQ(std::exchange(sizes.at(event.block), event.size), event.old_size);
      } else {
        EXPECT_EQ(sizes.at(event.block), event.old_size);
        sizes.erase(event.block);
      }
    }
    EXPECT_EQ(sizes.size(), model.size());
  }
}

}  // namespace
}  // namespace drone::heaptrace
