// SPDX-License-Identifier: MIT
#pragma once

// The answer of `drone heap generate`: a section [heap] or [heap.NAME] for Drone.toml and, as
// comments after it, the proof that the trace runs on it.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "heaptrace/reader.hpp"
#include "layout/exceedance.hpp"
#include "layout/replay.hpp"
#include "layout/suggest.hpp"

namespace drone::report {

/// Stands above the section, on the terminal only. 80 columns.
inline constexpr std::string_view kLayoutHeading =
    "------------------------------- SUGGESTED LAYOUT -------------------------------";

/// One of the traces that the layout is for.
struct LayoutTrace {
  std::string name;  ///< its file
  heaptrace::Summary summary;
  bool is_replayed = true;  ///< a summary has no events to replay
};

/// What is to be known before relying on what a trace asks: that parts of it are missing, and which
/// figures that makes too low or too high. Sentences. `is_only`: there is no other, so that it need
/// not be named.
std::vector<std::string> doubts(const LayoutTrace& trace, bool is_only);

struct LayoutReport {
  layout::Suggestion suggestion;
  layout::ReplayResult replay;       ///< of the traces on suggestion.pools
  std::vector<LayoutTrace> traces;   ///< what they were like
  layout::FailedRequests failed;     ///< in the traces
  std::uint64_t unservable = 0;      ///< requests of the trace that no layout serves
  std::string section = "heap";      ///< or "heap.NAME"
  std::uint32_t base_alignment = 4;  ///< bytes
  std::string settings;   ///< more lines of the section: what it said before and must keep
  std::string heap_size;  ///< as Drone.toml has it: "10K"
  std::optional<layout::Outlook> outlook;  ///< of a longer run on suggestion.pools
  std::optional<double> confidence;        ///< that the pools were sized by
  bool bars_spill = false;                 ///< `confidence` does, and nothing else did
  bool fit = false;                        ///< the heap is as large as the layout: no headroom
  std::uint32_t contexts = 0;              ///< that every pool has a block more for
  std::uint32_t headroom_permille = 0;     ///< that every pool has more, of 1000 that it needs
};

/// Valid TOML: the section, and whatever else there is to say as comments.
std::string render_layout(const LayoutReport& report);

/// What to say of requests, at least one, that no layout can serve.
std::string unservable_in_words(std::uint64_t requests);

}  // namespace drone::report
