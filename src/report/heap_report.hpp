// SPDX-License-Identifier: MIT
#pragma once

// What `drone heap` has to say about one trace or several, computed once; renderers only format it.

#include <cstdint>
#include <string>
#include <vector>

#include "heaptrace/reader.hpp"
#include "heaptrace/usage.hpp"

namespace drone::report {

/// One of the traces that a report is about.
struct TracePart {
  std::string name;  ///< its file
  heaptrace::Summary summary;
  std::uint64_t peak_bytes = 0;
  std::uint64_t trace_count = 1;  ///< of a summary: those that it is of
  std::uint64_t events = 0;       ///< that were counted: UsageCollector::events()
};

struct HeapReport {
  heaptrace::Usage usage;  ///< of all traces together
  std::vector<TracePart> traces;
  std::uint32_t heap_size = 0;       ///< bytes
  std::uint32_t base_alignment = 4;  ///< bytes
  double maximum_percent = 0;        ///< of heap_size: usage.maximum_bytes
  double peak_percent = 0;           ///< of heap_size: usage.peak_bytes
  std::uint64_t failed_requests = 0;
  std::uint64_t events = 0;     ///< of the trace; 0: how it grew is not said
  std::uint64_t last_rise = 0;  ///< the event at which the peak or some max count last grew
  bool still_written = false;   ///< the trace goes on: that it has no end yet is no news
};

/// Needs heap_size > 0, and at least one trace.
HeapReport make_heap_report(heaptrace::Usage usage, std::vector<TracePart> traces,
                            std::uint32_t heap_size, std::uint32_t base_alignment);

/// Of one trace.
HeapReport make_heap_report(heaptrace::Usage usage, heaptrace::Summary summary,
                            std::uint32_t heap_size, std::uint32_t base_alignment);

/// Adds how the figures grew: when the peak or some max count last did.
void add_growth(HeapReport& report, const heaptrace::UsageCollector& collector);

/// The report as text, ending in a newline: the table and its two sums; then, where there is
/// something to say, failed requests, runs, what was lost and what that means for the figures. Of
/// several traces it says by name which lost what.
std::string render_text(const HeapReport& report);

}  // namespace drone::report
