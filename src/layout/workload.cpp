// SPDX-License-Identifier: MIT
#include "layout/workload.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "drone/heap/select_pool.hpp"

namespace drone::layout {
namespace {

bool is_less(const Workload::Class& a, const Workload::Class& b) {
  return std::pair(a.effective_size, a.alignment) < std::pair(b.effective_size, b.alignment);
}

bool is_same(const Workload::Class& a, const Workload::Class& b) {
  return a.effective_size == b.effective_size && a.alignment == b.alignment;
}

}  // namespace

static_assert(static_cast<std::uint16_t>(kNoKind) == Workload::kNoClass);

/// In any order, some more than once.
void Workload::set_classes(std::vector<Class> classes) {
  std::sort(classes.begin(), classes.end(), is_less);
  classes.erase(std::unique(classes.begin(), classes.end(), is_same), classes.end());
  classes_ = std::move(classes);
  sizes_.clear();
  for (Class& each : classes_) {
    if (sizes_.empty() || sizes_.back() != each.effective_size) {
      sizes_.push_back(each.effective_size);
    }
    each.size_index = static_cast<std::uint32_t>(sizes_.size() - 1);
  }
}

std::uint16_t Workload::find(const Class& wanted) const {
  const auto found = std::lower_bound(classes_.begin(), classes_.end(), wanted, is_less);
  return static_cast<std::uint16_t>(found - classes_.begin());
}

void Workload::append(const Workload& other) {
  const std::vector<Class> old_classes = classes_;
  std::vector<Class> all = classes_;
  all.insert(all.end(), other.classes_.begin(), other.classes_.end());
  set_classes(std::move(all));
  const auto translate = [this](const std::vector<Class>& classes, std::size_t begin) {
    std::vector<std::uint16_t> to;
    to.reserve(classes.size());
    for (const Class& each : classes) to.push_back(find(each));
    for (std::size_t i = begin; i != changes_.size(); ++i) {
      Change& change = changes_[i];
      if (change.from != kNoClass) change.from = to[change.from];
      if (change.to != kNoClass) change.to = to[change.to];
    }
  };
  const std::size_t size = changes_.size();
  if (classes_.size() != old_classes.size()) translate(old_classes, 0);
  changes_.insert(changes_.end(), other.changes_.begin(), other.changes_.end());
  translate(other.classes_, size);
  for (const std::uint32_t next : other.next_) {
    next_.push_back(next == kNever ? kNever : next + static_cast<std::uint32_t>(size));
  }
  object_count_ = std::max(object_count_, other.object_count_);
}

void WorkloadCollector::give_up() {
  is_too_long_ = true;
  changes_.clear();
  changes_.shrink_to_fit();
}

Workload WorkloadCollector::take() {
  assert(!is_too_long_);
  Workload workload;
  std::vector<Workload::Class> classes;  // by kind
  for (const RequestKind& kind : tracker_->kinds()) {
    const std::uint32_t alignment = std::max(kind.alignment, base_alignment_);
    classes.push_back({heap::effective_size(kind.size, base_alignment_, alignment), alignment, 0});
  }
  workload.set_classes(classes);
  std::vector<std::uint16_t> class_of_kind;
  class_of_kind.reserve(classes.size());
  for (const Workload::Class& each : classes) class_of_kind.push_back(workload.find(each));
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

WorkloadReplay replay(const Workload& workload, std::span<const heap::PoolSpec> pools) {
  WorkloadReplay result;
  std::vector<std::uint32_t> used(pools.size());
  std::vector<std::size_t> pool_of(workload.object_count());
  const std::vector<Workload::Class>& classes = workload.classes();
  for (const Workload::Change& change : workload.changes()) {
    std::size_t& pool = pool_of[change.object];
    const bool is_live = change.from != Workload::kNoClass;
    if (change.to == Workload::kNoClass) {
      --used[pool];
      continue;
    }
    const Workload::Class& wanted = classes[change.to];
    if (is_live && heap::can_serve(pools[pool], wanted.effective_size, wanted.alignment)) continue;
    ++result.requests;
    bool spilled = false;
    const auto try_take = [&](std::size_t i) {
      if (used[i] == pools[i].capacity) {
        spilled = true;
        return false;
      }
      ++used[i];
      return true;
    };
    const std::size_t taken =
        heap::select_pool(pools, wanted.effective_size, wanted.alignment, try_take);
    if (taken == pools.size()) {
      result.runs = false;
      return result;
    }
    if (spilled) ++result.spills;
    if (is_live) --used[pool];
    pool = taken;
  }
  return result;
}

}  // namespace drone::layout
