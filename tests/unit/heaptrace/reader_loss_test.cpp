// SPDX-License-Identifier: MIT

// Streams from which something is missing, or which something damaged.

#include <gtest/gtest.h>

#include "heaptrace/reader.hpp"
#include "heaptrace/trace_builder.hpp"
#include "support/error.hpp"
#include "support/test_bytes.hpp"

namespace drone::heaptrace {
namespace {

using namespace test;
using Events = std::vector<Event>;
using Places = std::vector<std::uint64_t>;

TEST(ReaderLosses, DeallocOfABlockNotLiveIsCountedOnly) {
  const Trace trace = read(TraceBuilder().version().dealloc(7));
  EXPECT_EQ(trace.events, (Events{reset_event()}));
  EXPECT_EQ(trace.summary.losses.unknown_deallocs, 1U);
  EXPECT_EQ(trace.summary.losses.lost_allocs, 1U) << "the run was seen from its reset";
  EXPECT_EQ(trace.summary.losses.places, Places{5});
  EXPECT_TRUE(trace.summary.losses.any());
  EXPECT_FALSE(trace.summary.losses.on_the_way());
}

TEST(ReaderLosses, ResizeOfABlockNotLiveMakesItLive) {
  const Trace trace = read(TraceBuilder().version().resize(7, 20).dealloc(7));
  EXPECT_EQ(trace.events, (Events{reset_event(), alloc_event(7, 20), dealloc_event(7, 20)}));
  EXPECT_EQ(trace.summary.losses.unknown_deallocs, 1U);
}

TEST(ReaderLosses, AllocOfALiveBlockEndsItsLife) {
  const Trace trace = read(TraceBuilder().version().alloc(7, 20).alloc(7, 30));
  EXPECT_EQ(trace.events,
            (Events{reset_event(), alloc_event(7, 20), dealloc_event(7, 20), alloc_event(7, 30)}));
  EXPECT_EQ(trace.summary.losses.double_allocs, 1U);
  EXPECT_EQ(trace.summary.losses.places, Places{10});
}

TEST(ReaderLosses, SequenceTellsHowManyEventsAreMissing) {
  const Trace trace = read(TraceBuilder().version().alloc(1, 4).ext(Op::kSequence, 10));
  EXPECT_EQ(trace.summary.losses.lost_events, 7U);
  EXPECT_TRUE(trace.summary.losses.on_the_way());
  EXPECT_EQ(trace.summary.losses.places, Places{10});
}

TEST(ReaderLosses, SequenceIgnoresTheDescription) {
  const Trace trace = read(TraceBuilder()
                               .version()
                               .pool(16, 10)
                               .ext(Op::kHeapSize, 160)
                               .alloc(1, 4)
                               .align(1, 3)
                               .record({Op::kSite, 1, 2})
                               .ext(Op::kSequence, 5));
  EXPECT_FALSE(trace.summary.losses.any());
}

TEST(ReaderLosses, DroppedEventsAreNotLostToo) {
  const Trace trace =
      read(TraceBuilder().version().ext(Op::kDropped, 4).alloc(1, 4).ext(Op::kSequence, 8));
  EXPECT_EQ(trace.summary.losses.dropped_events, 4U);
  EXPECT_EQ(trace.summary.losses.lost_events, 0U);
  const Trace late = read(TraceBuilder()
                              .version()
                              .ext(Op::kSequence, 6)
                              .ext(Op::kDropped, 4)
                              .alloc(1, 4)
                              .ext(Op::kSequence, 9));
  EXPECT_EQ(late.summary.losses.dropped_events, 4U);
  EXPECT_EQ(late.summary.losses.lost_events, 0U);
}

TEST(ReaderLosses, GapsCarryTheirBytes) {
  const Trace trace = read(TraceBuilder()
                               .version()
                               .ext(Op::kGap, 3)
                               .alloc(1, 4)
                               .ext(Op::kGap, 0)
                               .ext(Op::kEnd, 0)
                               .ext(Op::kGap, 5));
  EXPECT_EQ(trace.summary.losses.gaps, 3U);
  EXPECT_EQ(trace.summary.losses.gap_bytes, 8U);
  EXPECT_EQ(trace.summary.losses.places, (Places{5, 15, 25}));
  EXPECT_EQ(trace.summary.events, 2U) << "the target sent no GAP and no END";
}

TEST(ReaderLosses, OverflowsAndBrokenPacketsCountWithTheirPlace) {
  TraceBuilder builder;
  builder.version().overflow().alloc(1, 4).raw(drone::test::bytes_of("A0 81 01"));
  builder.dealloc(1);
  const Trace trace = read(builder);
  EXPECT_EQ(trace.events, (Events{reset_event(), alloc_event(1, 4), dealloc_event(1, 4)}));
  EXPECT_EQ(trace.summary.losses.overflows, 1U);
  EXPECT_EQ(trace.summary.losses.malformed, 1U);
  EXPECT_EQ(trace.summary.losses.places, (Places{5, 11}));
}

TEST(ReaderLosses, PacketCutByASynchronizationIsNoEvent) {
  TraceBuilder builder;
  builder.version().alloc(1, 4).raw(drone::test::bytes_of("FA 00 00 00 00 00 80"));
  const Trace trace = read(builder);
  EXPECT_EQ(trace.events, (Events{reset_event(), alloc_event(1, 4)}));
  EXPECT_EQ(trace.summary.losses.malformed, 1U);
}

TEST(ReaderLosses, OnlyTheFirstSixteenPlacesAreKept) {
  TraceBuilder builder;
  builder.version();
  for (int i = 0; i != 40; ++i) builder.overflow();
  const Trace trace = read(builder);
  EXPECT_EQ(trace.summary.losses.overflows, 40U);
  ASSERT_EQ(trace.summary.losses.places.size(), 16U);
  EXPECT_EQ(trace.summary.losses.places.back(), 20U);
}

TEST(ReaderLosses, WideEventWithoutItsSizeIsDamage) {
  const Record wide{Op::kWideAlloc, 5, 0};
  const Record size{Op::kWideSize, 0, 20000};
  for (const TraceBuilder& builder :
       {TraceBuilder().version().record(wide).alloc(1, 4),
        TraceBuilder().version().record(size).alloc(1, 4),
        TraceBuilder().version().record(wide).overflow().alloc(1, 4)}) {
    const Trace trace = read(builder);
    EXPECT_EQ(trace.events, (Events{reset_event(), alloc_event(1, 4)}));
    EXPECT_EQ(trace.summary.losses.damaged_events, 1U);
  }
}

TEST(ReaderLosses, ReservedValuesAreDamage) {
  for (const Record& record :
       {Record{Op::kAlloc, 1, 0}, Record{Op::kAlloc, 1, 0x3FFF}, Record{Op::kResize, 1, 0},
        Record{Op::kResize, 0x7FFF, 5}, Record{Op::kDealloc, 0x7FFF, 0},
        Record{Op::kWideDealloc, 0xFFFFFF, 0}, Record{Op::kVersion, 0, 0},
        Record{Op::kVersion, 0, 256}, Record{Op::kAlign, 1, 32}, Record{Op::kHeapSize, 0, 0},
        Record{Op::kHeapAlignment, 0, 5}, Record{Op::kHeapBaseHigh, 0, 256}}) {
    const Trace trace = read(TraceBuilder().version().record(record).alloc(2, 4));
    EXPECT_EQ(trace.events, (Events{reset_event(), alloc_event(2, 4)}));
    EXPECT_EQ(trace.summary.losses.damaged_events, 1U) << static_cast<int>(record.op);
    EXPECT_EQ(trace.summary.losses.places, Places{5});
  }
}

TEST(ReaderLosses, WriteThatNoTracerMakesIsDamage) {
  for (const Write& write : {Write{0x41, 1}, Write{0x0001, 2}, Write{0x00000008, 4}}) {
    const Trace trace = read(TraceBuilder().version().write(write).alloc(2, 4).dealloc(2));
    EXPECT_EQ(trace.events, (Events{reset_event(), alloc_event(2, 4), dealloc_event(2, 4)}));
    EXPECT_EQ(trace.summary.losses.damaged_events, 1U);
  }
}

TEST(ReaderLosses, WhatTheDescribedHeapCannotHaveIsDamage) {
  const auto described = [] {
    return TraceBuilder().version().pool(32, 2).pool(12, 3).ext(Op::kHeapSize, 100);
  };
  const Events nothing{reset_event()};
  for (const TraceBuilder& builder :
       {described().alloc(5, 1), described().alloc(4, 13), described().dealloc(5),
        described().resize(5, 1), described().resize(0, 33)}) {
    const Trace trace = read(builder);
    EXPECT_EQ(trace.events, nothing);
    EXPECT_EQ(trace.summary.losses.damaged_events, 1U);
    EXPECT_EQ(trace.summary.losses.unknown_deallocs, 0U);
  }
  EXPECT_EQ(read(described().failed(5000)).summary.losses.damaged_events, 0U);
  const Trace aligned = read(described().alloc(4, 12).align(4, 3));
  EXPECT_EQ(aligned.events, (Events{reset_event(), alloc_event(4, 12)}));
  EXPECT_EQ(aligned.summary.losses.damaged_events, 1U) << "blocks of 12 are aligned to 4";
}

TEST(ReaderLosses, DescriptionThatNearlyEveryEventContradictsIsIgnored) {
  TraceBuilder builder;
  builder.version().pool(4, 2).ext(Op::kHeapSize, 8).alloc(0, 4);
  for (std::uint32_t block = 10; block != 30; ++block) builder.alloc(block, 40).dealloc(block);
  const Trace trace = read(builder);
  EXPECT_EQ(trace.restarts, 1);
  EXPECT_TRUE(trace.summary.description_ignored);
  EXPECT_FALSE(trace.summary.description.heap_size.has_value());
  EXPECT_EQ(trace.summary.losses.damaged_events, 0U);
  EXPECT_EQ(trace.events.size(), 42U);
  EXPECT_EQ(trace.events[2], alloc_event(10, 40));
}

TEST(ReaderLosses, VersionOfAnotherFormatInTheMiddleIsDamage) {
  TraceBuilder builder;
  builder.version();
  for (int i = 0; i != 20; ++i) builder.alloc(1, 4).dealloc(1);
  builder.ext(Op::kVersion, 3);
  for (int i = 0; i != 20; ++i) builder.alloc(1, 4).dealloc(1);
  const Trace trace = read(builder);
  EXPECT_EQ(trace.summary.runs, 1U);
  EXPECT_GT(trace.summary.losses.damaged_events + trace.summary.losses.malformed, 0U);
  EXPECT_EQ(trace.events.size(), 81U);
}

TEST(ReaderLosses, DescriptionThatSomeEventsContradictIsKept) {
  TraceBuilder builder;
  builder.version().pool(40, 2).ext(Op::kHeapSize, 80);
  for (int i = 0; i != 5; ++i) builder.alloc(0, 4).alloc(7, 4).alloc(8, 4).dealloc(0);
  const Trace trace = read(builder);
  EXPECT_EQ(trace.restarts, 1) << "to look for another framing";
  EXPECT_FALSE(trace.summary.description_ignored);
  EXPECT_EQ(trace.summary.losses.damaged_events, 10U);
}

TEST(ReaderLosses, StimulusPageDoesNotHideTheHeap) {
  TraceBuilder builder;
  builder.version().raw(drone::test::bytes_of("18")).alloc(1, 4);
  const Trace trace = read(builder);
  EXPECT_EQ(trace.events, (Events{reset_event(), alloc_event(1, 4)}));
  EXPECT_EQ(trace.summary.losses.malformed, 1U);
}

TEST(ReaderLosses, FileMayEndInMidPacket) {
  const std::vector<std::byte> whole = TraceBuilder().version().alloc(1, 4).alloc(2, 8).bytes();
  for (std::size_t size = 10; size != 15; ++size) {
    const Trace trace = read({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
    EXPECT_EQ(trace.events, (Events{reset_event(), alloc_event(1, 4)})) << size;
    EXPECT_FALSE(trace.summary.losses.any());
    EXPECT_EQ(trace.summary.bytes, size);
  }
}

}  // namespace
}  // namespace drone::heaptrace
