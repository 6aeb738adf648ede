// SPDX-License-Identifier: MIT

// The ITM tracer on a fake port whose FIFO fills, is switched off midway, or never takes a word,
// and in which interrupts arrive.

#include "drone/heaptrace/itm_tracer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <ostream>
#include <vector>

#include "drone/heap/heap.hpp"

namespace drone::heaptrace {

void PrintTo(const Record& record, std::ostream* out) {
  *out << "{op " << int{static_cast<std::uint8_t>(record.op)} << ", block " << record.block << ", "
       << record.argument << "}";
}

namespace {

using cortex_m::InterruptMask;
using testing::ElementsAre;

/// A port with a FIFO of `capacity` words that takes one out on every `tests_per_word`th test.
struct FakePort {
  static inline bool listening;
  static inline std::vector<Record> written;
  static inline std::size_t queued;
  static inline std::size_t capacity;
  static inline unsigned tests_per_word;
  static inline unsigned tests;
  /// Called once a masked section, before anything in it is looked at: what an interrupt does that
  /// arrives just before the section begins. It cannot arrive between the writes of a wide pair.
  static inline std::function<void()> interrupt;
  static inline std::function<void()> at_test;
  static inline bool is_in_pair;
  static inline bool is_in_interrupt;
  static inline bool was_lost;
  static inline bool was_unmasked;

  static void reset() {
    listening = true;
    written.clear();
    queued = 0;
    capacity = 1;
    tests_per_word = 1;
    tests = 0;
    interrupt = nullptr;
    at_test = nullptr;
    is_in_pair = is_in_interrupt = was_lost = was_unmasked = false;
  }

  static bool is_listening() noexcept { return listening; }

  static bool is_enabled() noexcept {
    if (!InterruptMask::is_masked()) was_unmasked = true;
    if (interrupt && !is_in_pair && !is_in_interrupt) {
      is_in_interrupt = true;
      interrupt();
      is_in_interrupt = false;
    }
    return listening;
  }

  static bool is_ready() noexcept {
    if (!InterruptMask::is_masked()) was_unmasked = true;
    ++tests;
    if (at_test) at_test();
    if (tests_per_word != 0 && queued != 0 && tests % tests_per_word == 0) --queued;
    return queued < capacity;
  }

  static void write16(std::uint16_t value) noexcept { take({value, 2}); }
  static void write32(std::uint32_t value) noexcept { take({value, 4}); }

 private:
  static void take(Write write) noexcept {
    if (!InterruptMask::is_masked()) was_unmasked = true;
    if (queued >= capacity) was_lost = true;
    ++queued;
    const Decoded decoded = decode(write);
    EXPECT_TRUE(decoded.valid);
    written.push_back(decoded.record);
    is_in_pair = decoded.record.op == Op::kWideAlloc || decoded.record.op == Op::kWideResize;
  }
};

inline constexpr heap::Layout<3> kLayout{
    .size = 2048, .alignment = 4, .pools = {{{12, 4}, {16, 2}, {64, 2}}}};
using Tracer = ItmTracer<kLayout, 84000, FakePort>;
using TracedHeap = heap::Heap<kLayout, Tracer>;

std::vector<Record> description() {
  const auto base = reinterpret_cast<std::uintptr_t>(heap::arena<kLayout>.data());
  const auto address = static_cast<std::uint32_t>(base);
  return {{Op::kVersion, 0, 1},
          {Op::kPoolBlock, 0, 64},
          {Op::kPoolCapacity, 0, 2},
          {Op::kPoolBlock, 0, 16},
          {Op::kPoolCapacity, 0, 2},
          {Op::kPoolBlock, 0, 12},
          {Op::kPoolCapacity, 0, 4},
          {Op::kHeapSize, 0, 2048},
          {Op::kClock, 0, 84000},
          {Op::kHeapAlignment, 0, 4},
          {Op::kHeapBaseLow, 0, address & 0xFFFFFF},
          {Op::kHeapBaseHigh, 0, address >> 24}};
}

class ItmTracerTest : public testing::Test {
 protected:
  ItmTracerTest() {
    FakePort::reset();
    Tracer::reset();
    TracedHeap::reset();
  }
  ~ItmTracerTest() override {
    EXPECT_FALSE(FakePort::was_lost) << "written into a full FIFO";
    EXPECT_FALSE(FakePort::was_unmasked) << "tested or written with interrupts enabled";
    EXPECT_FALSE(InterruptMask::is_masked());
  }

