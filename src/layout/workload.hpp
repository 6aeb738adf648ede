// SPDX-License-Identifier: MIT
#pragma once

// What traces ask of their heap, kept in memory in a form that many layouts can be tried on
// quickly.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "drone/heap/pool_spec.hpp"
#include "layout/life_tracker.hpp"

namespace drone::layout {

/// The requests of one or of several traces, in order. 12 bytes a change.
class Workload {
 public:
  static constexpr std::uint16_t kNoClass = UINT16_MAX;

  /// Requests that every pool either can serve, all of them, or none.
  struct Class {
    std::uint32_t effective_size = 0;
    std::uint32_t alignment = 0;
    std::uint32_t size_index = 0;  ///< of sizes()
  };
  /// One change of a LifeTracker.
  struct Change {
    std::uint32_t object = 0;
    std::uint16_t from = kNoClass;
    std::uint16_t to = kNoClass;
  };
  static constexpr std::uint32_t kNever = UINT32_MAX;

  /// In ascending effective size, then alignment.
  const std::vector<Class>& classes() const { return classes_; }
  /// Effective sizes, ascending.
  const std::vector<std::uint32_t>& sizes() const { return sizes_; }
  const std::vector<Change>& changes() const { return changes_; }
  /// By change: the index of its object's next one, kNever where its life ends.
  const std::vector<std::uint32_t>& next() const { return next_; }
  /// Objects are numbered from 0 to this.
  std::uint32_t object_count() const { return object_count_; }

  /// What `other` asks follows, when all that is here has ended.
  void append(const Workload& other);

 private:
  friend class WorkloadCollector;

  void set_classes(std::vector<Class> classes);
  std::uint16_t find(const Class& wanted) const;

  std::vector<Class> classes_;
  std::vector<std::uint32_t> sizes_;
  std::vector<Change> changes_;
  std::vector<std::uint32_t> next_;
  std::uint32_t object_count_ = 0;
};

/// Collects one from the changes of a LifeTracker, which must outlive this.
class WorkloadCollector {
 public:
  /// Beyond this many changes, or with too many kinds of requests, nothing is kept.
  static constexpr std::size_t kMostChanges = std::size_t{1} << 26;
  static constexpr std::size_t kMostKinds = Workload::kNoClass;

  WorkloadCollector(std::uint32_t base_alignment, const LifeTracker& tracker)
      : base_alignment_(base_alignment), tracker_(&tracker) {}

  /// As LifeTracker reports it.
  void add(std::uint32_t object, std::uint32_t from, std::uint32_t to) {
    if (is_too_long_) return;
    if (changes_.size() == kMostChanges || tracker_->kinds().size() > kMostKinds) return give_up();
    changes_.push_back({object, static_cast<std::uint16_t>(from), static_cast<std::uint16_t>(to)});
  }

  /// Whether there were too many changes or kinds: there is no Workload then.
  bool is_too_long() const { return is_too_long_; }

  /// Of all changes until now, which this then forgets. Needs !is_too_long().
  Workload take();

 private:
  void give_up();

  std::uint32_t base_alignment_;
  const LifeTracker* tracker_;
  std::vector<Workload::Change> changes_;  ///< with kinds for classes
  bool is_too_long_ = false;
};

/// What came of a workload on a layout.
struct WorkloadReplay {
  bool runs = true;            ///< all requests were served
  std::uint64_t requests = 0;  ///< until the first that was not
  std::uint64_t spills = 0;    ///< those served because a smaller pool was empty
};

/// Replays it by the heap's own rule, up to the first request that fails. `pools` in ascending
/// block size, at most 64.
WorkloadReplay replay(const Workload& workload, std::span<const heap::PoolSpec> pools);

}  // namespace drone::layout
