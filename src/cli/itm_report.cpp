// SPDX-License-Identifier: MIT
#include "cli/itm_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>
#include <vector>

#include "cli/color.hpp"
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

std::string losses(const itm::StreamLosses& lost) {
  std::vector<std::string> words;
  if (lost.overflows != 0) words.push_back(count(lost.overflows, "overflow") + " in the target");
  if (lost.malformed != 0) {
    words.push_back(fmt::format("{} ({})", count(lost.malformed, "damaged stretch"),
                                count(lost.malformed_bytes, "byte")));
    if (lost.malformed != 1) {
      words.back().replace(words.back().find("stretchs"), 8, "stretches");
    }
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

[[noreturn]] void throw_nothing_captured(const ItmPlan& plan, const Capture& capture,
                                         bool interrupted) {
  const ExitStatus status = interrupted ? ExitStatus::kInterrupted : ExitStatus::kInput;
  const std::string came = count(capture.bytes(), "byte");
  std::string files;
  for (const Capture::Trace& trace : capture.traces()) files += "; " + untouched(trace);
  if (plan.source != SourceKind::kProbe) {
    const std::string source =
        plan.source == SourceKind::kFile ? "'" + plan.source_file.string() + "'" : "standard input";
    throw Error(status,
                fmt::format("{} carries nothing on any ITM port ({} read){}", source, came, files),
                "an ITM stream is what a debug probe receives over SWO, without TPIU frames");
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

void report_trace(const Capture::Trace& trace, const itm::StreamLosses& lost,
                  Environment& environment) {
  const std::string lost_text = losses(lost);
  environment.err << fmt::format(
      "{}: {} of port {}, {}; {}\n", trace.file.string(),
      count(trace.writer.events(), "heap event"), trace.writer.port(),
      count(trace.writer.bytes(), "byte"),
      lost_text.empty() ? "nothing was lost on the way" : "lost on the way: " + lost_text);
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

ExitStatus report_capture(const ItmPlan& plan, const Capture& capture, bool interrupted,
                          const std::string& end_note, Environment& environment) {
  const itm::PortDemux& ports = capture.ports();
  // Behind the terminal's own "^C", a line begins.
  if (interrupted && environment.err_is_terminal) environment.err << '\n';
  if (!end_note.empty() && !interrupted) environment.err << end_note << '\n';
  if (!ports.any_packet()) {
    capture.rethrow();
    if (capture.ended_by_reader()) return ExitStatus::kDone;
    if (interrupted || plan.source != SourceKind::kProbe ||
        capture.end() == CaptureEnd::kDuration) {
      throw_nothing_captured(plan, capture, interrupted);
    }
  }

  ExitStatus status = ExitStatus::kDone;
  std::string next;
  for (const Capture::Trace& trace : capture.traces()) {
    if (trace.sink.error()) continue;  // said below, with what is in the file
    if (trace.begun()) {
      report_trace(trace, ports.losses(), environment);
      next += (next.empty() ? "" : "; ") + trace.reader;
      continue;
    }
    status = ExitStatus::kCheckFailed;
    environment.err << fmt::format(
        "{} nothing recorded: no heap event came on port {}; {}; {}\n"
        "{} {}\n",
        label(environment, "error"), trace.writer.port(), ports_with_data(ports), untouched(trace),
        label(environment, "hint"), silent_hint(capture, trace));
  }
  if (capture.traces().empty() && ports.losses().any()) {
    environment.err << "warning: lost on the way: " << losses(ports.losses()) << '\n';
  }
  if (capture.traces().empty() && !any_wanted(plan, ports)) {
    environment.err << "note: nothing came on the ports asked for; " << ports_with_data(ports)
                    << '\n';
  }
  report_more_errors(capture, environment);
  capture.rethrow();
  if (!next.empty()) environment.err << "next: " << next << '\n';
  return status;
}

}  // namespace drone::cli
