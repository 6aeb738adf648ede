// SPDX-License-Identifier: MIT
#include "cli/itm.hpp"

#include <unistd.h>

#include <memory>
#include <optional>
#include <string>

#include "cli/capture.hpp"
#include "cli/itm_plan.hpp"
#include "cli/itm_report.hpp"
#include "cli/project_probe.hpp"
#include "probe/file_stream.hpp"
#include "support/error.hpp"
#include "support/foreground.hpp"
#include "support/interrupts.hpp"

namespace drone::cli {
namespace {

struct Source {
  std::unique_ptr<probe::SwoStream> stream;
  std::string name;  ///< for messages
};

/// Drone.toml, if there is one: it says which ports are heaps'.
std::optional<project::Manifest> find_project(const Environment& environment) {
  const auto path = project::find_manifest(environment.directory);
  if (!path) return std::nullopt;
  return project::load_manifest(*path);
}

Source open_source(const ItmPlan& plan, const ItmOptions& options,
                   const std::optional<project::Manifest>& project, Environment& environment) {
  switch (plan.source) {
    case SourceKind::kFile:
      return {probe::open_file_stream(plan.source_file), plan.source_file.string()};
    case SourceKind::kStandardInput:
      if (::isatty(STDIN_FILENO) == 1) {
        throw Error(ExitStatus::kUsage, "standard input is the terminal, not an ITM stream",
                    "drone itm --from - < swo.bin");
      }
      return {probe::standard_input_stream(), "standard input"};
    case SourceKind::kProbe:
      break;
  }
  const project::Manifest manifest = project ? *project : require_manifest(environment.directory);
  const auto probe = open_project_probe(manifest, options.speed == "max");
  probe::TraceSetup setup;
  setup.port_mask = plan.port_mask();
  setup.trace_clock_hz = manifest.itm.clock;
  setup.swo_baud = manifest.itm.baud;
  setup.local_timestamps = manifest.itm.timestamps;
  setup.reset = options.reset;
  return {probe->trace(setup), probe->name()};
}

}  // namespace

ExitStatus run_itm(const ItmOptions& options, Environment& environment) {
  std::optional<project::Manifest> project;
  if (options.from == "probe" || options.heaps || !options.heaptraces.empty()) {
    project = find_project(environment);
  }
  const ItmPlan plan = plan_itm(options, environment.directory, project ? &*project : nullptr);
  const ForegroundGroup foreground;
  const Interrupts interrupts;
  Capture capture(plan, environment, interrupts);
  Source source = open_source(plan, options, project, environment);
  announce_capture(plan, source.name, environment);
  capture.run(*source.stream);
  const std::string end_note = source.stream->end_note();
  source.stream.reset();  // the board is off before anything is said
  return report_capture(plan, capture, interrupts.requested(), end_note, environment);
}

}  // namespace drone::cli
