// SPDX-License-Identifier: MIT
#pragma once

// Everything that layouts are chosen from, collected while traces are read once.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "heaptrace/event.hpp"
#include "layout/demand.hpp"
#include "layout/heap_summary.hpp"
#include "layout/joint_peaks.hpp"
#include "layout/workload.hpp"

namespace drone::layout {

/// Of one trace or of several: a layout for it serves each of them.
class Survey {
 public:
  /// What is collected, beside what stands above it.
  enum class Depth : std::uint8_t {
    kDemands,     ///< for the default
    kJointPeaks,  ///< for tight layouts without spill, and the lower bound; the slowest of these
    kWorkload,    ///< for spill; memory grows with the traces
  };

  /// `base_alignment` of the heap that the layouts are for: 4 or 8.
  Survey(std::uint32_t base_alignment, Depth depth);

  /// From now on, `tell` is called while something takes long between the events of the traces
  /// that follow, and at their ends: as JointPeaksCollector::tell_progress().
  void tell_progress(std::function<void(double done)> tell) { tell_ = std::move(tell); }

  /// Events of the trace at hand.
  void add(std::span<const heaptrace::Event> events);

  /// What came of the trace at hand is void: it is read again.
  void restart_trace() { trace_.reset(); }

  /// The trace at hand has ended. All that follows sees those that have ended.
  void end_trace();

  /// Traces that were summed up. There is no workload() then.
  void add(const HeapSummary& summary);

  std::uint32_t base_alignment() const { return base_alignment_; }
  const DemandCollector& demands() const { return demands_; }

  /// None if they were not to be collected, or if there are too many sizes (kMostJointSizes).
  const JointPeaks* joint_peaks() const { return joint_peaks_ ? &*joint_peaks_ : nullptr; }

  /// None if it was not to be collected, or was too long to be.
  const Workload* workload() const { return workload_ ? &*workload_ : nullptr; }

 private:
  /// What is collected of one trace.
  struct Trace {
    explicit Trace(std::uint32_t base_alignment)
        : demands(base_alignment),
          joint_peaks(base_alignment, demands.lives()),
          workload(base_alignment, demands.lives()) {}
    DemandCollector demands;
    JointPeaksCollector joint_peaks;
    WorkloadCollector workload;
  };

  Trace& trace();
  void merge(const JointPeaks& peaks);

  std::uint32_t base_alignment_;
  std::function<void(double done)> tell_;
  std::unique_ptr<Trace> trace_;
  DemandCollector demands_;
  std::optional<JointPeaks> joint_peaks_;
  std::optional<Workload> workload_;
};

}  // namespace drone::layout
