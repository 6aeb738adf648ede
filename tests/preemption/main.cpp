// SPDX-License-Identifier: MIT

// Interrupts every operation of a heap at every point, on the emulated board (docs/preemption.md).
// Prints a table; exits 0 if nothing was wrong, 1 if something was, and with --expect the other way
// round.

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>

#include "board/symbols.hpp"
#include "support/error.hpp"
#include "sweep.hpp"

namespace drone::preemption {
namespace {

constexpr const char* kUsage =
    R"(usage: preemption_sweep ELF [OPTION...]
  --fifo fast|full|stalled  the firmware is traced, into a FIFO that is empty and fast, full and
                         slow, or full for so long that events are dropped
  --sequence-inside      SEQUENCE is due inside the operation, and not soon behind it
  --sequences N          what the handler does: at each point N of its sequences, others at the next
                         one, and take-take-give; without it all
  --visits N             interrupt an instruction that is executed again and again the first N times
  --pairs N              two interrupts: every Nth pair of points (1: all; 0, the default: none
                         but what is needed to interrupt every instruction)
  --every-sequence       wait for the next SEQUENCE in each run, not in every 16th
  --keep-monitor         on a wrong board, whose exceptions leave the exclusive monitor alone
  --operation TEXT       only operations whose name contains it
  --expect TEXT          succeed if and only if a failure is found whose message contains it
)";

struct Options {
  std::string elf;
  std::string expected;
  bool clears_monitor = true;
  Settings settings;
};

unsigned number(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw Error(ExitStatus::kUsage, fmt::format("'{}' is no number", text));
  }
  return value;
}

Options parse(int argc, char** argv) {
  Options options;
  int i = 1;
  const auto value = [&]() -> std::string {
    if (++i == argc) throw Error(ExitStatus::kUsage, kUsage);
    return argv[i];
  };
  for (; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--fifo") {
      const std::string how = value();
      if (how != "fast" && how != "full" && how != "stalled") {
        throw Error(ExitStatus::kUsage, kUsage);
      }
      options.settings.fifo = how == "fast"   ? Fifo::kFast
                              : how == "full" ? Fifo::kFull
                                              : Fifo::kStalled;
    } else if (argument == "--sequence-inside") {
      options.settings.sequence_inside = true;
    } else if (argument == "--sequences") {
      options.settings.sequences_per_point = number(value());
    } else if (argument == "--visits") {
      options.settings.most_visits = number(value());
    } else if (argument == "--pairs") {
      options.settings.pair_stride = number(value());
    } else if (argument == "--every-sequence") {
      options.settings.next_sequence_stride = 1;
    } else if (argument == "--keep-monitor") {
      options.clears_monitor = false;
    } else if (argument == "--operation") {
      options.settings.filter = value();
    } else if (argument == "--expect") {
      options.expected = value();
    } else if (!argument.starts_with("-") && options.elf.empty()) {
      options.elf = argument;
    } else {
      throw Error(ExitStatus::kUsage, kUsage);
    }
  }
  if (options.elf.empty()) throw Error(ExitStatus::kUsage, kUsage);
  return options;
}

constexpr const char* kRow = "{:32}{:>7}{:>8}{:>9}{:>9}  {:>5}{:>6}{:>6}  {}\n";

int run(const Options& options) {
  const auto begin = std::chrono::steady_clock::now();
  Target target(options.elf, options.settings.fifo, options.clears_monitor);
  if ((target.interface().is_traced != 0) != (options.settings.fifo != Fifo::kOff)) {
    throw Error(ExitStatus::kUsage,
                "traced firmware needs --fifo, other firmware must not have it");
  }
  const board::Symbols symbols(options.elf);
  const auto name_of = [&](std::uint32_t address) {
    return fmt::format("0x{:x} {}", address, symbols.describe(address));
  };
  Sweep sweep(target, options.settings, name_of);

  fmt::print(kRow, "operation", "points", "runs", "pairs", "nested", "code", "hit", "mask", "");
  OperationReport sum;
  bool ok = true;
  bool found = false;
  sweep.run([&](const OperationReport& report) {
    std::string verdict = report.is_skipped ? "-" : "ok";
    if (!report.ok()) verdict = fmt::format("FAILED {}", report.failures.size());
    if (!report.uncovered.empty() && report.failures.empty())
      verdict += fmt::format(", {} uncovered", report.uncovered.size());
    if (report.unreached != 0) verdict += fmt::format(" ({} unreached)", report.unreached);
    fmt::print(kRow, report.name, report.points, report.runs, report.pairs, report.nested,
               report.executed, report.interrupted, report.masked, verdict);
    // After failures the rest of an operation was left out.
    for (const std::uint32_t pc : report.uncovered) {
      if (!report.failures.empty()) break;
      fmt::print("  never interrupted before {}\n", name_of(pc));
    }
    for (const std::string& failure : report.failures) {
      fmt::print("  {}\n", failure);
      if (failure.find(options.expected) != std::string::npos) found = true;
    }
    std::fflush(stdout);
    ok = ok && report.ok();
    sum.points += report.points;
    sum.runs += report.runs;
    sum.pairs += report.pairs;
    sum.nested += report.nested;
    sum.executed += report.executed;
    sum.interrupted += report.interrupted;
    sum.masked += report.masked;
  });
  fmt::print(kRow, "all", sum.points, sum.runs, sum.pairs, sum.nested, sum.executed,
             sum.interrupted, sum.masked, ok ? "ok" : "FAILED");
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  fmt::print("{} runs in {:.1f} s\n", sum.runs + sum.pairs, seconds.count());
  if (sum.runs == 0) throw Error(ExitStatus::kUsage, "no operation has such a name");
  if (options.expected.empty()) return ok ? 0 : 1;
  fmt::print("'{}' {}\n", options.expected, found ? "was found, as expected" : "WAS NOT FOUND");
  return found ? 0 : 1;
}

}  // namespace
}  // namespace drone::preemption

int main(int argc, char** argv) {
  try {
    return drone::preemption::run(drone::preemption::parse(argc, argv));
  } catch (const drone::Error& error) {
    fmt::print(stderr, "error: {}\n", error.message());
    return static_cast<int>(error.status());
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return 1;
  }
}
