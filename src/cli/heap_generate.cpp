// SPDX-License-Identifier: MIT

// `drone heap generate`: reads the trace twice, for what it asks and for the proof.

#include <optional>
#include <ostream>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include "cli/heap.hpp"
#include "cli/heap_confidence.hpp"
#include "cli/heap_input.hpp"
#include "heaptrace/reader.hpp"
#include "layout/demand.hpp"
#include "layout/exceedance.hpp"
#include "layout/replay.hpp"
#include "layout/stretches.hpp"
#include "layout/suggest.hpp"
#include "project/manifest.hpp"
#include "report/layout_report.hpp"
#include "support/error.hpp"

namespace drone::cli {
namespace {

using heaptrace::Event;
using heaptrace::Summary;

/// What a trace asks of a heap with that base alignment.
struct Asked {
  Summary trace;
  std::uint32_t base_alignment;
  layout::DemandCollector demands;
};

/// The base alignment is Drone.toml's, because the layout is for the next build; else the trace's
/// own, which is known only when it has been read: so both are collected.
Asked read_demands(const HeapInput& input) {
  std::vector<layout::DemandCollector> collectors;
  const auto restart = [&collectors] {
    collectors = {layout::DemandCollector(4), layout::DemandCollector(8)};
  };
  restart();
  Summary trace = read_trace(input, restart, [&collectors](std::span<const Event> events) {
    for (layout::DemandCollector& each : collectors) each.add(events);
  });
  const bool is_8 =
      input.base_alignment.value_or(trace.description.base_alignment.value_or(4)) == 8;
  return {std::move(trace), is_8 ? 8U : 4U, std::move(collectors[is_8 ? 1 : 0])};
}

/// What the trace says about longer runs, as far as these pools' blocks go.
layout::Outlook look_ahead(const HeapInput& input, const Asked& asked,
                           const layout::PoolLayout& pools) {
  layout::StretchCollector stretches(pools, asked.base_alignment);
  read_trace(
      input, [&] { stretches = layout::StretchCollector(pools, asked.base_alignment); },
      [&stretches](std::span<const Event> events) { stretches.add(events); });
  return layout::estimate_exceedance(stretches.stretches());
}

struct Proof {
  layout::ReplayResult replay;
  layout::Outlook outlook;
};

Proof prove(const HeapInput& input, const Asked& asked, const layout::PoolLayout& pools) {
  layout::Replay run(pools, asked.base_alignment);
  layout::StretchCollector stretches(pools, asked.base_alignment);
  const Summary again = read_trace(
      input,
      [&] {
        run = layout::Replay(pools, asked.base_alignment);
        stretches = layout::StretchCollector(pools, asked.base_alignment);
      },
      [&](std::span<const Event> events) {
        run.add(events);
        stretches.add(events);
      });
  if (again.bytes != asked.trace.bytes) {
    throw Error(ExitStatus::kInput, "'" + input.file.string() + "' changed while it was read",
                "stop the recording first");
  }
  if (run.result().failed != asked.demands.unservable()) {
    throw std::logic_error("the layout found does not run the trace: please report this");
  }
  return {run.result(), layout::estimate_exceedance(stretches.stretches())};
}

}  // namespace

ExitStatus run_heap_generate(const HeapOptions& heap, const GenerateOptions& options,
                             Environment& environment) {
  std::optional<double> confidence;
  if (options.confidence) confidence = parse_confidence(*options.confidence);
  const HeapInput input = heap_input(heap, environment);
  const Asked asked = read_demands(input);
  note_format(asked.trace, input, environment);
  std::optional<std::uint32_t> size;
  if (!options.fit) size = heap_size(input, asked.trace.description);

  report::LayoutReport report;
  report.suggestion = layout::suggest(asked.demands, options.pools, size);
  if (confidence) {
    const layout::PoolLayout pools = report.suggestion.pools;
    const layout::Outlook outlook = look_ahead(input, asked, pools);
    report.suggestion = layout::with_confidence(
        std::move(report.suggestion), require_estimate(outlook, pools), *confidence, size);
  }
  Proof proof = prove(input, asked, report.suggestion.pools);
  report.replay = std::move(proof.replay);
  report.outlook = std::move(proof.outlook);
  report.confidence = confidence;
  report.trace = asked.trace;
  report.failed = asked.demands.failed();
  report.unservable = asked.demands.unservable();
  report.section = project::section_name(input.section);
  report.base_alignment = asked.base_alignment;
  report.settings = project::heap_settings(input.section);
  report.heap_size = project::format_size(report.suggestion.heap_size);
  report.fit = options.fit;

  environment.err << report::kLayoutHeading << std::endl;
  environment.out << report::render_layout(report);
  return ExitStatus::kDone;
}

}  // namespace drone::cli
