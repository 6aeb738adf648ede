// SPDX-License-Identifier: MIT
#pragma once

// What `drone heap` and its subcommands work on: a trace, and the heap that it is of.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>

#include "cli/environment.hpp"
#include "cli/heap.hpp"
#include "heaptrace/reader.hpp"
#include "project/manifest.hpp"
#include "support/error.hpp"

namespace drone::cli {

/// A trace that is there and is not empty (unless it is to be followed: then it is a file, or will
/// be one), and what is known about its heap before it is read. A size or an alignment that neither
/// the command line nor Drone.toml gives is absent: the trace may carry it.
struct HeapInput {
  std::filesystem::path file;                   ///< for messages
  std::filesystem::path path;                   ///< of `file`, whatever the directory
  heaptrace::OpenStream open;                   ///< opens `file`; throws Error (kInput)
  heaptrace::ReadOptions read;                  ///< from the options
  std::optional<std::uint32_t> size;            ///< bytes: of -s, else of Drone.toml
  std::optional<std::uint32_t> base_alignment;  ///< bytes, 4 or 8: of Drone.toml
  project::HeapSection section;  ///< as Drone.toml has it; without one, a bare [heap]
};

/// Finds the trace and the project it belongs to, that of `environment.directory`. The heap is the
/// one that `options.heap` names; else the one that reports on `options.port`; else [heap]. A
/// relative `options.file` starts from that directory; the default one is in the project's root, or
/// in the directory if that is in no project. Throws Error: kUsage for a size that is none and for
/// a heap that there is not, kInput for a trace that is missing or empty (the hint names the
/// commands that record one) or for a Drone.toml that is wrong.
HeapInput heap_input(const HeapOptions& options, Environment& environment);

/// The error with the file that it is about.
Error about(const HeapInput& input, const Error& error);

/// Reads `input`'s trace as heaptrace::read_events does; its errors name the file.
heaptrace::Summary read_trace(
    const HeapInput& input, const std::function<void()>& restart,
    const std::function<void(std::span<const heaptrace::Event>)>& consume);

/// Says on stderr in which form the trace came, where that was inferred and is not plain ITM.
void note_format(const heaptrace::Summary& trace, const HeapInput& input, Environment& environment);

/// The heap's size in bytes: of `input`, else of the trace's description. Throws Error (kInput) if
/// neither has it.
std::uint32_t heap_size(const HeapInput& input, const heaptrace::Description& description);

/// The heap's base alignment in bytes: of the trace's description, which is that of the binary that
/// ran, else of `input`, else 4.
std::uint32_t base_alignment(const HeapInput& input, const heaptrace::Description& description);

}  // namespace drone::cli
