// SPDX-License-Identifier: MIT
#include "cli/itm.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "cli/capture.hpp"
#include "cli/color.hpp"
#include "cli/itm_plan.hpp"
#include "cli/itm_report.hpp"
#include "cli/project_probe.hpp"
#include "cli/silence.hpp"
#include "cli/trace_watch.hpp"
#include "heaptrace/noted_heaps.hpp"
#include "heaptrace/other_files.hpp"
#include "probe/file_stream.hpp"
#include "probe/trace_setup.hpp"
#include "support/decompress.hpp"
#include "support/error.hpp"
#include "support/foreground.hpp"
#include "support/interrupts.hpp"

namespace drone::cli {
namespace {

struct Source {
  std::unique_ptr<probe::SwoStream> stream;
  std::string name;  ///< for messages
  /// Of a target: what its trace clock is divided by, and the traced heaps of its program.
  std::optional<std::uint32_t> divisor = {};
  std::optional<std::vector<heaptrace::NotedHeap>> heaps = {};
};

/// The traced heaps of the program in the target's flash; absent if it is not known.
std::optional<std::vector<heaptrace::NotedHeap>> flashed_heaps(const probe::Probe& probe) {
  const auto elf = probe.flashed();
  if (!elf) return std::nullopt;
  return heaptrace::noted_heaps(load_elf_notes(*elf));
}

/// Lets `silence` know what the source knows.
void inform(SilenceWatch& silence, Source& source) {
  if (source.divisor) {
    silence.set_target([&source] { return source.stream->trace_state(); }, *source.divisor);
  }
  if (!source.heaps) return;
  std::vector<unsigned> ports;
  for (const heaptrace::NotedHeap& heap : *source.heaps) ports.push_back(heap.port);
  silence.set_traced_ports(std::move(ports));
}

/// Drone.toml, if there is one: it says which ports are heaps'.
std::optional<project::Manifest> find_project(const Environment& environment) {
  const auto path = project::find_manifest(environment.directory);
  if (!path) return std::nullopt;
  return project::load_manifest(*path);
}

/// Refuses a file that is no stream, where that can be known before anything is decoded.
void check_source(const ItmPlan& plan) {
  std::array<std::byte, heaptrace::kHeadBytes> buffer;
  std::size_t size = 0;
  std::error_code failure;
  std::string name = "standard input";
  if (plan.source == SourceKind::kFile) {
    // A FIFO can be read only once.
    if (!std::filesystem::is_regular_file(plan.source_file, failure)) return;
    const auto source = probe::open_file_stream(plan.source_file);
    while (const std::size_t n = source->read(std::span(buffer).subspan(size))) size += n;
    name = "'" + plan.source_file.string() + "'";
  } else if (plan.source == SourceKind::kStandardInput) {
    // Fails for a pipe, and leaves a file where it is.
    const off_t begin = ::lseek(STDIN_FILENO, 0, SEEK_CUR);
    const ssize_t n = begin < 0 ? -1 : ::pread(STDIN_FILENO, buffer.data(), buffer.size(), begin);
    size = n < 0 ? 0 : static_cast<std::size_t>(n);
  }
  if (const auto kind = heaptrace::other_kind_of_file(std::span(buffer).first(size))) {
    const Compression compression = compression_of(std::span(buffer).first(size));
    std::string hint = "an ITM stream is what a debug probe receives over SWO";
    if (compression != Compression::kNone) {
      hint = plan.source == SourceKind::kFile
                 ? "decompress it first: nothing is decompressed twice"
                 : "--from file:FILE decompresses what it reads; or `" +
                       std::string(name_of(compression)) + " -dc FILE | drone itm --from -`";
    }
    throw Error(ExitStatus::kInput, name + " is " + *kind, hint);
  }
}

/// What Drone.toml says of the heaps that are recorded; of one that is only watched it knows no
/// size.
std::vector<std::optional<std::uint32_t>> heap_sizes(
    const ItmPlan& plan, const std::optional<project::Manifest>& project) {
  std::vector<std::optional<std::uint32_t>> sizes(plan.heaptraces.size());
  if (!project) return sizes;
  for (std::size_t i = 0; i != sizes.size(); ++i) {
    for (const project::HeapSection* const heap : project::all_heaps(*project)) {
      if (heap->port == plan.heaptraces[i].port && !heap->pools.empty()) sizes[i] = heap->size;
    }
  }
  return sizes;
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
  Source source{probe->trace(setup), probe->name()};
  source.divisor = probe::swo_divisor(setup.trace_clock_hz, setup.swo_baud);
  source.heaps = flashed_heaps(*probe);
  return source;
}

}  // namespace

ExitStatus run_itm(const ItmOptions& options, Environment& environment) {
  std::optional<project::Manifest> project;
  if (options.from == "probe" || options.heaps || !options.heaptraces.empty()) {
    project = find_project(environment);
  }
  const ItmPlan plan = plan_itm(options, environment.directory, project ? &*project : nullptr);
  check_source(plan);
  const ForegroundGroup foreground;
  const Interrupts interrupts;
  Capture capture(plan, environment, interrupts);
  Source source = open_source(plan, options, project, environment);
  SilenceWatch silence(plan, [&capture](const std::string& line) { capture.display().note(line); });
  inform(silence, source);
  silence.set_framed(
      [&capture] { return capture.input() && capture.input()->kind == itm::InputKind::kTpiu; });
  if (source.heaps) capture.describe_heaps(*source.heaps);
  capture.add_watcher(silence);
  announce_capture(plan, source.name, environment);
  RecordingWatcher recording(plan, heap_sizes(plan, project), capture.display(),
                             colors_errors(environment));
  if (!plan.heaptraces.empty()) capture.add_watcher(recording);
  capture.run(*source.stream);
  const std::string end_note = source.stream->end_note();
  source.stream.reset();  // the board is off before anything is said
  recording.finish();
  return report_capture(plan, capture, recording, silence, interrupts.requested(), end_note,
                        environment);
}

}  // namespace drone::cli
