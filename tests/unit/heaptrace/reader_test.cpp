// SPDX-License-Identifier: MIT

// Streams that are whole. What is lost or damaged: reader_loss_test.cpp.

#include "heaptrace/reader.hpp"

#include <gtest/gtest.h>

#include "heaptrace/trace_builder.hpp"
#include "support/test_bytes.hpp"

namespace drone::heaptrace {
namespace {

using namespace test;
using Events = std::vector<Event>;

TEST(Reader, PairsAllocationsWithTheirEnd) {
  const Trace trace = read(
      TraceBuilder().version().alloc(3, 12).alloc(4, 100).resize(4, 60).dealloc(3).dealloc(4).ext(
          Op::kEnd, 0));
  EXPECT_EQ(trace.events,
            (Events{reset_event(), alloc_event(3, 12), alloc_event(4, 100),
                    resize_event(4, 100, 60), dealloc_event(3, 12), dealloc_event(4, 60)}));
  EXPECT_FALSE(trace.summary.losses.any());
  EXPECT_TRUE(trace.summary.losses.places.empty());
  EXPECT_EQ(trace.summary.events, 6U);
  EXPECT_EQ(trace.summary.runs, 1U);
  EXPECT_FALSE(trace.summary.began_midway);
  EXPECT_TRUE(trace.summary.ended_in_order);
  EXPECT_EQ(trace.summary.packets_per_port, (std::map<unsigned, std::uint64_t>{{31, 7}}));
}

TEST(Reader, ResizeToTheSameSizeIsNoEvent) {
  EXPECT_EQ(read(TraceBuilder().version().alloc(3, 12).resize(3, 12)).events,
            (Events{reset_event(), alloc_event(3, 12)}));
}

TEST(Reader, JoinsWidePairs) {
  const Trace trace = read(TraceBuilder()
                               .version()
                               .alloc(0x7FFF, 8)
                               .alloc(1, 16383)
                               .resize(0x7FFF, 70000)
                               .failed(100000)
                               .dealloc(0x7FFF)
                               .dealloc(1));
  EXPECT_EQ(trace.events, (Events{reset_event(), alloc_event(0x7FFF, 8), alloc_event(1, 16383),
                                  resize_event(0x7FFF, 8, 70000), failed_event(100000),
                                  dealloc_event(0x7FFF, 70000), dealloc_event(1, 16383)}));
  EXPECT_FALSE(trace.summary.losses.any());
}

TEST(Reader, AlignJoinsTheAllocationBeforeIt) {
  const Trace trace = read(TraceBuilder()
                               .version()
                               .alloc(3, 12)
                               .align(3, 5)
                               .dealloc(3)
                               .alloc(0x12345, 20)
                               .align(0x2345, 3)
                               .failed(40)
                               .align(0xFFFF, 6));
  EXPECT_EQ(trace.events, (Events{reset_event(), alloc_event(3, 12, 32), dealloc_event(3, 12, 32),
                                  alloc_event(0x12345, 20, 8), failed_event(40, 64)}));
}

TEST(Reader, AlignJoinsAcrossRecordsThatAreNoHeapEvents) {
  const Trace trace = read(TraceBuilder()
                               .version()
                               .alloc(3, 12)
                               .record({Op::kSite, 3, 0x1234})
                               .ext(Op::kSequence, 4)
                               .align(3, 5));
  EXPECT_EQ(trace.events, (Events{reset_event(), alloc_event(3, 12, 32)}));
  EXPECT_FALSE(trace.summary.losses.any());
}

TEST(Reader, AlignThatInterruptsPartedChangesTheBlockFromThereOn) {
  const Trace trace = read(
      TraceBuilder().version().alloc(3, 12).alloc(4, 8).align(4, 3).dealloc(4).align(3, 5).dealloc(
          3));
  EXPECT_EQ(trace.events,
            (Events{reset_event(), alloc_event(3, 12), alloc_event(4, 8, 8), dealloc_event(4, 8, 8),
                    realign_event(3, 12, 32), dealloc_event(3, 12, 32)}));
}

TEST(Reader, AlignBelongsToTheLatestAllocationWithoutOneThatEndsInItsBits) {
  const Trace trace = read(TraceBuilder()
                               .version()
                               .alloc(0x00005, 12)
                               .alloc(0x10005, 13)
                               .alloc(6, 1)
                               .align(5, 3)
                               .align(5, 4));
  EXPECT_EQ(trace.events,
            (Events{reset_event(), alloc_event(5, 12), alloc_event(0x10005, 13), alloc_event(6, 1),
                    realign_event(0x10005, 13, 8), realign_event(5, 12, 16)}));
}

TEST(Reader, AlignOfAFailedRequestFindsItAcrossAnInterruptsEvents) {
  // The inner request fails and names an alignment too.
  const Trace trace =
      read(TraceBuilder().version().failed(100).failed(200).align(0xFFFF, 3).alloc(1, 4).align(
          0xFFFF, 6));
  EXPECT_EQ(trace.events, (Events{reset_event(), failed_event(100, 64), failed_event(200, 8),
                                  alloc_event(1, 4)}));
}

TEST(Reader, AlignOfAFailedRequestFindsItAtTheEndOfABatch) {
  TraceBuilder builder;
  builder.version();
  for (int i = 0; i != 2047; ++i) builder.alloc(1, 4).dealloc(1);
  builder.failed(100);  // the last one that fits
  for (int i = 0; i != 100; ++i) builder.alloc(1, 4).dealloc(1);
  builder.align(0xFFFF, 6);
  const Trace trace = read(builder);
  ASSERT_EQ(trace.events.size(), 1 + 2 * 2047 + 1 + 200U);
  EXPECT_EQ(trace.events[1 + 2 * 2047], failed_event(100, 64));
}

TEST(Reader, AlignmentThatIsNotMoreThanTheHeapsIsNone) {
  const Trace trace =
      read(TraceBuilder().version().ext(Op::kHeapAlignment, 8).alloc(1, 4).align(1, 3));
  EXPECT_EQ(trace.events, (Events{reset_event(), alloc_event(1, 4, 8)}));
}

TEST(Reader, VersionBeginsARun) {
  const Trace trace = read(TraceBuilder().version().alloc(3, 12).version().alloc(3, 8).dealloc(3));
  EXPECT_EQ(trace.events, (Events{reset_event(), alloc_event(3, 12), reset_event(),
                                  alloc_event(3, 8), dealloc_event(3, 8)}));
  EXPECT_EQ(trace.summary.runs, 2U);
  EXPECT_FALSE(trace.summary.losses.any());
}

TEST(Reader, ResetBetweenTheHalvesOfAWidePairIsNoDamage) {
  const Trace trace = read(TraceBuilder().version().record({Op::kWideAlloc, 5, 0}).version());
  EXPECT_FALSE(trace.summary.losses.any());
}

TEST(Reader, CaptureThatBeganMidwayCountsItsFirstRun) {
  const Trace trace = read(TraceBuilder().dealloc(9).resize(8, 20).version().alloc(1, 4));
  EXPECT_EQ(trace.events, (Events{alloc_event(8, 20), reset_event(), alloc_event(1, 4)}));
  EXPECT_TRUE(trace.summary.began_midway);
  EXPECT_EQ(trace.summary.runs, 2U);
  EXPECT_EQ(trace.summary.losses.unknown_deallocs, 2U);
  EXPECT_EQ(trace.summary.losses.lost_allocs, 0U);
  EXPECT_FALSE(trace.summary.losses.any());
}

TEST(Reader, SkipsOtherPortsAndSourcesTimestampsAndSynchronizations) {
  TraceBuilder builder;
  builder.version().raw(drone::test::bytes_of("01 4F 17 18 02 00 08 30 C0 C9 01 94 80 A0 84 60"));
  builder.alloc(1, 4).raw(drone::test::bytes_of("00 00 00 00 00 80 0C 08"));
  builder.dealloc(1);
  const Trace trace = read(builder);
  EXPECT_EQ(trace.events, (Events{reset_event(), alloc_event(1, 4), dealloc_event(1, 4)}));
  EXPECT_FALSE(trace.summary.losses.any());
  EXPECT_EQ(trace.summary.packets_per_port, (std::map<unsigned, std::uint64_t>{{0, 1}, {31, 3}}));
}

TEST(Reader, ReadsTheHeapOfAnotherPort) {
  const Trace trace = read(drone::test::bytes_of("2B 07 01 00 00  2B 01 00 04 00"), 5);
  EXPECT_EQ(trace.events, (Events{reset_event(), alloc_event(0, 1)}));
}

TEST(Reader, EndCountsOnlyIfNothingFollows) {
  EXPECT_TRUE(read(TraceBuilder().version().ext(Op::kEnd, 0)).summary.ended_in_order);
  EXPECT_FALSE(read(TraceBuilder().version().ext(Op::kEnd, 0).alloc(1, 4)).summary.ended_in_order);
  EXPECT_FALSE(read(TraceBuilder().version()).summary.ended_in_order);
}

TEST(Reader, UnknownOperationsAreCountedAndOtherwiseSkipped) {
  TraceBuilder builder;
  builder.version();
  for (std::uint32_t sub = 15; sub != 30; ++sub) {
    builder.ext(static_cast<Op>(static_cast<std::uint32_t>(Op::kFirstExt) + sub), 77);
  }
  const Trace trace = read(builder.ext(Op::kSequence, 2));
  EXPECT_EQ(trace.summary.unknown_operations, 15U);
  EXPECT_FALSE(trace.summary.losses.any()) << "SEQUENCE does not count them";
}

TEST(Reader, DescriptionIsPartOfTheSummary) {
  const Trace trace = read(TraceBuilder()
                               .version()
                               .pool(32, 2)
                               .pool(4, 10)
                               .ext(Op::kHeapSize, 128)
                               .ext(Op::kClock, 84000)
                               .ext(Op::kHeapAlignment, 4)
                               .ext(Op::kHeapBaseLow, 0x001000)
                               .ext(Op::kHeapBaseHigh, 0x20));
  const Description& description = trace.summary.description;
  EXPECT_EQ(description.pools, (std::vector<heap::PoolSpec>{{32, 2}, {4, 10}}));
  EXPECT_EQ(description.heap_size, 128U);
  EXPECT_EQ(description.clock_khz, 84000U);
  EXPECT_EQ(description.base_alignment, 4U);
  EXPECT_EQ(description.heap_base, 0x20001000U);
}

TEST(Reader, LongTraceIsHandedOnWholeAndInOrder) {
  TraceBuilder builder;
  builder.version();
  Events expected{reset_event()};
  for (std::uint32_t i = 0; i != 20000; ++i) {
    builder.alloc(i % 300, 1 + i % 16000).dealloc(i % 300);
    expected.push_back(alloc_event(i % 300, 1 + i % 16000));
    expected.push_back(dealloc_event(i % 300, 1 + i % 16000));
  }
  EXPECT_EQ(read(builder).events, expected);
}

}  // namespace
}  // namespace drone::heaptrace
