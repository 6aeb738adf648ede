// SPDX-License-Identifier: MIT
#include "layout/demand.hpp"

#include <algorithm>
#include <cassert>

namespace drone::layout {

void DemandCollector::note_failed(std::span<const heaptrace::Event> events) {
  for (const heaptrace::Event& event : events) {
    if (event.kind != heaptrace::EventKind::kFailed) continue;
    ++failed_.count;
    failed_.largest = std::max(failed_.largest, event.size);
  }
}

/// The classes of the kinds that came up since.
void DemandCollector::learn_kinds() {
  for (std::size_t i = class_of_kind_.size(); i != lives_.kinds().size(); ++i) {
    class_of_kind_.push_back(find_class(lives_.kinds()[i]));
  }
}

/// The class of such requests, a new one if there was none.
std::uint32_t DemandCollector::find_class(const RequestKind& kind) {
  const std::uint32_t effective = heap::effective_size(kind.size, base_alignment_, kind.alignment);
  const std::uint64_t key = std::uint64_t{kind.size} << 32 | effective;
  const auto [found, is_new] =
      class_index_.try_emplace(key, static_cast<std::uint32_t>(classes_.size()));
  if (is_new) classes_.push_back({{effective, base_alignment_, 0}, 0});
  Demand& demand = classes_[found->second].demand;
  demand.alignment = std::max(demand.alignment, kind.alignment);
  return found->second;
}

void DemandCollector::merge(const DemandCollector& other) {
  assert(base_alignment_ == other.base_alignment_);
  merge(other.classes(), other.failed_, other.unservable());
}

void DemandCollector::merge(std::span<const DemandClass> classes, const FailedRequests& failed,
                            std::uint64_t unservable) {
  for (const DemandClass& theirs : classes) {
    // A class's largest alignment is that of one of its requests, so it leads to that class.
    Demand& ours = classes_[find_class({theirs.size, theirs.demand.alignment})].demand;
    ours.max_count = std::max(ours.max_count, theirs.demand.max_count);
  }
  failed_.count += failed.count;
  failed_.largest = std::max(failed_.largest, failed.largest);
  merged_unservable_ += unservable;
}

std::vector<DemandClass> DemandCollector::classes() const {
  std::vector<DemandClass> result;
  result.reserve(classes_.size());
  for (const auto& [key, index] : class_index_) {
    result.push_back({static_cast<std::uint32_t>(key >> 32), classes_[index].demand});
  }
  std::sort(result.begin(), result.end());
  return result;
}

std::vector<Demand> DemandCollector::demands() const {
  std::vector<Demand> result;
  result.reserve(classes_.size());
  for (const Class& each : classes_) result.push_back(each.demand);
  std::sort(result.begin(), result.end(), [](const Demand& a, const Demand& b) {
    if (a.effective_size != b.effective_size) return a.effective_size < b.effective_size;
    if (a.alignment != b.alignment) return a.alignment < b.alignment;
    return a.max_count < b.max_count;
  });
  return result;
}

}  // namespace drone::layout
