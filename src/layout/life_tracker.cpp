// SPDX-License-Identifier: MIT
#include "layout/life_tracker.hpp"

#include <algorithm>
#include <bit>

namespace drone::layout {

std::uint32_t LifeTracker::take_object(Object object) {
  if (free_.empty()) {
    objects_.push_back(object);
    return static_cast<std::uint32_t>(objects_.size() - 1);
  }
  const std::uint32_t index = free_.back();
  free_.pop_back();
  objects_[index] = object;
  return index;
}

std::uint32_t LifeTracker::begin(std::uint32_t block, std::uint32_t kind) {
  if (block >= object_of_.size()) {
    object_of_.resize(std::max<std::size_t>(std::size_t{block} + 1, object_of_.size() * 2));
  }
  const std::uint32_t object = take_object({block, kind});
  object_of_[block] = object + 1;
  return object;
}

std::uint32_t LifeTracker::end(Object& object) {
  object_of_[object.block] = 0;
  object.kind = kNoKind;
  free_.push_back(index_of(object));
  return free_.back();
}

std::uint32_t LifeTracker::kind_of(std::uint32_t size, std::uint32_t alignment) {
  std::uint32_t* slot = nullptr;
  const auto log2 = static_cast<std::size_t>(std::countr_zero(alignment));
  if (size < kDenseSizes) {
    std::vector<std::uint32_t>& dense = dense_kinds_[log2];
    if (dense.empty()) dense.resize(kDenseSizes);
    slot = &dense[size];
  } else {
    slot = &sparse_kinds_[std::uint64_t{alignment} << 32 | size];
  }
  if (*slot == 0) {
    kinds_.push_back({size, alignment});
    *slot = static_cast<std::uint32_t>(kinds_.size());
  }
  return *slot - 1;
}

}  // namespace drone::layout
