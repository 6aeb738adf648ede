// SPDX-License-Identifier: MIT
#include "report/heap_report.hpp"

#include <algorithm>
#include <utility>

namespace drone::report {
namespace {

double percent_of(std::uint64_t bytes, std::uint32_t heap_size) {
  return 100.0 * static_cast<double>(bytes) / static_cast<double>(heap_size);
}

}  // namespace

HeapReport make_heap_report(heaptrace::Usage usage, std::vector<TracePart> traces,
                            std::uint32_t heap_size, std::uint32_t base_alignment) {
  HeapReport report;
  report.usage = std::move(usage);
  report.traces = std::move(traces);
  report.heap_size = heap_size;
  report.base_alignment = base_alignment;
  report.maximum_percent = percent_of(report.usage.maximum_bytes, heap_size);
  report.peak_percent = percent_of(report.usage.peak_bytes, heap_size);
  for (const heaptrace::FailedUsage& failed : report.usage.failed) {
    report.failed_requests += failed.count;
  }
  return report;
}

void add_growth(HeapReport& report, const heaptrace::UsageCollector& collector) {
  report.events = collector.events();
  report.last_rise = std::max(collector.last_growth().peak, collector.last_growth().max_count);
}

HeapReport make_heap_report(heaptrace::Usage usage, heaptrace::Summary summary,
                            std::uint32_t heap_size, std::uint32_t base_alignment) {
  std::vector<TracePart> traces;
  traces.push_back({{}, std::move(summary), usage.peak_bytes});
  return make_heap_report(std::move(usage), std::move(traces), heap_size, base_alignment);
}

}  // namespace drone::report