  /// Writes the description, and forgets it.
  static void introduce() {
    Tracer::trace_alloc(0, 1, 1);
    FakePort::written.clear();
  }

  /// What a reader counts: events written, and those reported as dropped. Checks each SEQUENCE.
  static std::uint32_t count_and_check_sequences() {
    std::uint32_t counted = 0;
    for (const Record& record : FakePort::written) {
      if (is_counted(record.op)) ++counted;
      if (record.op == Op::kDropped) counted += record.argument;
      if (record.op == Op::kSequence) {
        EXPECT_EQ(record.argument, counted);
      }
    }
    return counted;
  }
};

TEST_F(ItmTracerTest, WritesNothingWhileNobodyListens) {
  FakePort::listening = false;
  TracedHeap::deallocate(TracedHeap::allocate(12));
  Tracer::trace_dealloc(3);
  EXPECT_TRUE(FakePort::written.empty());
  FakePort::listening = true;
  TracedHeap::deallocate(TracedHeap::allocate(12));
  // What nobody could hear is no loss.
  EXPECT_EQ(FakePort::written.front(), (Record{Op::kVersion, 0, 1}));
  EXPECT_EQ(FakePort::written.back(), (Record{Op::kDealloc, 4, 0}));
  EXPECT_EQ(FakePort::written.size(), description().size() + 2);
}

TEST_F(ItmTracerTest, DescribesTheHeapBeforeTheFirstEvent) {
  (void)TracedHeap::allocate(10);
  std::vector<Record> expected = description();
  expected.push_back({Op::kAlloc, 4, 10});
  EXPECT_EQ(FakePort::written, expected);
}

TEST_F(ItmTracerTest, SaysWhatTheHeapDid) {
  introduce();
  void* const block = TracedHeap::allocate(10);
  EXPECT_TRUE(TracedHeap::grow(block, 10, 12));
  EXPECT_TRUE(TracedHeap::shrink(block, 12, 3));
  void* const moved = TracedHeap::reallocate(block, 50);
  EXPECT_EQ(TracedHeap::allocate(100), nullptr);
  EXPECT_EQ(TracedHeap::allocate(100000), nullptr);
  TracedHeap::deallocate(moved);
  EXPECT_THAT(
      FakePort::written,
      ElementsAre(Record{Op::kAlloc, 4, 10}, Record{Op::kResize, 4, 12}, Record{Op::kResize, 4, 3},
                  Record{Op::kAlloc, 0, 50}, Record{Op::kDealloc, 4, 0},
                  Record{Op::kAlloc, kNoBlock, 100}, Record{Op::kWideAlloc, kNoBlock, 0},
                  Record{Op::kWideSize, 0, 100000}, Record{Op::kDealloc, 0, 0}));
}

TEST_F(ItmTracerTest, NamesAnAlignmentAboveTheBase) {
  introduce();
  (void)TracedHeap::allocate(12, 4);
  (void)TracedHeap::allocate(12, 8);
  (void)TracedHeap::allocate(12, 64);
  (void)TracedHeap::allocate(12, 128);
  EXPECT_THAT(
      FakePort::written,
      ElementsAre(Record{Op::kAlloc, 4, 12}, Record{Op::kAlloc, 2, 12}, Record{Op::kAlign, 2, 3},
                  Record{Op::kAlloc, 0, 12}, Record{Op::kAlign, 0, 6},
                  Record{Op::kAlloc, kNoBlock, 12}, Record{Op::kAlign, 0xFFFF, 7}));
}

TEST_F(ItmTracerTest, WritesSequenceAsEvery256thEvent) {
  for (int i = 0; i != 1000; ++i) Tracer::trace_dealloc(1);
  std::vector<std::uint32_t> sequences;
  for (const Record& record : FakePort::written) {
    if (record.op == Op::kSequence) sequences.push_back(record.argument);
  }
  EXPECT_THAT(sequences, ElementsAre(256, 512, 768));
  count_and_check_sequences();
}

TEST_F(ItmTracerTest, WaitsForAFullFifo) {
  FakePort::tests_per_word = 100;
  for (std::uint32_t i = 0; i != 300; ++i) Tracer::trace_dealloc(i % 8);
  EXPECT_EQ(count_and_check_sequences(), 1 + 300 + 1U);
}

TEST_F(ItmTracerTest, WaitsAtMostItsLimitThenTestsOncePerEventUntilTheFifoMoves) {
  introduce();
  FakePort::tests_per_word = 0;
  FakePort::queued = 1;
  FakePort::tests = 0;
  Tracer::trace_dealloc(1);
  EXPECT_EQ(FakePort::tests, kTestLimit);
  for (int i = 0; i != 10; ++i) Tracer::trace_dealloc(1);
  EXPECT_EQ(FakePort::tests, kTestLimit + 10);
  EXPECT_TRUE(FakePort::written.empty());

  FakePort::tests_per_word = 1;
  Tracer::trace_dealloc(2);
  EXPECT_THAT(FakePort::written,
              ElementsAre(Record{Op::kDropped, 0, 11}, Record{Op::kDealloc, 2, 0}));
  FakePort::tests_per_word = 0;
  FakePort::tests = 0;
  Tracer::trace_dealloc(3);
  EXPECT_EQ(FakePort::tests, kTestLimit);
}

TEST_F(ItmTracerTest, CountsDroppedEventsInTheSequence) {
  introduce();                                              // 2 counted: VERSION and an ALLOC
  for (int i = 0; i != 250; ++i) Tracer::trace_dealloc(1);  // 252
  FakePort::tests_per_word = 0;
  FakePort::queued = 1;
  for (int i = 0; i != 10; ++i) Tracer::trace_dealloc(1);  // 262, over 256
  FakePort::tests_per_word = 1;
  FakePort::written.clear();
  Tracer::trace_dealloc(5);
  EXPECT_THAT(FakePort::written,
              ElementsAre(Record{Op::kDropped, 0, 10}, Record{Op::kSequence, 0, 264},
                          Record{Op::kDealloc, 5, 0}));
  // The next one is where it would have been.
  FakePort::written.clear();
  for (int i = 0; i != 300; ++i) Tracer::trace_dealloc(1);
  EXPECT_THAT(FakePort::written, testing::Contains(Record{Op::kSequence, 0, 512}));
}

TEST_F(ItmTracerTest, DropsBeforeTheFirstWordAreReportedAfterTheDescription) {
  FakePort::tests_per_word = 0;
  FakePort::queued = 1;
  Tracer::trace_dealloc(1);
  Tracer::trace_dealloc(2);
  FakePort::tests_per_word = 1;
  Tracer::trace_dealloc(3);
  std::vector<Record> expected = description();
  expected.push_back({Op::kDropped, 0, 2});
  expected.push_back({Op::kDealloc, 3, 0});
  EXPECT_EQ(FakePort::written, expected);
}

TEST_F(ItmTracerTest, StopsWaitingWhenTraceIsSwitchedOff) {
  introduce();
  FakePort::tests_per_word = 0;
  FakePort::queued = 1;
  FakePort::tests = 0;
  FakePort::at_test = [] {
    if (FakePort::tests == 5) FakePort::listening = false;
  };
  Tracer::trace_dealloc(1);
  EXPECT_EQ(FakePort::tests, 5U);
  Tracer::trace_dealloc(1);
  EXPECT_EQ(FakePort::tests, 5U);
  // Listened to again: the event that was under way is the only one that was lost.
  FakePort::at_test = nullptr;
  FakePort::listening = true;
  FakePort::tests_per_word = 1;
  Tracer::trace_dealloc(2);
  EXPECT_THAT(FakePort::written,
              ElementsAre(Record{Op::kDropped, 0, 1}, Record{Op::kDealloc, 2, 0}));
}

TEST_F(ItmTracerTest, DropsTheSecondOfAWidePairAlone) {
  introduce();
  FakePort::queued = 0;
  FakePort::tests_per_word = 0;
  (void)TracedHeap::allocate(100000);
  EXPECT_THAT(FakePort::written, ElementsAre(Record{Op::kWideAlloc, kNoBlock, 0}));
  FakePort::tests_per_word = 1;
  Tracer::trace_dealloc(1);
  EXPECT_THAT(FakePort::written,
              ElementsAre(Record{Op::kWideAlloc, kNoBlock, 0}, Record{Op::kDropped, 0, 1},
                          Record{Op::kDealloc, 1, 0}));
}

TEST_F(ItmTracerTest, DroppedAllocationLeavesNoAlignmentBehind) {
  introduce();
  FakePort::tests_per_word = 0;
  FakePort::queued = 1;
  Tracer::trace_alloc(2, 12, 8);
  FakePort::tests_per_word = 1;
  Tracer::trace_dealloc(1);
  EXPECT_THAT(FakePort::written,
              ElementsAre(Record{Op::kDropped, 0, 1}, Record{Op::kDealloc, 1, 0}));
}

TEST_F(ItmTracerTest, ReportsMoreDropsThanAWordHolds) {
  introduce();
  FakePort::tests_per_word = 0;
  FakePort::queued = 1;
  for (int i = 0; i != (1 << 24) + 4; ++i) Tracer::trace_dealloc(1);
  FakePort::tests_per_word = 1;
  Tracer::trace_dealloc(1);
  ASSERT_GE(FakePort::written.size(), 3U);
  EXPECT_EQ(FakePort::written[0], (Record{Op::kDropped, 0, 0xFFFFFF}));
  EXPECT_EQ(FakePort::written[1], (Record{Op::kDropped, 0, 5}));
}

/// Interrupts at every test of the FIFO, each tracing on its own.
class ItmTracerInterrupted : public ItmTracerTest, public testing::WithParamInterface<unsigned> {};

TEST_P(ItmTracerInterrupted, LosesNothingAndKeepsCounting) {
  const unsigned period = GetParam();
  unsigned sections = 0;
  std::uint32_t from_interrupts = 0;
  FakePort::tests_per_word = 3;
  FakePort::interrupt = [&] {
    if (++sections % period != 0) return;
    Tracer::trace_alloc(7, 1000 + from_interrupts % 100, 1);
    Tracer::trace_dealloc(7);
    ++from_interrupts;
  };
  for (std::uint32_t i = 0; i != 400; ++i) {
    Tracer::trace_alloc(i % 7, 1 + i, i % 5 == 0 ? 16 : 1);
    if (i % 50 == 0) Tracer::trace_alloc(heap::kNoBlock, 20000 + i, 1);
    Tracer::trace_dealloc(i % 7);
  }
  FakePort::interrupt = nullptr;
  ASSERT_GT(from_interrupts, 10U);

  // The introduction is whole and in order, whoever wrote its words.
  std::vector<Record> introduction;
  std::vector<Record> own;
  std::uint32_t sequences = 0;
  std::uint32_t interrupt_events = 0;
  for (std::size_t i = 0; i != FakePort::written.size(); ++i) {
    const Record record = FakePort::written[i];
    EXPECT_NE(record.op, Op::kDropped);
    if (record.op == Op::kVersion || record.op >= Op::kPoolBlock) {
      introduction.push_back(record);
      EXPECT_EQ(introduction.size(), i + 1) << "an event before the end of the description";
    } else if (record.op == Op::kSequence) {
      ++sequences;
    } else if (record.block == 7) {
      ++interrupt_events;
    } else {
      own.push_back(record);
      if (record.op == Op::kWideAlloc) {
        ASSERT_LT(i + 1, FakePort::written.size());
        EXPECT_EQ(FakePort::written[i + 1].op, Op::kWideSize) << "torn pair";
      }
    }
  }
  EXPECT_EQ(introduction, description());
  EXPECT_EQ(interrupt_events, 2 * from_interrupts);
  EXPECT_EQ(own.size(), 400 * 2 + 80 + 8 * 2U);
  EXPECT_EQ(count_and_check_sequences() / kSequencePeriod, sequences);
}

INSTANTIATE_TEST_SUITE_P(EveryFewTests, ItmTracerInterrupted, testing::Values(3, 5, 7, 16));

TEST_F(ItmTracerTest, AccountsForEveryEventWhenInterruptsTakeTheWholePort) {
  std::uint32_t from_interrupts = 0;
  unsigned sections = 0;
  FakePort::tests_per_word = 3;
  FakePort::interrupt = [&] {
    if (++sections % 2 != 0) return;
    Tracer::trace_dealloc(7);
    Tracer::trace_dealloc(7);
    ++from_interrupts;
  };
  for (int i = 0; i != 20; ++i) Tracer::trace_dealloc(1);
  FakePort::interrupt = nullptr;
  FakePort::tests_per_word = 1;
  Tracer::trace_dealloc(1);

  const auto deallocs = std::count_if(FakePort::written.begin(), FakePort::written.end(),
                                      [](Record record) { return record.op == Op::kDealloc; });
  std::uint32_t dropped = 0;
  for (const Record& record : FakePort::written) {
    if (record.op == Op::kDropped) dropped += record.argument;
  }
  EXPECT_GT(dropped, 0U);
  EXPECT_EQ(static_cast<std::uint32_t>(deallocs) + dropped, 2 * from_interrupts + 21);
  count_and_check_sequences();
}

TEST(ItmTracerOfTwoHeaps, KeepsThemApart) {
  static constexpr heap::Layout<1> kOther{.size = 64, .alignment = 8, .pools = {{{8, 8}}}};
  using Other = ItmTracer<kOther, 0, FakePort>;
  FakePort::reset();
  Tracer::reset();
  Tracer::trace_dealloc(1);
  FakePort::written.clear();
  Other::trace_dealloc(1);
  EXPECT_EQ(FakePort::written.front().op, Op::kVersion);
  EXPECT_EQ(FakePort::written.size(), 1 + 2 + 1 + 1 + 2 + 1U);  // no CLOCK
}

/// An allocator that is only watched.
struct Watched {
  static inline Extent extent;
  static Extent get() noexcept { return extent; }
};
constexpr PoollessHeap kWatched{8, Watched::get};

TEST(ItmTracerOfAPoollessHeap, NumbersBlocksByTheirAddress) {
  using WatchedTracer = ItmTracer<kWatched, 16000, FakePort>;
  FakePort::reset();
  WatchedTracer::reset();
  Watched::extent = {0x20001004, 0x8000};
  WatchedTracer::trace_alloc(kWatched.block_at(reinterpret_cast<void*>(0x20001008)), 20, 64);
  WatchedTracer::trace_dealloc(kWatched.block_at(reinterpret_cast<void*>(0x20003018)));
  // The base is rounded down to a multiple of 8, and the size grows by as much.
  EXPECT_THAT(FakePort::written,
              ElementsAre(Record{Op::kVersion, 0, 1}, Record{Op::kHeapBaseLow, 0, 0x001000},
                          Record{Op::kHeapBaseHigh, 0, 0x20}, Record{Op::kHeapAlignment, 0, 8},
                          Record{Op::kClock, 0, 16000}, Record{Op::kHeapSize, 0, 0x8004},
                          Record{Op::kAlloc, 1, 20}, Record{Op::kAlign, 1, 6},
                          Record{Op::kDealloc, 0x2018 / 8, 0}));
}

TEST(ItmTracerOfAPoollessHeap, DoesNotSayASizeThatIsNotKnown) {
  using WatchedTracer = ItmTracer<kWatched, 0, FakePort>;
  FakePort::reset();
  WatchedTracer::reset();
  Watched::extent = {0x20000000, 0};
  WatchedTracer::trace_alloc(0, 20, 1);
  EXPECT_THAT(FakePort::written,
              ElementsAre(Record{Op::kVersion, 0, 1}, Record{Op::kHeapBaseLow, 0, 0},
                          Record{Op::kHeapBaseHigh, 0, 0x20}, Record{Op::kHeapAlignment, 0, 8},
                          Record{Op::kAlloc, 0, 20}));
}

}  // namespace
}  // namespace drone::heaptrace
