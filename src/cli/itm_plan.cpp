// SPDX-License-Identifier: MIT
#include "cli/itm_plan.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "drone/heaptrace/wire_format.hpp"
#include "itm/port_demux.hpp"
#include "support/error.hpp"

namespace drone::cli {
namespace {

constexpr const char* kPortsHint =
    "ports are 0 to 31: \"0,1\" shows two, \"2:samples.bin\" writes one to a file";

/// The file that `name` means in `directory`, as the user wrote it where that will do.
std::filesystem::path resolve(const std::filesystem::path& directory, const std::string& name) {
  std::error_code ignored;
  if (directory == std::filesystem::current_path(ignored)) return name;
  return directory / name;
}

[[noreturn]] void refuse(const std::string& message, const std::string& hint) {
  throw Error(ExitStatus::kUsage, message, hint);
}

bool is_number(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<unsigned> parse_port(std::string_view text) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (!is_number(text) || error != std::errc() || end != text.data() + text.size() ||
      port >= itm::kPortCount) {
    return std::nullopt;
  }
  return port;
}

std::vector<unsigned> parse_ports(std::string_view list, const std::string& argument) {
  std::vector<unsigned> ports;
  while (true) {
    const std::size_t comma = list.find(',');
    const std::string_view item = list.substr(0, comma);
    const auto port = parse_port(item);
    if (!port) {
      refuse("there is no ITM port '" + std::string(item) + "' (in '" + argument + "')",
             kPortsHint);
    }
    if (std::find(ports.begin(), ports.end(), *port) != ports.end()) {
      refuse("port " + std::string(item) + " is named twice in '" + argument + "'",
             "name each port once");
    }
    ports.push_back(*port);
    if (comma == std::string_view::npos) return ports;
    list.remove_prefix(comma + 1);
  }
}

/// "1,2:f,3" hardly means a file "f,3": a comma and another port in the file's name, at `name`, are
/// refused, unless the name has a folder.
void check_ports_end(const std::string& argument, std::size_t name) {
  if (argument.find('/', name) != std::string::npos) return;
  const std::size_t comma = argument.find(',', name);
  if (comma == std::string::npos) return;
  const std::string rest = argument.substr(comma + 1);
  if (!parse_port(std::string_view(rest).substr(0, rest.find_first_of(",:")))) return;
  const std::string ports = argument.substr(0, name);
  refuse("'" + argument + "' has a port behind a file",
         "apart they are " + argument.substr(0, comma) + " " + rest + "; a file of that name is " +
             ports + "./" + argument.substr(name));
}

void add_ports(ItmPlan& plan, const std::string& argument, const std::filesystem::path& directory) {
  const std::size_t colon = argument.find(':');
  const std::vector<unsigned> ports = parse_ports(argument.substr(0, colon), argument);
  if (colon != std::string::npos) {
    const std::string file = argument.substr(colon + 1);
    if (file.empty()) refuse("'" + argument + "' names no file after the colon", kPortsHint);
    check_ports_end(argument, colon + 1);
    plan.files.push_back({ports, resolve(directory, file)});
    return;
  }
  for (const unsigned port : ports) {
    if (std::find(plan.shown.begin(), plan.shown.end(), port) != plan.shown.end()) {
      refuse("port " + std::to_string(port) + " is to be shown twice", "name each port once");
    }
    plan.shown.push_back(port);
  }
}

/// The command that reads a trace, from the folder that it was recorded from.
std::string reader_of(const std::string& file, unsigned port, unsigned default_port) {
  std::string command = "drone heap";
  if (file != project::trace_file_name({})) command += " -f " + file;
  if (port != default_port) command += " --port " + std::to_string(port);
  return command;
}

void add_heaptrace(ItmPlan& plan, const std::string& argument,
                   const std::filesystem::path& directory, unsigned default_port) {
  HeaptraceFile trace{default_port, {}, {}};
  std::string file = argument;
  const std::size_t colon = argument.find(':');
  if (colon != std::string::npos && is_number(argument.substr(0, colon))) {
    const auto port = parse_port(argument.substr(0, colon));
    if (!port) {
      refuse("there is no ITM port '" + argument.substr(0, colon) + "' (in --heaptrace '" +
                 argument + "')",
             "ports are 0 to 31: --heaptrace 30:FILE; a file of that name is ./" + argument);
    }
    trace.port = *port;
    file = argument.substr(colon + 1);
  }
  if (file.empty()) {
    refuse("--heaptrace '" + argument + "' names no file", "--heaptrace heaptrace");
  }
  trace.file = resolve(directory, file);
  trace.reader = reader_of(trace.file.string(), trace.port, default_port);
  plan.heaptraces.push_back(std::move(trace));
}

void add_heaps(ItmPlan& plan, const project::Manifest* project) {
  if (project == nullptr) {
    throw Error(ExitStatus::kInput, "--heaps records the heaps of a project, and this is in none",
                "run it where Drone.toml is, or name port and file: --heaptrace 31:heaptrace");
  }
  for (const project::HeapSection* const heap : project::all_heaps(*project)) {
    std::string reader = "drone heap";
    if (!heap->name.empty()) reader += " --heap " + heap->name;
    plan.heaptraces.push_back(
        {heap->port, resolve(project->path.parent_path(), project::trace_file_name(*heap)),
         std::move(reader)});
  }
}

void set_source(ItmPlan& plan, const ItmOptions& options, const std::filesystem::path& directory) {
  constexpr std::string_view kFilePrefix = "file:";
  if (options.from == "-") {
    plan.source = SourceKind::kStandardInput;
  } else if (options.from.starts_with(kFilePrefix) && options.from.size() > kFilePrefix.size()) {
    plan.source = SourceKind::kFile;
    plan.source_file = resolve(directory, options.from.substr(kFilePrefix.size()));
  } else if (options.from != "probe") {
    const bool planned = options.from.starts_with("tcp:") || options.from.starts_with("serial:");
    refuse(
        (planned ? "this version cannot read from '" : "there is no source '") + options.from + "'",
        "a stream comes from the project's probe (--from probe), from a file or FIFO (--from "
        "file:PATH), or from standard input (--from -)");
  }
  if (options.reset && plan.source != SourceKind::kProbe) {
    refuse("--reset needs a target, and --from " + options.from + " has none",
           "leave out one of them");
  }
}

/// The number that `text` begins with, and behind it.
template <class Number>
std::optional<Number> parse_number(std::string_view& text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || text[0] == '-' || error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

std::chrono::milliseconds parse_duration(const std::string& given) {
  constexpr std::int64_t kLongestMs = std::int64_t{366} * 24 * 60 * 60 * 1000;
  constexpr const char* kHint =
      "500ms, 10s, 2m and 1h are times; a plain number is seconds: --duration 10";
  std::string_view unit = given;
  const auto number = parse_number<std::int64_t>(unit);
  const std::int64_t unit_ms = unit == "ms"                  ? 1
                               : unit.empty() || unit == "s" ? 1000
                               : unit == "m"                 ? 60'000
                               : unit == "h"                 ? 3'600'000
                                                             : 0;
  if (!number || unit_ms == 0) refuse("'" + given + "' is no time (in --duration)", kHint);
  if (*number == 0) refuse("a capture of no time gets nothing (--duration " + given + ")", kHint);
  if (*number > kLongestMs / unit_ms) {
    refuse("--duration " + given + " is more than a year",
           "without --duration a capture goes on until Ctrl-C");
  }
  return std::chrono::milliseconds(*number * unit_ms);
}

std::uint64_t parse_events(const std::string& given, const ItmPlan& plan) {
  std::string_view rest = given;
  const auto number = parse_number<std::uint64_t>(rest);
  if (!number || !rest.empty() || *number == 0) {
    refuse("'" + given + "' is no number of events (in --events)",
           "a whole number from 1 on: --events 10000");
  }
  if (plan.heaptraces.empty()) {
    refuse("--events counts events of recorded heaps, and none is recorded",
           "add --heaptrace heaptrace, or end the capture with --duration 10s");
  }
  return *number;
}

void set_input(ItmPlan& plan, const ItmOptions& options) {
  const auto input = itm::parse_input_options(options.input_format);
  if (!input) {
    refuse(
        "there is no input format '" + options.input_format + "'",
        "auto (told from the bytes), itm, tpiu, or tpiu:ID with the ID of the ITM's stream, 1 to "
        "111");
  }
  plan.input = *input;
  if (plan.source != SourceKind::kProbe) return;
  if (input->kind == itm::InputKind::kTpiu) {
    refuse("--input-format " + options.input_format + " is not for a probe: it sends bare ITM",
           "leave it out, or name a recording: --from file:PATH");
  }
  plan.input.kind = itm::InputKind::kItm;
}

/// Whether two names are one file that writing both would spoil; devices such as /dev/null are not.
bool same_file(const std::filesystem::path& a, const std::filesystem::path& b) {
  std::error_code error;
  const auto status = std::filesystem::status(a, error);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) return false;
  if (std::filesystem::equivalent(a, b, error) && !error) return true;
  const auto canonical = std::filesystem::weakly_canonical(a, error);
  return !error && canonical == std::filesystem::weakly_canonical(b, error) && !error;
}

void check_files(const ItmPlan& plan) {
  std::vector<std::filesystem::path> written;
  for (const PortFile& file : plan.files) written.push_back(file.file);
  for (const HeaptraceFile& trace : plan.heaptraces) written.push_back(trace.file);
  if (plan.raw) written.push_back(*plan.raw);
  for (auto file = written.begin(); file != written.end(); ++file) {
    if (std::any_of(written.begin(), file,
                    [&](const auto& other) { return same_file(other, *file); })) {
      refuse("'" + file->string() + "' would be written twice",
             "give each its own file; ports that share one are written 2,3:FILE");
    }
    if (plan.source == SourceKind::kFile && same_file(plan.source_file, *file)) {
      refuse("'" + file->string() + "' would be overwritten while it is read",
             "write to another file");
    }
  }
}

}  // namespace

std::uint32_t ItmPlan::port_mask() const {
  std::uint32_t mask = 0;
  for (const unsigned port : shown) mask |= 1U << port;
  for (const PortFile& file : files) {
    for (const unsigned port : file.ports) mask |= 1U << port;
  }
  for (const HeaptraceFile& trace : heaptraces) mask |= 1U << trace.port;
  return mask;
}

ItmPlan plan_itm(const ItmOptions& options, const std::filesystem::path& directory,
                 const project::Manifest* project) {
  ItmPlan plan;
  plan.allow_gaps = options.allow_gaps;
  for (const std::string& argument : options.ports) add_ports(plan, argument, directory);
  if (options.ports.empty()) plan.shown = {0, 1};
  if (options.heaps) add_heaps(plan, project);
  const unsigned port = project == nullptr ? heaptrace::kDefaultPort : project->heap.port;
  for (const std::string& argument : options.heaptraces) {
    add_heaptrace(plan, argument, directory, port);
  }
  if (options.raw) {
    if (options.raw->empty()) refuse("--raw names no file", "--raw swo.bin");
    plan.raw = resolve(directory, *options.raw);
  }
  set_source(plan, options, directory);
  set_input(plan, options);
  check_files(plan);
  if (options.duration) plan.duration = parse_duration(*options.duration);
  if (options.events) plan.events = parse_events(*options.events, plan);
  return plan;
}

}  // namespace drone::cli
