// SPDX-License-Identifier: MIT

// `drone heap simulate`: what would have been, on another layout.

#include <cstdlib>
#include <optional>
#include <ostream>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/heap.hpp"
#include "cli/heap_input.hpp"
#include "cli/utf8_output.hpp"
#include "heaptrace/reader.hpp"
#include "layout/demand.hpp"
#include "layout/optimize.hpp"
#include "layout/simulation.hpp"
#include "project/manifest.hpp"
#include "report/simulation_report.hpp"
#include "support/byte_stream.hpp"
#include "support/error.hpp"

namespace drone::cli {
namespace {

using heaptrace::Event;

struct Layout {
  project::HeapSection heap;
  std::string name;  ///< for people
};

/// The layout that a file has.
Layout read_layout(const std::filesystem::path& file, const std::optional<std::string>& heap,
                   const Environment& environment) {
  const bool is_stdin = file == "-";
  const std::filesystem::path path =
      is_stdin ? std::filesystem::path("/dev/stdin") : environment.directory / file;
  const std::string name = is_stdin ? "stdin" : file.string();
  std::error_code failure;
  if (!std::filesystem::exists(path, failure)) {
    throw Error(ExitStatus::kInput, "there is no layout '" + name + "'",
                "it is a file with a section [heap]: `drone heap generate --pools 5 > " + name +
                    "` makes one");
  }
  Layout found{project::parse_layout(read_file(path), name, heap), {}};
  found.name = "[" + project::section_name(found.heap) + "] of " + name;
  return found;
}

/// The traces to replay. In no project, the layout's file says what a heap of that name is.
HeapInput find_traces(HeapOptions heap, const std::optional<Layout>& given,
                      Environment& environment) {
  if (given && heap.heap && !project::find_manifest(environment.directory)) {
    heap.heap.reset();
    if (heap.files.empty()) heap.files.emplace_back(project::trace_file_name(given->heap));
    if (!heap.port) heap.port = given->heap.port;
  }
  return heap_input(heap, environment);
}

Layout project_layout(const HeapInput& input) {
  if (input.section.pools.empty()) {
    throw Error(ExitStatus::kInput,
                "there is no layout to simulate: this is no project with a heap",
                "name a file with a section [heap]: drone heap simulate --layout FILE");
  }
  return {input.section, "[" + project::section_name(input.section) + "] of Drone.toml"};
}

/// What of a trace its figures rest on.
void add_notes(const TraceInput& input, const heaptrace::Summary& trace,
               const project::HeapSection& heap, std::vector<std::string>& notes) {
  const std::string name = "'" + input.file.string() + "'";
  if (trace.losses.any()) {
    notes.push_back(name + " is not whole (`drone heap` says how): nor is what follows from it.");
  }
  if (trace.began_midway) {
    notes.push_back(name +
                    " began while the program was running: blocks from before take no room here.");
  }
  if (!trace.ended_in_order) {
    notes.push_back(name + " was not closed in order: its end may be missing.");
  }
  if (trace.description.base_alignment.value_or(0) > heap.alignment) {
    notes.push_back(name + " is of a heap with alignment = " +
                    std::to_string(*trace.description.base_alignment) +
                    ", so every request in it asks for that.");
  }
}

}  // namespace

ExitStatus run_heap_simulate(const HeapOptions& heap, const SimulateOptions& options,
                             Environment& environment) {
  if (heap.size) {
    throw Error(ExitStatus::kUsage, "-s has nothing to say here: the layout has its own size",
                "leave it out");
  }
  std::optional<Layout> given;
  if (options.layout) given = read_layout(*options.layout, heap.heap, environment);
  const HeapInput input = find_traces(heap, given, environment);
  for (const TraceInput& trace : input.traces) {
    if (!trace.is_summary) continue;
    throw Error(ExitStatus::kInput,
                "'" + trace.file.string() +
                    "' is a summary: it has the peaks of its traces, and not their events",
                "name the traces that are to be replayed; `drone heap generate` needs no more than "
                "the summary");
  }
  const Layout layout = given ? *given : project_layout(input);
  const layout::PoolLayout& pools = layout.heap.pools;

  report::SimulationReport report;
  report.layout = layout.name;
  report.heap_size = layout.heap.size;
  report.base_alignment = layout.heap.alignment;
  layout::DemandCollector all(layout.heap.alignment);
  for (const TraceInput& trace : input.traces) {
    layout::Simulation run(pools, layout.heap.alignment);
    layout::DemandCollector demands(layout.heap.alignment);
    const auto restart = [&] {
      run = layout::Simulation(pools, layout.heap.alignment);
      demands = layout::DemandCollector(layout.heap.alignment);
    };
    const heaptrace::Summary summary =
        read_trace(trace, restart, [&](std::span<const Event> events) {
          run.add(events);
          demands.add(events);
        });
    note_format(summary, trace, environment);
    add_notes(trace, summary, layout.heap, report.notes);
    report.traces.push_back({trace.file.string(), run.result()});
    all.merge(demands);
  }
  const std::vector<layout::Demand> demands = all.demands();
  // No layout is searched for what no 32-bit heap holds.
  if (layout::demand_bytes(demands) <= UINT32_MAX) {
    const std::uint64_t now = layout::fragmentation(pools, demands);
    const layout::PoolLayout safe = layout::optimize(demands, pools.size());
    const std::uint64_t best = layout::fragmentation(safe, demands);
    // One that takes more bytes, as it does than a tight layout, is no better.
    const bool is_better = best < now && layout::layout_bytes(safe) <= layout::layout_bytes(pools);
    if (is_better) report.better = {pools.size(), best, now};
  }

  environment.out << report::render_simulation(report, shows_utf8(environment));
  return report::failed_requests(report) == 0 ? ExitStatus::kDone : ExitStatus::kCheckFailed;
}

}  // namespace drone::cli
