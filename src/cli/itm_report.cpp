// SPDX-License-Identifier: MIT
#include "cli/itm_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "cli/color.hpp"
#include "drone/heaptrace/wire_format.hpp"
#include "support/error.hpp"

namespace drone::cli {
namespace {

std::string count(std::uint64_t number, const std::string& noun) {
  return fmt::format("{} {}{}", number, noun, number == 1 ? "" : "s");
}

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i != words.size(); ++i) {
    if (i != 0) text += i + 1 == words.size() ? " and " : ", ";
    text += words[i];
  }
  return text;
}

/// "ports 0 (12 packets) and 31 (3 packets)", or that there are none.
std::string ports_with_data(const itm::PortDemux& ports) {
  std::vector<std::string> words;
  for (unsigned port = 0; port != itm::kPortCount; ++port) {
    if (const std::uint64_t n = ports.packets()[port]; n != 0) {
      words.push_back(fmt::format("{} ({})", port, count(n, "packet")));
    }
  }
  if (words.empty()) return "no port carried anything";
  return fmt::format("data came on port{} {}", words.size() == 1 ? "" : "s", join(words));
}

std::string stretches(std::uint64_t number, std::uint64_t bytes, const std::string& kind) {
  return fmt::format("{} {} ({})", number, kind + (number == 1 ? " stretch" : " stretches"),
                     count(bytes, "byte"));
}

std::string gaps(std::uint64_t number, std::uint64_t bytes) {
  return fmt::format("{} ({})", count(number, "gap"),
                     bytes == 0 ? "nobody knows of how many bytes" : count(bytes, "byte"));
}

/// What a stream's packets tell of losses; empty: nothing.
std::string losses(const itm::StreamLosses& lost) {
  std::vector<std::string> words;
  if (lost.overflows != 0) words.push_back(count(lost.overflows, "overflow") + " in the target");
  if (lost.malformed != 0) {
    words.push_back(stretches(lost.malformed, lost.malformed_bytes, "damaged"));
  }
  if (lost.gaps != 0) words.push_back(gaps(lost.gaps, lost.gap_bytes));
  return join(words);
}

/// What a heap's events tell beyond that; empty: nothing.
std::string losses(const heaptrace::Losses& lost, std::uint64_t malformed_bytes) {
  std::vector<std::string> words;
  if (lost.overflows != 0) words.push_back(count(lost.overflows, "overflow") + " in the target");
  if (lost.malformed != 0) {
    words.push_back(stretches(lost.malformed, malformed_bytes, "damaged"));
  }
  if (lost.gaps != 0) words.push_back(gaps(lost.gaps, lost.gap_bytes));
  if (lost.damaged_events != 0) words.push_back(count(lost.damaged_events, "damaged event"));
  if (lost.dropped_events != 0) {
    words.push_back(count(lost.dropped_events, "event") + " dropped by the target");
  }
  if (lost.lost_events != 0) {
    words.push_back(count(lost.lost_events, "event") + " missing by the target's count");
  }
  return join(words);
}

/// Whether a port that the plan names carried anything.
bool any_wanted(const ItmPlan& plan, const itm::PortDemux& ports) {
  for (unsigned port = 0; port != itm::kPortCount; ++port) {
    if ((plan.port_mask() >> port & 1U) != 0 && ports.packets()[port] != 0) return true;
  }
  return false;
}

/// What became of a heaptrace file that no event came for.
std::string untouched(const Capture::Trace& trace) {
  return "'" + trace.file.string() + (trace.was_there ? "' is unchanged" : "' was not created");
}

/// What is known of why nothing came on `ports`, beyond that it did not.
std::optional<SilenceText> cause_of(const SilenceWatch& silence, std::uint32_t ports) {
  const auto conclusion = silence.conclusion(ports);
  if (!conclusion || conclusion->cause == SilenceCause::kNothingOnPort ||
      conclusion->cause == SilenceCause::kNothingComes) {
    return std::nullopt;
  }
  return conclusion->text;
}

[[noreturn]] void throw_nothing_captured(const ItmPlan& plan, const Capture& capture,
                                         const SilenceWatch& silence, bool interrupted) {
  const ExitStatus status = interrupted ? ExitStatus::kInterrupted : ExitStatus::kInput;
  const std::string came = count(capture.bytes(), "byte");
  std::string files;
  for (const Capture::Trace& trace : capture.traces()) files += "; " + untouched(trace);
  if (const auto cause = cause_of(silence, plan.port_mask())) {
    throw Error(status, "nothing was captured: " + cause->seen + files, cause->advice);
  }
  if (plan.source != SourceKind::kProbe) {
    const std::string source =
        plan.source == SourceKind::kFile ? "'" + plan.source_file.string() + "'" : "standard input";
    if (capture.bytes() == 0) {
      throw Error(status, "no byte came from " + source + files,
                  "does whatever writes it get anything?");
    }
    throw Error(status,
                fmt::format("{} carries nothing on any ITM port ({} read){}", source, came, files),
                "it takes what a debug probe receives over SWO; if it is in TPIU frames, does "
                "--input-format name the right stream?");
  }
  if (capture.ports().losses().malformed != 0) {
    throw Error(status,
                "nothing was captured: " + came + " came, but no packet of any ITM port" + files,
                "check clock and baud in the [itm] section of Drone.toml");
  }
  throw Error(status, "nothing was captured: the program has sent nothing on any port" + files,
              "does it get to where it writes, and does it write to the ports that are captured? "
              "The others are off");
}

