// SPDX-License-Identifier: MIT
#include "cli/heap.hpp"

#include <ostream>
#include <span>
#include <utility>

#include "cli/heap_input.hpp"
#include "heaptrace/reader.hpp"
#include "heaptrace/usage.hpp"
#include "report/heap_report.hpp"

namespace drone::cli {

ExitStatus run_heap(const HeapOptions& options, Environment& environment) {
  const HeapInput input = heap_input(options, environment);
  heaptrace::Usage usage;
  std::vector<report::TracePart> parts;
  std::vector<DescribedTrace> said;
  heaptrace::UsageCollector last;
  for (const TraceInput& trace : input.traces) {
    if (trace.is_summary) {
      const layout::HeapSummary summary = read_summary(trace);
      describe(trace, summary, said);
      merge(usage, summary.usage);
      parts.push_back({trace.file.string(), as_trace_summary(summary), summary.usage.peak_bytes,
                       summary.traces, summary.events});
      continue;
    }
    heaptrace::UsageCollector collector;
    heaptrace::Summary summary = read_trace(
        trace, [&] { collector = {}; },
        [&](std::span<const heaptrace::Event> events) { collector.add(events); });
    note_format(summary, trace, environment);
    said.push_back(described(trace, summary));
    const heaptrace::Usage its = collector.usage();
    merge(usage, its);
    parts.push_back(
        {trace.file.string(), std::move(summary), its.peak_bytes, 1, collector.events()});
    last = std::move(collector);
  }
  const std::uint32_t size = heap_size(input, said);
  warn_of_alignments(said, environment);
  report::HeapReport report = report::make_heap_report(std::move(usage), std::move(parts), size,
                                                       base_alignment(input, said));
  // Of several, how each grew says little about all of them.
  const bool is_one_trace = input.traces.size() == 1 && !input.traces.front().is_summary;
  if (is_one_trace) report::add_growth(report, last);
  environment.out << report::render_text(report);
  return ExitStatus::kDone;
}

}  // namespace drone::cli
