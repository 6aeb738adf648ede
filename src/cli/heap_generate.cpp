// SPDX-License-Identifier: MIT

// `drone heap generate`: reads the traces twice, for what it asks and for the proof.

#include <array>
#include <optional>
#include <ostream>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include "cli/heap.hpp"
#include "cli/heap_confidence.hpp"
#include "cli/heap_input.hpp"
#include "cli/write_layout.hpp"
#include "heaptrace/reader.hpp"
#include "layout/demand.hpp"
#include "layout/exceedance.hpp"
#include "layout/replay.hpp"
#include "layout/suggest.hpp"
#include "project/manifest.hpp"
#include "report/layout_report.hpp"
#include "support/error.hpp"

namespace drone::cli {
namespace {

using heaptrace::Event;
using heaptrace::Summary;

/// What the traces ask of a heap with that base alignment.
struct Asked {
  std::vector<Summary> traces;  ///< as the input has them
  std::vector<DescribedTrace> said;
  std::uint32_t base_alignment;
  layout::DemandCollector demands;
};

/// The base alignment is Drone.toml's, because the layout is for the next build; else the traces'
/// own, which is known only when they have been read: so both are collected.
Asked read_demands(const HeapInput& input, Environment& environment) {
  const auto none = [] {
    return std::array{layout::DemandCollector(4), layout::DemandCollector(8)};
  };
  std::array<layout::DemandCollector, 2> all = none();
  std::vector<Summary> traces;
  std::vector<DescribedTrace> said;
  for (const TraceInput& trace : input.traces) {
    std::array<layout::DemandCollector, 2> collectors = none();
    traces.push_back(read_trace(
        trace, [&] { collectors = none(); },
        [&](std::span<const Event> events) {
          for (layout::DemandCollector& each : collectors) each.add(events);
        }));
    for (std::size_t i = 0; i != all.size(); ++i) all[i].merge(collectors[i]);
    note_format(traces.back(), trace, environment);
    said.push_back(described(trace, traces.back()));
  }
  warn_of_alignments(said, environment);
  const std::uint32_t alignment =
      input.base_alignment ? *input.base_alignment : base_alignment(input, said);
  return {std::move(traces), std::move(said), alignment, std::move(all[alignment == 8 ? 1 : 0])};
}

struct Proof {
  layout::ReplayResult replay;
  layout::Outlook outlook;
};

/// Every trace on its own; of their figures the largest high-water marks, and the sums of the rest.
Proof prove(const HeapInput& input, const Asked& asked, const layout::PoolLayout& pools) {
  layout::ReplayResult all = layout::Replay(pools, asked.base_alignment).result();
  LookAhead ahead(pools, asked.base_alignment);
  for (std::size_t i = 0; i != input.traces.size(); ++i) {
    const TraceInput& trace = input.traces[i];
    layout::Replay run(pools, asked.base_alignment);
    const Summary again = read_trace(
        trace,
        [&] {
          run = layout::Replay(pools, asked.base_alignment);
          ahead.restart();
        },
        [&](std::span<const Event> events) {
          run.add(events);
          ahead.add(events);
        });
    ahead.end_trace();
    if (again.bytes != asked.traces[i].bytes) {
      throw Error(ExitStatus::kInput, "'" + trace.file.string() + "' changed while it was read",
                  "stop the recording first");
    }
    merge(all, run.result());
  }
  if (all.failed != asked.demands.unservable()) {
    throw std::logic_error("the layout found does not run the trace: please report this");
  }
  return {std::move(all), ahead.outlook()};
}

}  // namespace

ExitStatus run_heap_generate(const HeapOptions& heap, const GenerateOptions& options,
                             Environment& environment) {
  std::optional<double> confidence;
  if (options.confidence) confidence = parse_confidence(*options.confidence);
  const HeapInput input = heap_input(heap, environment);
  const Asked asked = read_demands(input, environment);
  std::optional<std::uint32_t> size;
  if (!options.fit) size = heap_size(input, asked.said);

  report::LayoutReport report;
  report.suggestion = layout::suggest(asked.demands, options.pools, size);
  if (confidence) {
    const layout::PoolLayout pools = report.suggestion.pools;
    const layout::Outlook outlook = look_ahead(input, pools, asked.base_alignment);
    report.suggestion = layout::with_confidence(
        std::move(report.suggestion), require_estimate(outlook, pools), *confidence, size);
  }
  Proof proof = prove(input, asked, report.suggestion.pools);
  report.replay = std::move(proof.replay);
  report.outlook = std::move(proof.outlook);
  report.confidence = confidence;
  for (std::size_t i = 0; i != input.traces.size(); ++i) {
    report.traces.push_back({input.traces[i].file.string(), asked.traces[i]});
  }
  report.failed = asked.demands.failed();
  report.unservable = asked.demands.unservable();
  report.section = project::section_name(input.section);
  report.base_alignment = asked.base_alignment;
  report.settings = project::heap_settings(input.section);
  report.heap_size = project::format_size(report.suggestion.heap_size);
  report.fit = options.fit;

  environment.err << report::kLayoutHeading << std::endl;
  environment.out << report::render_layout(report);
  if (options.write) {
    write_layout(input, report.suggestion.pools, options.fit || heap.size,
                 report.suggestion.heap_size, environment);
  }
  return ExitStatus::kDone;
}

}  // namespace drone::cli
