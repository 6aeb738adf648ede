// SPDX-License-Identifier: MIT
#include "layout/demand.hpp"

#include <algorithm>
#include <cassert>

namespace drone::layout {

using heaptrace::Event;
using heaptrace::EventKind;

void DemandCollector::add(std::span<const Event> events) {
  for (const Event& event : events) {
    switch (event.kind) {
      case EventKind::kAlloc:
        begin(event.block, event.size, event.alignment);
        break;
      case EventKind::kDealloc:
        if (LiveBlock* const block = live_.find(event.block); block != nullptr) {
          --classes_[block->class_index].live;
          live_.erase(*block);
        }
        break;
      case EventKind::kResize:
        if (LiveBlock* const block = live_.find(event.block);
            block != nullptr && event.size > block->largest_size) {
          reclass(*block, event.size, block->alignment);
        }
        break;
      case EventKind::kRealign:
        if (LiveBlock* const block = live_.find(event.block);
            block != nullptr && event.alignment > block->alignment &&
            !reclass(*block, block->largest_size, event.alignment)) {
          --classes_[block->class_index].live;
          live_.erase(*block);
        }
        break;
      case EventKind::kFailed:
        ++failed_.count;
        failed_.largest = std::max(failed_.largest, event.size);
        if (is_servable(event.size, event.alignment)) {
          Class& wanted = classes_[class_of(event.size, event.alignment)];
          wanted.demand.max_count = std::max(wanted.demand.max_count, wanted.live + 1);
        } else {
          ++unservable_;
        }
        break;
      case EventKind::kReset:
        live_.clear();
        for (Class& each : classes_) each.live = 0;
        break;
    }
  }
}

/// A block that no layout serves is not live: what happens to it later counts nowhere.
void DemandCollector::begin(std::uint32_t block, std::uint32_t size, std::uint32_t alignment) {
  if (!is_servable(size, alignment)) {
    ++unservable_;
    return;
  }
  const std::uint32_t index = class_of(size, alignment);
  live_.assign(block, {.largest_size = size, .class_index = index, .alignment = alignment});
  Class& its = classes_[index];
  its.demand.max_count = std::max(its.demand.max_count, ++its.live);
}

/// The block moves to the class of that size and alignment. It is counted there before it is given
/// back in its old class, as a reallocation takes before it gives back. Returns false, and leaves
/// the block where it is, if no layout serves such a request.
bool DemandCollector::reclass(LiveBlock& block, std::uint32_t size, std::uint32_t alignment) {
  if (!is_servable(size, alignment)) {
    ++unservable_;
    return false;
  }
  const std::uint32_t index = class_of(size, alignment);
  Class& its = classes_[index];
  // A realignment may stay in its class, where the block is counted already.
  if (index != block.class_index) {
    its.demand.max_count = std::max(its.demand.max_count, ++its.live);
    --classes_[block.class_index].live;
  }
  block.largest_size = size;
  block.class_index = index;
  block.alignment = alignment;
  return true;
}

std::uint32_t DemandCollector::class_of(std::uint32_t size, std::uint32_t alignment) {
  const bool is_direct = size < kDirectSizes && alignment <= base_alignment_;
  if (is_direct && size < direct_.size() && direct_[size] != kNoClass) return direct_[size];

  const std::uint32_t effective = heap::effective_size(size, base_alignment_, alignment);
  const std::uint32_t index = find_class(size, effective);
  Demand& demand = classes_[index].demand;
  demand.alignment = std::max(demand.alignment, alignment);
  if (is_direct) {
    if (size >= direct_.size()) direct_.resize(size + 1, kNoClass);
    direct_[size] = index;
  }
  return index;
}

/// The class of that requested and effective size, a new one if there was none.
std::uint32_t DemandCollector::find_class(std::uint32_t size, std::uint32_t effective) {
  const std::uint64_t key = std::uint64_t{size} << 32 | effective;
  const auto [found, is_new] =
      class_index_.try_emplace(key, static_cast<std::uint32_t>(classes_.size()));
  if (is_new) classes_.push_back({{effective, base_alignment_, 0}, 0});
  return found->second;
}

void DemandCollector::merge(const DemandCollector& other) {
  assert(base_alignment_ == other.base_alignment_);
  merge(other.classes(), other.failed_, other.unservable_);
}

void DemandCollector::merge(std::span<const DemandClass> classes, const FailedRequests& failed,
                            std::uint64_t unservable) {
  for (const DemandClass& theirs : classes) {
    // A class's largest alignment is that of one of its requests, so it leads to that class.
    Demand& ours = classes_[class_of(theirs.size, theirs.demand.alignment)].demand;
    ours.max_count = std::max(ours.max_count, theirs.demand.max_count);
  }
  failed_.count += failed.count;
  failed_.largest = std::max(failed_.largest, failed.largest);
  unservable_ += unservable;
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
