// SPDX-License-Identifier: MIT
#pragma once

// What `drone heap` and its subcommands work on: traces, and the heap that they are of.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/environment.hpp"
#include "cli/heap.hpp"
#include "cli/progress.hpp"
#include "heaptrace/reader.hpp"
#include "layout/heap_summary.hpp"
#include "project/manifest.hpp"
#include "support/error.hpp"

namespace drone::cli {

/// A trace that is there and is not empty (unless it is to be followed: then it is a file, or will
/// be one).
struct TraceInput {
  std::filesystem::path file;   ///< for messages
  std::filesystem::path path;   ///< of `file`, whatever the directory
  heaptrace::OpenStream open;   ///< opens `file`; throws Error (kInput)
  heaptrace::ReadOptions read;  ///< from the options
  bool is_summary = false;      ///< what `drone heap merge` wrote: to be read by read_summary()
  std::shared_ptr<FileProgress> progress = {};  ///< of what `open` opens
};

/// The traces, and what is known about their heap before they are read. A size or an alignment that
/// neither the command line nor Drone.toml gives is absent: the traces may carry it.
struct HeapInput {
  std::vector<TraceInput> traces;               ///< in the order of the command line, at least one
  std::optional<std::uint32_t> size;            ///< bytes: of -s, else of Drone.toml
  std::optional<std::uint32_t> base_alignment;  ///< bytes, 4 or 8: of Drone.toml
  project::HeapSection section;  ///< as Drone.toml has it; without one, a bare [heap]
  std::optional<std::filesystem::path> manifest;  ///< that Drone.toml
  std::string manifest_text;                      ///< what stood in it
};

/// Whether the pools in Drone.toml are of use, or another layout is made to replace them: then they
/// need not suit the heap's alignment and size.
enum class OldPools : std::uint8_t { kUsed, kReplaced };

/// Finds the traces and the project they belong to, that of `environment.directory`. The heap is
/// the one that `options.heap` names; else the one that reports on `options.port`; else [heap].
/// Relative `options.files` start from that directory; the default one is in the project's root, or
/// in the directory if that is in no project. A file named twice is worth a warning on stderr.
/// Throws Error: kUsage for a size that is none and for a heap that there is not, kInput for a
/// trace that is missing or empty (the hint names the commands that record one) or for a Drone.toml
/// that is wrong.
HeapInput heap_input(const HeapOptions& options, Environment& environment,
                     OldPools old_pools = OldPools::kUsed);

/// The error with the file that it is about.
Error about(const TraceInput& input, const Error& error);

/// Reads a trace as heaptrace::read_events does; its errors name the file.
heaptrace::Summary read_trace(
    const TraceInput& input, const std::function<void()>& restart,
    const std::function<void(std::span<const heaptrace::Event>)>& consume);

/// Shows how far finding the joint peaks is, in what was read of the trace: for those who find them
/// to call, from 0 to 1.
std::function<void(double done)> joint_peaks_progress(const TraceInput& input);

/// Says on stderr in which form the trace came, where that was inferred and is not plain ITM.
void note_format(const heaptrace::Summary& trace, const TraceInput& input,
                 Environment& environment);

/// Whether what `drone heap merge` wrote begins so.
bool begins_as_summary(ByteSource& source);

/// Reads a summary; its errors name the file.
layout::HeapSummary read_summary(const TraceInput& input);

/// What one of the inputs said of its heap.
struct DescribedTrace {
  std::string name;  ///< for messages
  std::optional<std::uint32_t> heap_size = {};
  std::optional<std::uint32_t> base_alignment = {};
};

/// The same of a trace that was read.
DescribedTrace described(const TraceInput& input, const heaptrace::Summary& trace);

/// Appends the same of a summary: twice if its traces disagree.
void describe(const TraceInput& input, const layout::HeapSummary& summary,
              std::vector<DescribedTrace>& said);

/// The heap's size in bytes: of `input`, else of the traces' descriptions. Throws Error (kInput) if
/// nobody says it, or if the traces say different ones.
std::uint32_t heap_size(const HeapInput& input, std::span<const DescribedTrace> traces);

/// The base alignment in bytes of the heap that was traced: of the descriptions, which are those of
/// the binaries that ran, else of `input`, else 4. Of different ones it is the larger.
std::uint32_t base_alignment(const HeapInput& input, std::span<const DescribedTrace> traces);

/// Warns on stderr if the traces are of heaps with different base alignments.
void warn_of_alignments(std::span<const DescribedTrace> traces, Environment& environment);

}  // namespace drone::cli