/// Whether what came on a heap's port is no heap's.
bool carries_something_else(const TraceWatch& watch) {
  return watch.reader().foreign_writes() * 2 > watch.reader().counted_events();
}

std::string list_places(const std::vector<std::uint64_t>& places) {
  constexpr std::size_t kMost = 8;
  std::string text;
  for (std::size_t i = 0; i != std::min(places.size(), kMost); ++i) {
    text += fmt::format("{}{}", i == 0 ? "" : ", ", places[i]);
  }
  if (places.size() > kMost) text += ", ...";
  return text;
}

/// One line if all is well. True if it is.
bool report_trace(const Capture::Trace& trace, const TraceWatch& watch, Environment& environment) {
  const heaptrace::Summary summary = watch.summary();
  // Where the stream's description of the heap is that of another program, nothing is damaged.
  heaptrace::Losses lost = summary.losses;
  if (watch.reader().contradicts_description()) lost.damaged_events = 0;
  const bool is_whole = !lost.on_the_way();
  environment.err << fmt::format("{}: {} of port {}{}, {}; {}\n", trace.file.string(),
                                 count(trace.writer.events(), "heap event"), trace.writer.port(),
                                 summary.runs > 1 ? fmt::format(", {} runs", summary.runs) : "",
                                 count(trace.writer.bytes(), "byte"),
                                 is_whole
                                     ? "nothing was lost on the way"
                                     : "lost on the way: " + losses(lost, watch.malformed_bytes()));
  if (!is_whole && !lost.places.empty()) {
    environment.err << fmt::format("  {} of the stream: {}\n",
                                   lost.places.size() == 1 ? "at this byte" : "at these bytes",
                                   list_places(lost.places));
  }
  if (watch.error()) {
    environment.err << label(environment, "error") << ' ' << trace.file.string() << ": "
                    << watch.error()->message() << '\n';
  }
  return is_whole && !watch.error();
}

/// What the stream carried in all.
void report_stream(const Capture& capture, const RecordingWatcher& recording,
                   Environment& environment) {
  std::vector<std::string> words;
  for (unsigned port = 0; port != itm::kPortCount; ++port) {
    if (const std::uint64_t n = capture.ports().packets()[port]; n != 0) {
      words.push_back(fmt::format("{} ({})", port, n));
    }
  }
  environment.err << fmt::format(
      "stream: {} in {}, {}; packets on port{} {}\n", count(capture.bytes(), "byte"),
      format_time(recording.elapsed()),
      capture.input() ? itm::describe(*capture.input()) : "of an unknown kind",
      words.size() == 1 ? "" : "s", join(words));
}

/// What an input without a heaptrace was taken for, where that was inferred and is not plain ITM.
void report_input(const ItmPlan& plan, const Capture& capture, Environment& environment) {
  const std::optional<itm::InputChoice>& input = capture.input();
  if (!input || !input->inferred || input->kind == itm::InputKind::kItm) return;
  if (capture.ended_by_reader()) return;  // who has seen enough wants no more
  const std::string source =
      plan.source == SourceKind::kFile ? "'" + plan.source_file.string() + "'" : "standard input";
  environment.err << "note: " << source << " is read as " << itm::describe(*input)
                  << " (--input-format decides otherwise)\n";
}

/// What of the ports is missing elsewhere than in heaptrace files.
void report_ports(const ItmPlan& plan, const Capture& capture, Environment& environment) {
  if (const std::uint64_t bytes = capture.display().bytes_not_shown(); bytes != 0) {
    environment.err << fmt::format(
        "warning: {} {} not shown: whoever reads standard output was too slow\n",
        count(bytes, "byte"), bytes == 1 ? "was" : "were");
  }
  if (!any_wanted(plan, capture.ports())) {
    if (capture.traces().empty()) {
      environment.err << "note: nothing came on the ports asked for; "
                      << ports_with_data(capture.ports()) << '\n';
    }
    return;
  }
  for (const Capture::PortBytes& file : capture.port_files()) {
    if (file.bytes != 0) continue;
    std::vector<std::string> ports;
    for (const unsigned port : file.plan.ports) ports.push_back(std::to_string(port));
    environment.err << fmt::format("note: nothing came on port{} {}: '{}' is empty\n",
                                   ports.size() == 1 ? "" : "s", join(ports),
                                   file.plan.file.string());
  }
}

