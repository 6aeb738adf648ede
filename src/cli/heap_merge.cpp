// SPDX-License-Identifier: MIT

// `drone heap merge`: one summary of traces and summaries.

#include <filesystem>
#include <optional>
#include <ostream>
#include <span>
#include <string_view>
#include <system_error>
#include <vector>

#include "cli/heap.hpp"
#include "cli/heap_input.hpp"
#include "heaptrace/reader.hpp"
#include "layout/heap_summary.hpp"
#include "support/byte_stream.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"

namespace drone::cli {
namespace {

layout::HeapSummary summarise(const TraceInput& input, Environment& environment) {
  if (input.is_summary) return read_summary(input);
  std::optional<layout::SummaryCollector> collector;
  const auto begin = [&] {
    collector.emplace();
    collector->tell_progress(joint_peaks_progress(input));
  };
  begin();
  const heaptrace::Summary trace = read_trace(
      input, begin, [&](std::span<const heaptrace::Event> events) { collector->add(events); });
  note_format(trace, input, environment);
  return collector->summary(trace);
}

/// A summary cannot stand for the trace that it would replace: it has none of its events. Nor may
/// it replace what is no summary, as where the output's name was forgotten.
void check_keeps_files(const HeapInput& input, const std::filesystem::path& output,
                       const std::string& name) {
  for (const TraceInput& each : input.traces) {
    std::error_code failure;  // what is not there yet is none of them
    if (each.is_summary || !std::filesystem::equivalent(each.path, output, failure)) continue;
    throw Error(ExitStatus::kUsage,
                "the summary would replace '" + each.file.string() +
                    "', which is a trace that it is made of",
                "name another file after -o; only a summary may be replaced by one that has it");
  }
  std::error_code failure;
  if (!std::filesystem::is_regular_file(output, failure)) return;
  if (std::filesystem::file_size(output, failure) == 0) return;
  if (begins_as_summary(*open_source(output))) return;
  throw Error(ExitStatus::kUsage, "'" + name + "' is there and no summary: it would be lost",
              "name another file after -o, or remove it");
}

}  // namespace

ExitStatus run_heap_merge(const HeapOptions& heap, const MergeOptions& options,
                          Environment& environment) {
  const bool to_stdout = options.output == "-";
  if (to_stdout && environment.out_is_terminal) {
    throw Error(ExitStatus::kUsage, "a summary is nothing to look at", "name a file after -o");
  }
  const HeapInput input = heap_input(heap, environment);
  const std::filesystem::path output = environment.directory / options.output;
  if (!to_stdout) check_keeps_files(input, output, options.output.string());
  layout::HeapSummary all;
  for (const TraceInput& each : input.traces) merge(all, summarise(each, environment));

  const std::vector<std::byte> bytes = layout::encode_summary(all);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (to_stdout) {
    environment.out << text;
  } else {
    write_file(output, text);
  }
  environment.err << options.output.string() << ": " << bytes.size() << " bytes for "
                  << counted(all.traces, "trace") << " of " << counted(all.events, "event") << '\n';
  return ExitStatus::kDone;
}

}  // namespace drone::cli
