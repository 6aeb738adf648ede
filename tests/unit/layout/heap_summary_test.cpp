// SPDX-License-Identifier: MIT
#include "layout/heap_summary.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <vector>

#include "layout/optimize.hpp"
#include "program.hpp"
#include "random_program.hpp"
#include "recorded_trace.hpp"
#include "support/error.hpp"

namespace drone::layout {

/// For messages of failed tests.
void PrintTo(const HeapSummary& summary, std::ostream* out) {
  *out << summary.traces << " traces, " << summary.usage.sizes.size() << " sizes";
}

namespace {

using heaptrace::Event;
using ::testing::HasSubstr;

HeapSummary summary_of(std::span<const Event> events, const heaptrace::Summary& trace = {}) {
  SummaryCollector collector;
  collector.add(events);
  return collector.summary(trace);
}

/// What the reader may say of a trace.
heaptrace::Summary random_trace() {
  heaptrace::Summary trace;
  trace.runs = *rc::gen::inRange(0U, 5U);
  trace.bytes = *rc::gen::inRange<std::uint64_t>(0, 1'000'000'000'000);
  trace.began_midway = *rc::gen::arbitrary<bool>();
  trace.ended_in_order = *rc::gen::arbitrary<bool>();
  trace.description_ignored = *rc::gen::arbitrary<bool>();
  trace.unknown_operations = *rc::gen::inRange(0U, 3U);
  trace.losses.gaps = *rc::gen::inRange(0U, 3U);
  trace.losses.double_allocs = *rc::gen::inRange(0U, 300U);
  if (*rc::gen::arbitrary<bool>()) trace.description.heap_size = *rc::gen::inRange(1U, 100'000U);
  if (*rc::gen::arbitrary<bool>()) trace.description.base_alignment = *rc::gen::element(4U, 8U);
  return trace;
}

HeapSummary random_summary() {
  return summary_of(random_program(*rc::gen::element(4U, 8U)).events(), random_trace());
}

HeapSummary merged(HeapSummary a, const HeapSummary& b) {
  merge(a, b);
  return a;
}

TEST(HeapSummary, OfSeveralTracesIsThatOfAllOfThemTogether) {
  EXPECT_TRUE(rc::check("summaries merge exactly", [] {
    const auto count = *rc::gen::inRange(1, 4);
    std::vector<Event> all;
    HeapSummary merged_all;
    heaptrace::Summary trace;
    trace.ended_in_order = true;
    for (int i = 0; i != count; ++i) {
      const Program program = random_program(4);
      std::vector<Event> events{{heaptrace::EventKind::kReset}};
      events.insert(events.end(), program.events().begin(), program.events().end());
      all.insert(all.end(), events.begin(), events.end());
      heaptrace::Summary part;
      part.ended_in_order = true;
      merge(merged_all, summary_of(events, part));
    }
    HeapSummary together = summary_of(all, trace);
    together.traces = static_cast<std::uint64_t>(count);
    RC_ASSERT(merged_all == together);
  }));
}

TEST(HeapSummary, MergesInAnyOrderAndGrouping) {
  EXPECT_TRUE(rc::check("merge is commutative and associative", [] {
    const HeapSummary a = random_summary();
    const HeapSummary b = random_summary();
    const HeapSummary c = random_summary();
    RC_ASSERT(merged(a, b) == merged(b, a));
    RC_ASSERT(merged(merged(a, b), c) == merged(a, merged(b, c)));
    RC_ASSERT(merged(a, HeapSummary()) == a);
    RC_ASSERT(merged(HeapSummary(), a) == a);
  }));
}

TEST(HeapSummary, OfATraceTwiceHasItsPeaksOnceAndItsSumsTwice) {
  EXPECT_TRUE(rc::check("maxima are idempotent", [] {
    const HeapSummary once = random_summary();
    const HeapSummary twice = merged(once, once);
    RC_ASSERT(twice.asked == once.asked);
    RC_ASSERT(twice.usage.peak_bytes == once.usage.peak_bytes);
    RC_ASSERT(twice.usage.maximum_bytes == once.usage.maximum_bytes);
    RC_ASSERT(twice.events == 2 * once.events);
    for (std::size_t i = 0; i != once.usage.sizes.size(); ++i) {
      RC_ASSERT(twice.usage.sizes[i].max_count == once.usage.sizes[i].max_count);
      RC_ASSERT(twice.usage.sizes[i].allocations == 2 * once.usage.sizes[i].allocations);
    }
  }));
}

TEST(HeapSummary, TellsHowFarItIsWithBothBaseAlignments) {
  Program program;
  for (std::uint32_t size = 1; size <= 100; ++size) program.alloc(4 * size);
  SummaryCollector collector;
  std::vector<double> told;
  collector.tell_progress([&told](double done) { told.push_back(done); });
  collector.add(program.events());
  collector.summary({});
  EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
  EXPECT_EQ(std::count(told.begin(), told.end(), 0.5), 1);
  EXPECT_EQ(std::count(told.begin(), told.end(), 1.0), 1);
}

TEST(HeapSummary, ReadsBackAsItWasWritten) {
  EXPECT_TRUE(rc::check("decode reverses encode", [] {
    HeapSummary summary = random_summary();
    if (*rc::gen::arbitrary<bool>()) merge(summary, random_summary());
    if (*rc::gen::inRange(0, 4) == 0) summary.asked[1].peaks.reset();
    RC_ASSERT(decode_summary(encode_summary(summary)) == summary);
  }));
}

TEST(HeapSummary, GivesTheLayoutsThatTheTraceGives) {
  EXPECT_TRUE(rc::check("layouts by summary", [] {
    const std::uint32_t base = *rc::gen::element(4U, 8U);
    const Program program = random_program(*rc::gen::element(4U, 8U));
    const HeapSummary summary = decode_summary(encode_summary(summary_of(program.events())));
    DemandCollector direct(base);
    direct.add(program.events());
    DemandCollector read(base);
    read.merge(summary.asked_with(base).classes, summary.failed, summary.unservable);
    RC_ASSERT(read.demands() == direct.demands());
    RC_ASSERT(read.failed() == direct.failed());
    RC_ASSERT(read.unservable() == direct.unservable());
    LifeTracker tracker;
    JointPeaksCollector peaks(base, tracker);
    tracker.add(program.events(),
                [&](std::uint32_t, std::uint32_t from, std::uint32_t to) { peaks.add(from, to); });
    RC_ASSERT(summary.asked_with(base).peaks == peaks.peaks());
  }));
}

HeapSummary recorded_summary() {
  std::ifstream file(DRONE_SOURCE_DIR "/tests/golden/traces/jim_script.txt");
  return summary_of(read_recorded_trace(file).events());
}

TEST(HeapSummary, OfARecordedProgramIsSmall) {
  const HeapSummary summary = recorded_summary();
  const std::vector<std::byte> bytes = encode_summary(summary);
  EXPECT_GT(summary.usage.sizes.size(), 50U);
  EXPECT_LT(bytes.size(), 4096U);
  EXPECT_EQ(decode_summary(bytes), summary);
}

std::string refusal(std::span<const std::byte> bytes) {
  try {
    decode_summary(bytes);
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), ExitStatus::kInput);
    EXPECT_FALSE(error.hint().empty());
    return error.message();
  }
  return "";
}

TEST(HeapSummary, ThatIsCutOrChangedIsRefused) {
  const std::vector<std::byte> bytes = encode_summary(recorded_summary());
  const std::span<const std::byte> whole = bytes;
  for (std::size_t size = 0; size != bytes.size(); ++size) {
    EXPECT_THAT(refusal(whole.first(size)),
                size < kSummaryMagic.size() ? HasSubstr("no summary") : HasSubstr("damaged"))
        << size;
  }
  for (std::size_t at = 0; at != bytes.size(); ++at) {
    for (const unsigned bit : {0x01U, 0x80U}) {
      std::vector<std::byte> other = bytes;
      other[at] ^= static_cast<std::byte>(bit);
      EXPECT_NE(refusal(other), "") << "byte " << at;
    }
  }
}

TEST(HeapSummary, HasTheBytesOfTheFormatsDescription) {
  Program program;
  program.reset();
  program.alloc(12);
  program.dealloc(program.alloc(1));
  program.fail(12);
  heaptrace::Summary trace;
  trace.runs = 1;
  trace.bytes = 26;
  trace.ended_in_order = true;
  trace.description.heap_size = 1024;
  std::string hex;
  for (const std::byte byte : encode_summary(summary_of(program.events(), trace))) {
    constexpr const char* kDigits = "0123456789ABCDEF";
    const auto value = std::to_integer<unsigned>(byte);
    hex += {kDigits[value >> 4], kDigits[value & 15], ' '};
  }
  EXPECT_EQ(hex,
            "89 44 48 53 0D 0A 1A 0A "        // magic
            "01 01 01 05 1A "                 // version, traces, runs, events, bytes
            "01 80 08 00 00 "                 // heap size 1024 to 1024; no base alignment
            "00 00 00 00 00 00 00 00 00 00 "  // losses
            "00 02 "                          // unknown operations; ended in order
            "02 01 01 00 0A 01 00 "           // sizes: 1, 12; each once
            "01 0C 02 01 "                    // failed: 12, aligned to 4, once
            "0D "                             // peak: 13 bytes
            "01 0C 00 "                       // failed: 1, the largest 12; none unservable
            "02 01 03 02 01 0B 00 02 02 "     // base alignment 4: classes 1 in 4, 12 in 12
            "01 02 03 02 07 02 04 02 01 "     // joint peaks of 4 and 12: 2, 1, 2
            "00 "                             // base alignment 8 is another
            "02 01 07 03 01 0B 04 03 02 "     // classes 1 in 8, 12 in 16
            "01 02 07 03 07 03 04 02 01 "     // joint peaks of 8 and 16
            "CB 0E AF D1 ");                  // CRC-32, by Python's zlib
}

}  // namespace
}  // namespace drone::layout
