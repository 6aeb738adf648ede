// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "report/heap_report.hpp"
#include "support/counted.hpp"

namespace drone::report {
namespace {

using Text = fmt::memory_buffer;

template <class... Arguments>
void print(Text& text, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  fmt::format_to(std::back_inserter(text), format, std::forward<Arguments>(arguments)...);
}

const char* was(std::uint64_t count) { return count == 1 ? "was" : "were"; }

void print_table(Text& text, const heaptrace::Usage& usage) {
  constexpr const char* kNames[] = {"<size>", "<max count>", "<allocations>"};
  std::size_t widths[3];
  for (int i = 0; i != 3; ++i) widths[i] = std::string_view(kNames[i]).size();
  for (const heaptrace::SizeUsage& row : usage.sizes) {
    widths[0] = std::max(widths[0], fmt::formatted_size("{}", row.size));
    widths[1] = std::max(widths[1], fmt::formatted_size("{}", row.max_count));
    widths[2] = std::max(widths[2], fmt::formatted_size("{}", row.allocations));
  }
  const auto print_row = [&](const auto& size, const auto& max_count, const auto& allocations) {
    print(text, " {:>{}} {:>{}} {:>{}}\n", size, widths[0], max_count, widths[1], allocations,
          widths[2]);
  };
  print_row(kNames[0], kNames[1], kNames[2]);
  for (const heaptrace::SizeUsage& row : usage.sizes) {
    print_row(row.size, row.max_count, row.allocations);
  }
}

void print_if_too_much(Text& text, const HeapReport& report) {
  const std::uint32_t heap_size = report.heap_size;
  if (report.usage.peak_bytes > heap_size) {
    print(text, "More than the heap holds: this program cannot run in {}.\n",
          counted(heap_size, "byte"));
  } else if (report.usage.maximum_bytes > heap_size) {
    print(text, "More than the heap holds, {}, if every size peaks at once.\n",
          counted(heap_size, "byte"));
  }
}

/// How much of the trace came after all peaks: the longer, the more likely nothing will exceed
/// them.
void print_last_rise(Text& text, const HeapReport& report) {
  if (report.last_rise == 0) return;
  const std::uint64_t after = report.events - report.last_rise;
  const double share = static_cast<double>(after) / static_cast<double>(report.events);
  print(text, "Peaks last rose at event {} of {}: {}% of the trace came after it.\n",
        report.last_rise, report.events, static_cast<int>(100 * share));
}

/// What the table cannot show: that there is nothing to show.
void print_if_empty(Text& text, const HeapReport& report) {
  if (!report.usage.sizes.empty() || report.failed_requests != 0) return;
  print(text, "\nNo request was traced: the table is empty.\n");
}

void print_failed(Text& text, const HeapReport& report) {
  if (report.failed_requests == 0) return;
  constexpr std::size_t kMostListed = 20;
  const std::vector<heaptrace::FailedUsage>& failed = report.usage.failed;
  print(text, "\nFailed requests: {}\n", report.failed_requests);
  for (std::size_t i = 0; i != std::min(failed.size(), kMostListed); ++i) {
    print(text, "  {}", counted(failed[i].size, "byte"));
    if (failed[i].alignment > report.base_alignment) {
      print(text, " aligned to {}", failed[i].alignment);
    }
    print(text, ": {}\n", counted(failed[i].count, "time"));
  }
  std::uint64_t others = 0;
  for (std::size_t i = kMostListed; i < failed.size(); ++i) others += failed[i].count;
  if (others != 0) print(text, "  and {} of larger sizes\n", others);
}

void print_places(Text& text, const std::vector<std::uint64_t>& places) {
  if (places.empty()) return;
  constexpr std::size_t kColumns = 80;
  constexpr std::string_view kHeading = "The first places, as offsets in the file:";
  print(text, "{}", kHeading);
  std::size_t column = kHeading.size();
  for (const std::uint64_t& place : places) {
    const std::string word = fmt::format(" {}{}", place, &place == &places.back() ? '.' : ',');
    if (column + word.size() > kColumns) {
      print(text, "\n ");
      column = 1;
    }
    print(text, "{}", word);
    column += word.size();
  }
  print(text, "\n");
}

/// Blocks whose lives do not fit together although the stream came through whole.
void print_contradictions(Text& text, const heaptrace::Losses& losses, bool is_import) {
  print(text, "\nThe trace contradicts itself, though nothing was lost on the way:\n");
  if (losses.lost_allocs != 0) {
    print(text, "- {} a block was freed or resized that was not allocated.\n",
          counted(losses.lost_allocs, "time"));
  }
  if (losses.double_allocs != 0) {
    print(text, "- {} a block was allocated that was allocated already.\n",
          counted(losses.double_allocs, "time"));
  }
  print_places(text, losses.places);
  if (is_import) {
    print(text,
          "Most likely what gave these blocks back is not in the recording. Each counts as\n"
          "given back where it is allocated again: until then, the figures are too high.\n");
    return;
  }
  print(text,
        "Most likely the program frees blocks twice: then the heap hands a block out to\n"
        "two owners. Or the heap was used while its trace was off: a probe that was\n"
        "attached, or code that changed the ITM's registers, switched it off in between.\n"
        "Until that is cured, the figures are not to be relied on.\n");
}

/// That figures are not what they seem is said where they begin.
std::string_view heading(const std::vector<TracePart>& traces) {
  const auto any_of = [&traces](auto of_losses) {
    return std::any_of(traces.begin(), traces.end(),
                       [&](const TracePart& each) { return of_losses(each.summary.losses); });
  };
  using heaptrace::Losses;
  const bool one = traces.size() == 1;
  if (any_of([](const Losses& losses) { return losses.any() && losses.on_the_way(); })) {
    return one ? " HEAP USAGE, THE TRACE IS INCOMPLETE " : " HEAP USAGE, A TRACE IS INCOMPLETE ";
  }
  if (any_of([](const Losses& losses) { return losses.any(); })) {
    return one ? " HEAP USAGE, THE TRACE CONTRADICTS ITSELF "
               : " HEAP USAGE, A TRACE CONTRADICTS ITSELF ";
  }
  return " HEAP USAGE ";
}

/// The traces, if there are several: runs, events and peak of each.
void print_traces(Text& text, const HeapReport& report) {
  const std::vector<TracePart>& traces = report.traces;
  if (traces.size() == 1) {
    const heaptrace::Summary& summary = traces.front().summary;
    if (traces.front().trace_count > 1) {
      print(text,
            "\nTraces: {}, summed up, with {}. Max counts and peak are the largest of\n"
            "them, allocations their sums.\n",
            traces.front().trace_count, counted(traces.front().summary.runs, "run"));
      return;
    }
    if (summary.runs <= 1) return;
    print(text,
          "\nRuns: {}, the {} in between. Max counts and peak are the largest of\n"
          "the runs, allocations their sums.\n",
          summary.runs,
          heaptrace::is_import(summary.format) ? "program was started again" : "target was reset");
    return;
  }
  std::uint64_t trace_count = 0;
  for (const TracePart& each : traces) trace_count += each.trace_count;
  print(text,
        "\nTraces: {}. Max counts and peak are the largest of their runs, allocations the\n"
        "sums.\n",
        trace_count);
  constexpr const char* kNames[] = {"<runs>", "<events>", "<peak>"};
  std::size_t widths[3];
  for (int i = 0; i != 3; ++i) widths[i] = std::string_view(kNames[i]).size();
  for (const TracePart& each : traces) {
    widths[0] = std::max(widths[0], fmt::formatted_size("{}", each.summary.runs));
    widths[1] = std::max(widths[1], fmt::formatted_size("{}", each.events));
    widths[2] = std::max(widths[2], fmt::formatted_size("{}", each.peak_bytes));
  }
  const auto print_row = [&](const auto& runs, const auto& events, const auto& peak,
                             std::string_view name) {
    print(text, " {:>{}} {:>{}} {:>{}} {}\n", runs, widths[0], events, widths[1], peak, widths[2],
          name);
  };
  print_row(kNames[0], kNames[1], kNames[2], "<trace>");
  for (const TracePart& each : traces) {
    print_row(each.summary.runs, each.events, each.peak_bytes,
              each.trace_count == 1
                  ? each.name
                  : fmt::format("{}, of {}", each.name, counted(each.trace_count, "trace")));
  }
}

/// What was lost, a sentence each.
void print_losses(Text& text, const heaptrace::Losses& losses, bool is_import) {
  if (!losses.any()) return;
  if (!losses.on_the_way()) return print_contradictions(text, losses, is_import);
  print(text, "\nThe trace is incomplete:\n");
  if (losses.overflows != 0) {
    print(text, "- The ITM overflowed {}: the target sent more than its trace output carries.\n",
          counted(losses.overflows, "time"));
  }
  if (losses.malformed != 0 && is_import) {
    print(text, "- {} no event: cut, or of several processes that wrote at once.\n",
          losses.malformed == 1 ? "1 line is" : fmt::format("{} lines are", losses.malformed));
  } else if (losses.malformed != 0) {
    print(text, "- The bytes in {} are no packet: the line is disturbed, or its rate is off.\n",
          counted(losses.malformed, "place"));
  }
  if (losses.gaps != 0) {
    print(text, "- The capture marked {} of lost or unreadable bytes ({}).\n",
          counted(losses.gaps, "place"),
          losses.gap_bytes == 0 ? "their number is unknown"
                                : counted(losses.gap_bytes, "byte") + " known");
  }
  if (losses.lost_events != 0) {
    print(text, "- {} {} lost on the way: by the target's count it sent more than came.\n",
          counted(losses.lost_events, "event"), was(losses.lost_events));
  }
  if (losses.dropped_events != 0) {
    print(text, "- {} {} dropped by the target: its trace output was blocked for too long.\n",
          counted(losses.dropped_events, "event"), was(losses.dropped_events));
  }
  if (losses.damaged_events != 0) {
    print(text, "- {} {} damaged (no such block, or more bytes than it holds) and left out.\n",
          counted(losses.damaged_events, "event"), was(losses.damaged_events));
  }
  if (losses.lost_allocs != 0) {
    print(text, "- {} {} freed or resized without an allocation in the trace.\n",
          counted(losses.lost_allocs, "block"), was(losses.lost_allocs));
  }
  if (losses.double_allocs != 0) {
    print(text, "- {} {} allocated again without having been freed in the trace.\n",
          counted(losses.double_allocs, "block"), was(losses.double_allocs));
  }
  print_places(text, losses.places);
  print(text,
        "So <allocations> are lower bounds; so are <max count>, maximum and peak, unless\n"
        "deallocations were lost: the block of a lost one counts as alive until its\n"
        "number is given out again, and these figures may be too high.\n");
}

void print_notes(Text& text, const heaptrace::Summary& summary, bool still_written) {
  const bool is_import = heaptrace::is_import(summary.format);
  if (summary.began_midway && is_import) {
    print(text, "\nThe recording lacks allocations: the figures are lower bounds.\n");
    if (const std::uint64_t unknown = summary.losses.unknown_deallocs; unknown != 0) {
      print(text,
            "{} {} freed or resized that had been allocated before, or in a way that is\n"
            "not recorded.\n",
            counted(unknown, "block"), was(unknown));
    }
  } else if (summary.began_midway) {
    print(text,
          "\nThe capture began while the program was running: the figures are lower bounds.\n");
    const std::uint64_t earlier = summary.losses.unknown_deallocs - summary.losses.lost_allocs;
    if (earlier != 0) {
      print(text, "{} {} freed or resized that had been allocated before.\n",
            counted(earlier, "block"), was(earlier));
    }
    print(text, "`drone itm --reset` records from the program's start.\n");
  }
  if (summary.description_ignored) {
    print(text,
          "\nThe description of the heap in the trace is that of another program: it was not\n"
          "used.\n");
  }
  if (summary.unknown_operations != 0) {
    print(text, "\n{} {} of a kind that this drone does not know, and {} skipped.\n",
          counted(summary.unknown_operations, "event"), was(summary.unknown_operations),
          was(summary.unknown_operations));
  }
  if (!summary.ended_in_order && !still_written) {
    print(text, "\nThe {} was not closed in order: its end may be missing.\n",
          is_import ? "recording" : "capture");
  }
}

}  // namespace

std::string render_text(const HeapReport& report) {
  Text text;
  print(text, "{:-^80}\n", heading(report.traces));
  print_table(text, report.usage);
  print(text, "Maximum memory usage: {} / {:.2f}%\n", report.usage.maximum_bytes,
        report.maximum_percent);
  print(text, "Peak in use: {} / {:.2f}%\n", report.usage.peak_bytes, report.peak_percent);
  print_if_too_much(text, report);
  print_last_rise(text, report);
  print_if_empty(text, report);
  print_failed(text, report);
  print_traces(text, report);
  for (const TracePart& each : report.traces) {
    Text of_trace;
    print_losses(of_trace, each.summary.losses, heaptrace::is_import(each.summary.format));
    print_notes(of_trace, each.summary, report.still_written);
    if (of_trace.size() != 0 && report.traces.size() != 1) print(text, "\n{}:\n", each.name);
    text.append(of_trace);
  }
  return fmt::to_string(text);
}

}  // namespace drone::report
