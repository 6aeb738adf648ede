// SPDX-License-Identifier: MIT
#include "layout/survey.hpp"

#include "support/error.hpp"

namespace drone::layout {

Survey::Survey(std::uint32_t base_alignment, Depth depth)
    : base_alignment_(base_alignment), demands_(base_alignment) {
  if (depth >= Depth::kJointPeaks) joint_peaks_.emplace();
  if (depth >= Depth::kWorkload) workload_.emplace();
}

Survey::Trace& Survey::trace() {
  if (trace_ == nullptr) {
    trace_ = std::make_unique<Trace>(base_alignment_);
    trace_->joint_peaks.tell_progress(tell_);
  }
  return *trace_;
}

void Survey::add(std::span<const heaptrace::Event> events) {
  Trace& trace = this->trace();
  if (!joint_peaks_ && !workload_) return trace.demands.add(events);
  const bool keeps = workload_.has_value();
  trace.demands.add(events,
                    [&trace, keeps](std::uint32_t object, std::uint32_t from, std::uint32_t to) {
                      trace.joint_peaks.add(from, to);
                      if (keeps) trace.workload.add(object, from, to);
                    });
}

void Survey::end_trace() {
  Trace& trace = this->trace();
  demands_.merge(trace.demands);
  if (!joint_peaks_ || trace.joint_peaks.has_too_many_sizes()) {
    joint_peaks_.reset();
  } else {
    merge(trace.joint_peaks.peaks());
  }
  if (workload_) {
    // The next trace finds an empty heap.
    trace.demands.end_all([&trace](std::uint32_t object, std::uint32_t from, std::uint32_t to) {
      trace.workload.add(object, from, to);
    });
    const bool fits = !trace.workload.is_too_long() &&
                      workload_->changes().size() <= WorkloadCollector::kMostChanges;
    if (fits) {
      workload_->append(trace.workload.take());
    } else {
      workload_.reset();
    }
  }
  trace_.reset();
}

void Survey::add(const HeapSummary& summary) {
  const AskedSummary& asked = summary.asked_with(base_alignment_);
  demands_.merge(asked.classes, summary.failed, summary.unservable);
  if (asked.peaks) {
    merge(*asked.peaks);
  } else {
    joint_peaks_.reset();
  }
  workload_.reset();
}

void Survey::merge(const JointPeaks& peaks) {
  if (!joint_peaks_) return;
  try {
    joint_peaks_->merge(peaks);
  } catch (const Error&) {
    joint_peaks_.reset();  // too many sizes together
  }
}

}  // namespace drone::layout
