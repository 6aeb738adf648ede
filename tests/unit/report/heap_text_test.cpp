// SPDX-License-Identifier: MIT
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "report/heap_report.hpp"

namespace drone::report {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

heaptrace::Summary whole_trace() {
  heaptrace::Summary summary;
  summary.runs = 1;
  summary.ended_in_order = true;
  return summary;
}

std::string render(const heaptrace::Usage& usage, const heaptrace::Summary& summary) {
  return render_text(make_heap_report(usage, summary, 10240, 4));
}

TEST(HeapText, TraceThatIsWholeIsQuiet) {
  heaptrace::Usage usage;
  usage.sizes = {{12, 3, 7}};
  usage.maximum_bytes = 36;
  usage.peak_bytes = 24;
  EXPECT_EQ(render(usage, whole_trace()),
            "---------------------------------- HEAP USAGE ----------------------------------\n"
            " <size> <max count> <allocations>\n"
            "     12           3             7\n"
            "Maximum memory usage: 36 / 0.35%\n"
            "Peak in use: 24 / 0.23%\n");
}

TEST(HeapText, SaysHowMuchOfTheTraceCameAfterItsPeaks) {
  heaptrace::UsageCollector collector;
  using heaptrace::EventKind;
  const auto add = [&collector](EventKind kind, std::uint32_t block, std::uint32_t size,
                                std::uint32_t old_size = 0) {
    collector.add(std::vector<heaptrace::Event>{{kind, block, size, old_size, 4}});
  };
  add(EventKind::kAlloc, 0, 12);
  add(EventKind::kAlloc, 1, 12);
  add(EventKind::kDealloc, 0, 0, 12);
  add(EventKind::kAlloc, 2, 8);  // another max count, but no higher peak
  for (int i = 0; i != 3; ++i) {
    add(EventKind::kAlloc, 3, 4);
    add(EventKind::kDealloc, 3, 0, 4);
  }
  HeapReport report = make_heap_report(collector.usage(), whole_trace(), 10240, 4);
  EXPECT_THAT(render_text(report), Not(HasSubstr("Peaks")));
  add_growth(report, collector);
  EXPECT_THAT(render_text(report),
              HasSubstr("\nPeaks last rose at event 5 of 10: 50% of the trace came after it.\n"));
}

TEST(HeapText, ProgramThatAllocatesNothingHasAnEmptyTable) {
  EXPECT_THAT(render({}, whole_trace()), HasSubstr(" <size> <max count> <allocations>\n"
                                                   "Maximum memory usage: 0 / 0.00%\n"));
}

TEST(HeapText, EmptyTableIsSaidToBeOne) {
  constexpr const char* kNote = "\nNo request was traced: the table is empty.\n";
  EXPECT_THAT(render({}, whole_trace()), HasSubstr(kNote));
  heaptrace::Usage usage;
  usage.failed = {{512, 4, 2}};
  EXPECT_THAT(render(usage, whole_trace()), Not(HasSubstr(kNote)));
}

TEST(HeapText, ColumnsGrowWithTheirNumbers) {
  heaptrace::Usage usage;
  usage.sizes = {{1, 1, 1}, {16777215, 123456789012, 12345678901234}};
  EXPECT_THAT(render(usage, whole_trace()), HasSubstr("   <size>  <max count>  <allocations>\n"
                                                      "        1            1              1\n"
                                                      " 16777215 123456789012 12345678901234\n"));
}

TEST(HeapText, UsageThatExceedsTheHeapIsSaidTo) {
  heaptrace::Usage usage;
  usage.sizes = {{1, 1, 1}};
  usage.maximum_bytes = 10240;
  usage.peak_bytes = 10240;
  EXPECT_THAT(render(usage, whole_trace()), Not(HasSubstr("More than the heap holds")));
  usage.maximum_bytes = 20480;
  EXPECT_THAT(render(usage, whole_trace()),
              HasSubstr("Maximum memory usage: 20480 / 200.00%\n"
                        "Peak in use: 10240 / 100.00%\n"
                        "More than the heap holds, 10240 bytes, if every size peaks at once.\n"));
  usage.peak_bytes = 10241;
  EXPECT_THAT(render(usage, whole_trace()),
              HasSubstr("Peak in use: 10241 / 100.01%\n"
                        "More than the heap holds: this program cannot run in 10240 bytes.\n"));
}

TEST(HeapText, FailedRequestsComeWithSizesAndNamedAlignments) {
  heaptrace::Usage usage;
  usage.failed = {{1, 4, 1}, {512, 4, 2}, {512, 64, 1}};
  EXPECT_THAT(render(usage, whole_trace()), HasSubstr("\nFailed requests: 4\n"
                                                      "  1 byte: 1 time\n"
                                                      "  512 bytes: 2 times\n"
                                                      "  512 bytes aligned to 64: 1 time\n"));
}

TEST(HeapText, ManyFailedSizesAreNotAllListed) {
  heaptrace::Usage usage;
  for (std::uint32_t size = 1; size <= 25; ++size) usage.failed.push_back({size, 4, 2});
  const std::string text = render(usage, whole_trace());
  EXPECT_THAT(text, HasSubstr("Failed requests: 50\n"));
  EXPECT_THAT(text, HasSubstr("  20 bytes: 2 times\n  and 10 of larger sizes\n"));
}

TEST(HeapText, EachLossIsASentenceAndTheFiguresAreQualified) {
  heaptrace::Summary summary = whole_trace();
  summary.losses.overflows = 1;
  summary.losses.lost_events = 2;
  summary.losses.places = {17, 4711};
  const std::string text = render({}, summary);
  EXPECT_THAT(text, HasSubstr("overflowed 1 time:"));
  EXPECT_THAT(text, HasSubstr("2 events were lost"));
  EXPECT_THAT(text, HasSubstr("offsets in the file: 17, 4711."));
  EXPECT_THAT(text, HasSubstr("<allocations> are lower bounds"));
  EXPECT_THAT(text, Not(HasSubstr("dropped")));
}

TEST(HeapText, ContradictionsInAWholeTraceAreTheProgramsDoing) {
  heaptrace::Summary summary = whole_trace();
  summary.losses.lost_allocs = 1610;
  summary.losses.double_allocs = 1;
  const std::string text = render({}, summary);
  EXPECT_THAT(text, HasSubstr("1610 times a block was freed or resized that was not allocated."));
  EXPECT_THAT(text, HasSubstr("1 time a block was allocated that was allocated already."));
  EXPECT_THAT(text, HasSubstr("the program frees blocks twice"));
  EXPECT_THAT(text, Not(HasSubstr("incomplete")));

  summary.losses.overflows = 1;
  EXPECT_THAT(render({}, summary), AllOf(HasSubstr("The trace is incomplete"),
                                         Not(HasSubstr("the program frees blocks twice"))));
}

TEST(HeapText, LossesKeepTo80Columns) {
  heaptrace::Summary summary = whole_trace();
  summary.losses.lost_allocs = 1;
  for (std::uint64_t i = 0; i != 16; ++i) summary.losses.places.push_back(123456789 + i);
  for (const std::uint64_t overflows : {0U, 1U}) {
    summary.losses.overflows = overflows;
    std::istringstream lines(render({}, summary));
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80U) << line;
  }
  EXPECT_THAT(render({}, summary), HasSubstr("123456804.\n"));
}

TEST(HeapText, NotesSayHowTheCaptureBeganAndEnded) {
  heaptrace::Summary summary = whole_trace();
  summary.began_midway = true;
  summary.losses.unknown_deallocs = 1;
  summary.ended_in_order = false;
  const std::string text = render({}, summary);
  EXPECT_THAT(text, HasSubstr("began while the program was running"));
  EXPECT_THAT(text, HasSubstr("\n1 block was freed or resized that had been allocated before.\n"));
  EXPECT_THAT(text, HasSubstr("not closed in order"));
  EXPECT_THAT(text, Not(HasSubstr("incomplete")));
}

TEST(HeapText, RunsAreNamedIfThereAreSeveral) {
  heaptrace::Summary summary = whole_trace();
  summary.runs = 3;
  EXPECT_THAT(render({}, summary), HasSubstr("\nRuns: 3,"));
}

}  // namespace
}  // namespace drone::report