/// What it means that a trace is not whole.
void judge_losses(const ItmPlan& plan, const std::vector<std::string>& damaged,
                  Environment& environment) {
  const std::string what = fmt::format(
      "{} did not come through whole: `drone heap` will say which figures to doubt", join(damaged));
  if (plan.allow_gaps) {
    environment.err << "warning: " << what << '\n';
    return;
  }
  environment.err << label(environment, "error") << ' ' << what << '\n'
                  << label(environment, "hint")
                  << " what came is recorded; --allow-gaps accepts it as it is\n";
}

/// Those behind the first, which ends the command.
void report_more_errors(const Capture& capture, Environment& environment) {
  const std::vector<Error> errors = capture.output_errors();
  for (std::size_t i = 1; i < errors.size(); ++i) {
    environment.err << label(environment, "error") << ' ' << errors[i].message() << '\n';
    if (errors[i].hint().empty()) continue;
    environment.err << label(environment, "hint") << ' ' << errors[i].hint() << '\n';
  }
}

/// What to do about a heap that sent nothing.
std::string silent_hint(const Capture& capture, const Capture::Trace& silent) {
  const bool is_built_in = std::any_of(capture.traces().begin(), capture.traces().end(),
                                       [](const Capture::Trace& trace) { return trace.begun(); });
  if (!is_built_in) return "is the heaptrace feature built in? just features=heaptrace flash";
  return fmt::format("does that heap have a tracer on port {}, and does the program use it?",
                     silent.writer.port());
}

}  // namespace

void announce_capture(const ItmPlan& plan, const std::string& source, Environment& environment) {
  if (plan.heaptraces.empty() || !environment.err_is_terminal) return;
  std::vector<std::string> words;
  for (const HeaptraceFile& trace : plan.heaptraces) {
    words.push_back(fmt::format("port {} in {}", trace.port, trace.file.string()));
  }
  environment.err << fmt::format("recording the heap's {} from {}; Ctrl-C ends it\n", join(words),
                                 source)
                  << std::flush;
}

ExitStatus report_capture(const ItmPlan& plan, const Capture& capture,
                          const RecordingWatcher& recording, const SilenceWatch& silence,
                          bool interrupted, const std::string& end_note, Environment& environment) {
  const itm::PortDemux& ports = capture.ports();
  if (!end_note.empty() && !interrupted) environment.err << end_note << '\n';
  if (!ports.any_packet()) {
    capture.rethrow();
    if (capture.ended_by_reader()) return ExitStatus::kDone;
    if (interrupted || plan.source != SourceKind::kProbe ||
        capture.end() == CaptureEnd::kDuration) {
      throw_nothing_captured(plan, capture, silence, interrupted);
    }
  }

  ExitStatus status = ExitStatus::kDone;
  std::string next;
  std::vector<std::string> damaged;
  for (std::size_t i = 0; i != capture.traces().size(); ++i) {
    const Capture::Trace& trace = capture.traces()[i];
    const TraceWatch& watch = recording.trace(i);
    if (trace.sink.error()) continue;  // said below, with what is in the file
    if (!trace.begun() && !(watch.reader().events() != 0 && carries_something_else(watch))) {
      status = ExitStatus::kCheckFailed;
      const auto cause = cause_of(silence, 1U << trace.writer.port());
      environment.err << fmt::format(
          "{} nothing recorded: no heap event came on port {}{}; {}\n"
          "{} {}\n",
          label(environment, "error"), trace.writer.port(),
          cause ? ": " + cause->seen : "; " + ports_with_data(ports), untouched(trace),
          label(environment, "hint"), cause ? cause->advice : silent_hint(capture, trace));
    } else if (carries_something_else(watch)) {
      status = ExitStatus::kCheckFailed;
      const auto cause = cause_of(silence, 1U << trace.writer.port());
      environment.err << fmt::format(
          "{} port {} carries something else than a heap: {} of its {} are no heap events{}\n"
          "{} {}\n",
          label(environment, "error"), trace.writer.port(), watch.reader().foreign_writes(),
          count(watch.reader().events(), "packet"), trace.begun() ? "" : "; " + untouched(trace),
          label(environment, "hint"),
          cause ? cause->seen + "; " + cause->advice
                : "name the heap's port, as in --heaptrace PORT:" + trace.file.string() + "; " +
                      ports_with_data(ports));
    } else {
      if (!report_trace(trace, watch, environment)) damaged.push_back(trace.file.string());
      next += (next.empty() ? "" : "; ") + trace.reader;
    }
  }
  if (next.empty()) {
    report_input(plan, capture, environment);
  } else {
    report_stream(capture, recording, environment);
  }
  if (capture.traces().empty() && ports.losses().any()) {
    environment.err << "warning: lost on the way: " << losses(ports.losses()) << '\n';
  }
  report_ports(plan, capture, environment);
  if (!damaged.empty()) {
    judge_losses(plan, damaged, environment);
    if (!plan.allow_gaps) status = ExitStatus::kCheckFailed;
  }
  report_more_errors(capture, environment);
  capture.rethrow();
  if (!next.empty()) environment.err << "next: " << next << '\n';
  return status;
}

}  // namespace drone::cli
