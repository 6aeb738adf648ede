// SPDX-License-Identifier: MIT
#include "cli/heap.hpp"

#include <ostream>
#include <span>

#include "cli/heap_input.hpp"
#include "heaptrace/reader.hpp"
#include "heaptrace/usage.hpp"
#include "report/heap_report.hpp"

namespace drone::cli {

ExitStatus run_heap(const HeapOptions& options, Environment& environment) {
  const HeapInput input = heap_input(options, environment);
  heaptrace::UsageCollector collector;
  const heaptrace::Summary summary = read_trace(
      input, [&] { collector = {}; },
      [&](std::span<const heaptrace::Event> events) { collector.add(events); });
  note_format(summary, input, environment);
  const std::uint32_t size = heap_size(input, summary.description);
  const std::uint32_t alignment = base_alignment(input, summary.description);
  report::HeapReport report = report::make_heap_report(collector.usage(), summary, size, alignment);
  report::add_growth(report, collector);
  environment.out << report::render_text(report);
  return ExitStatus::kDone;
}

}  // namespace drone::cli
