// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/environment.hpp"
#include "support/exit_status.hpp"

namespace drone::cli {

/// Options of `drone heap`, shared with its subcommands.
struct HeapOptions {
  std::optional<std::string> heap;  ///< NAME of [heap.NAME]; else [heap]
  /// Default: the heap's own, project::trace_file_name(), in the project's folder.
  std::vector<std::filesystem::path> files;
  std::optional<std::string> size;    ///< as given to -s
  std::optional<unsigned> port;       ///< default: the heap's
  std::string input_format = "auto";  ///< as heaptrace::parse_input_format() reads it
  bool follow = false;                ///< while the trace is written
};

/// Prints the usage statistics of a trace that is being written, again and again, until its capture
/// is closed or the user ends it.
ExitStatus run_heap_follow(const HeapOptions& options, Environment& environment);

/// Prints the usage statistics of traces, all in one table.
ExitStatus run_heap(const HeapOptions& options, Environment& environment);

/// Options of `drone heap generate`, beyond those of `drone heap`.
struct GenerateOptions {
  std::optional<std::size_t> pools = {};  ///< without it, what each number of pools costs
  bool tight = false;
  bool no_spill = false;
  bool prove = false;  ///< try every layout that takes fewer bytes than the tight one
  std::optional<std::string> headroom = {};  ///< "25%"
  std::uint32_t contexts = 0;
  std::optional<std::uint64_t> seed = {};
  std::optional<std::string> confidence = {};  ///< as parse_confidence() reads it
  bool fit = false;
  bool write = false;  ///< into Drone.toml, too
};

/// Prints an optimised [heap] section; without a number of pools, what each costs.
ExitStatus run_heap_generate(const HeapOptions& heap, const GenerateOptions& options,
                             Environment& environment);

/// Options of `drone heap merge`, beyond those of `drone heap`; the inputs are HeapOptions::files.
struct MergeOptions {
  std::filesystem::path output;  ///< "-" is stdout
};

/// Writes one summary of traces and summaries.
ExitStatus run_heap_merge(const HeapOptions& heap, const MergeOptions& options,
                          Environment& environment);

/// Options of `drone heap simulate`, beyond those of `drone heap`.
struct SimulateOptions {
  std::optional<std::filesystem::path> layout;  ///< "-" is stdin; default: Drone.toml
};

/// Replays traces on any layout. Exit status 1 if requests fail that the program was served.
ExitStatus run_heap_simulate(const HeapOptions& heap, const SimulateOptions& options,
                             Environment& environment);

}  // namespace drone::cli
