// SPDX-License-Identifier: MIT
#pragma once

// What `drone heap merge` keeps of traces: all that the usage table and layouts without spill need
// of them, in a few kilobytes, and so that the summaries of many runs merge into one.
// docs/summary-format.md has the bytes.

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "heaptrace/reader.hpp"
#include "heaptrace/usage.hpp"
#include "layout/demand.hpp"
#include "layout/joint_peaks.hpp"
#include "layout/life_tracker.hpp"

namespace drone::layout {

/// The smallest and the largest that traces say of something.
struct Extremes {
  std::uint32_t least = 0;
  std::uint32_t most = 0;

  friend bool operator==(const Extremes&, const Extremes&) = default;
};

/// What is asked of layouts with one base alignment.
struct AskedSummary {
  std::vector<DemandClass> classes;  ///< ascending requested, then effective size
  /// Absent if there were more than kMostJointSizes effective sizes.
  std::optional<JointPeaks> peaks = JointPeaks();

  friend bool operator==(const AskedSummary&, const AskedSummary&) = default;
};

struct HeapSummary {
  std::uint64_t traces = 0;
  std::uint64_t runs = 0;
  std::uint64_t events = 0;  ///< that the reader made of the traces, as `drone heap` counts them
  std::uint64_t bytes = 0;   ///< of the traces' files
  std::optional<Extremes> heap_size;
  std::optional<Extremes> base_alignment;
  heaptrace::Losses losses;  ///< sums; no places
  std::uint64_t unknown_operations = 0;
  bool began_midway = false;         ///< one of the traces
  bool ended_in_order = true;        ///< all of them
  bool description_ignored = false;  ///< of one
  heaptrace::Usage usage;
  FailedRequests failed;
  std::uint64_t unservable = 0;
  std::array<AskedSummary, 2> asked;  ///< for a base alignment of 4, and of 8

  const AskedSummary& asked_with(std::uint32_t alignment) const {
    return asked[alignment == 8 ? 1 : 0];
  }

  friend bool operator==(const HeapSummary&, const HeapSummary&) = default;
};

/// Collects a summary of one trace. Memory by distinct sizes and live blocks.
class SummaryCollector {
 public:
  SummaryCollector();
  SummaryCollector(const SummaryCollector&) = delete;
  SummaryCollector& operator=(const SummaryCollector&) = delete;
  void add(std::span<const heaptrace::Event> events);

  /// As JointPeaksCollector::tell_progress(), of both base alignments together.
  void tell_progress(const std::function<void(double done)>& tell);

  /// `trace` is what the reader said of the whole of it.
  HeapSummary summary(const heaptrace::Summary& trace);

 private:
  heaptrace::UsageCollector usage_;
  std::array<DemandCollector, 2> demands_;
  std::array<JointPeaksCollector, 2> peaks_;
};

/// `into` becomes the summary of both. The same in any order and grouping. Peaks and max counts are
/// maxima; traces, events, allocations, failures and losses are sums, so what is merged twice
/// counts twice there.
void merge(HeapSummary& into, const HeapSummary& other);

/// How a summary begins, so that it is told from a trace.
inline constexpr std::array<std::uint8_t, 8> kSummaryMagic = {0x89, 'D',  'H',  'S',
                                                              '\r', '\n', 0x1A, '\n'};

bool is_summary(std::span<const std::byte> head);

std::vector<std::byte> encode_summary(const HeapSummary& summary);

/// Any bytes are read without fault. Throws Error (kInput) for what is no summary, is damaged, or
/// of a version that this drone does not read; messages speak of "the summary" and leave its name
/// to the caller.
HeapSummary decode_summary(std::span<const std::byte> bytes);

/// The summary as the reader of traces would describe a trace of all of it.
heaptrace::Summary as_trace_summary(const HeapSummary& summary);

}  // namespace drone::layout
