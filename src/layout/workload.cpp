// SPDX-License-Identifier: MIT
#include "layout/workload.hpp"

#include <algorithm>
#include <cassert>
#include <tuple>
#include <utility>

namespace drone::layout {

static_assert(static_cast<std::uint16_t>(kNoKind) == Workload::kNoClass);

void WorkloadCollector::give_up() {
  is_too_long_ = true;
  changes_.clear();
  changes_.shrink_to_fit();
}

Workload WorkloadCollector::take() {
  assert(!is_too_long_);
  Workload workload;
  const auto class_of = [this](const RequestKind& kind) {
    const std::uint32_t alignment = std::max(kind.alignment, base_alignment_);
    return Workload::Class{heap::effective_size(kind.size, base_alignment_, alignment), alignment};
  };
  const auto key = [](const Workload::Class& each) {
    return std::tie(each.effective_size, each.alignment);
  };
  const auto is_less = [&key](const auto& a, const auto& b) { return key(a) < key(b); };
  std::vector<Workload::Class>& classes = workload.classes_;
  for (const RequestKind& kind : tracker_->kinds()) classes.push_back(class_of(kind));
  std::sort(classes.begin(), classes.end(), is_less);
  const auto is_same = [&key](const auto& a, const auto& b) { return key(a) == key(b); };
  classes.erase(std::unique(classes.begin(), classes.end(), is_same), classes.end());
  for (Workload::Class& each : classes) {
    std::vector<std::uint32_t>& sizes = workload.sizes_;
    if (sizes.empty() || sizes.back() != each.effective_size) sizes.push_back(each.effective_size);
    each.size_index = static_cast<std::uint32_t>(sizes.size() - 1);
  }

  std::vector<std::uint16_t> class_of_kind;
  for (const RequestKind& kind : tracker_->kinds()) {
    const auto found = std::lower_bound(classes.begin(), classes.end(), class_of(kind), is_less);
    class_of_kind.push_back(static_cast<std::uint16_t>(found - classes.begin()));
  }
  workload.changes_ = std::exchange(changes_, {});
  for (Workload::Change& change : workload.changes_) {
    if (change.from != Workload::kNoClass) change.from = class_of_kind[change.from];
    if (change.to != Workload::kNoClass) change.to = class_of_kind[change.to];
    workload.object_count_ = std::max(workload.object_count_, change.object + 1);
  }

  std::vector<std::uint32_t> coming(workload.object_count_, Workload::kNever);
  workload.next_.resize(workload.changes_.size());
  for (std::size_t i = workload.changes_.size(); i-- != 0;) {
    const Workload::Change& change = workload.changes_[i];
    const bool lives_on = change.to != Workload::kNoClass;
    workload.next_[i] = lives_on ? coming[change.object] : Workload::kNever;
    coming[change.object] = static_cast<std::uint32_t>(i);
  }
  return workload;
}

}  // namespace drone::layout
