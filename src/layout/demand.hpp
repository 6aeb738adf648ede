// SPDX-License-Identifier: MIT
#pragma once

// What a trace asks of any layout: classes of requests that every layout treats alike, and how many
// blocks each needs (docs/layout-search.md).

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "drone/heap/pool_spec.hpp"
#include "heaptrace/event.hpp"
#include "layout/life_tracker.hpp"

namespace drone::layout {

/// One class of requests that any layout treats alike: those of one requested and one effective
/// size. Requests of 16 bytes that name no alignment and of 16 bytes aligned to 8 are one class;
/// 12 bytes and 12 bytes aligned to 64 are two.
struct Demand {
  std::uint32_t effective_size = 0;  ///< bytes, by the heap's base alignment and the request's own
  std::uint32_t alignment = 0;       ///< the largest that a request of the class names
  std::uint64_t max_count = 0;       ///< blocks that must be there for it, whatever the timing

  friend bool operator==(const Demand&, const Demand&) = default;
};

/// The requests of one class, by their requested size.
struct DemandClass {
  std::uint32_t size = 0;  ///< requested bytes
  Demand demand;

  friend bool operator==(const DemandClass&, const DemandClass&) = default;
  /// By what makes a class.
  friend bool operator<(const DemandClass& a, const DemandClass& b) {
    return a.size != b.size ? a.size < b.size : a.demand.effective_size < b.demand.effective_size;
  }
};

/// The requests that failed in the traced run.
struct FailedRequests {
  std::uint64_t count = 0;
  std::uint32_t largest = 0;  ///< requested bytes

  friend bool operator==(const FailedRequests&, const FailedRequests&) = default;
};

/// Collects demands from events. O(1) an event (amortised); memory by live blocks and classes.
///
/// A block counts in the class of its largest size so far (LifeTracker). A failed request counts as
/// one more block of its class at that moment. A reset ends all lives; max counts are maxima over
/// runs.
class DemandCollector {
 public:
  /// `base_alignment` of the heap that the layout is for: 4 or 8.
  explicit DemandCollector(std::uint32_t base_alignment) : base_alignment_(base_alignment) {}

  void add(std::span<const heaptrace::Event> events) {
    add(events, [](std::uint32_t, std::uint32_t, std::uint32_t) {});
  }

  /// Reports each change to `also`, too, as LifeTracker does, by the kinds of lives().
  template <class Change>
  void add(std::span<const heaptrace::Event> events, Change&& also) {
    note_failed(events);
    lives_.add(events, [&](std::uint32_t object, std::uint32_t from, std::uint32_t to) {
      change(from, to);
      also(object, from, to);
    });
  }

  /// All lives end.
  template <class Change>
  void end_all(Change&& also) {
    lives_.end_all([&](std::uint32_t object, std::uint32_t from, std::uint32_t to) {
      change(from, to);
      also(object, from, to);
    });
  }

  const LifeTracker& lives() const { return lives_; }

  /// What `other`, of the same base alignment, has collected counts as if it had been added here
  /// behind a reset.
  void merge(const DemandCollector& other);

  /// The same of what another has collected: its classes(), failed() and unservable().
  void merge(std::span<const DemandClass> classes, const FailedRequests& failed,
             std::uint64_t unservable);

  /// Each class, in ascending requested, then effective size.
  std::vector<DemandClass> classes() const;

  /// One for each class, in ascending effective size. Requests that no layout serves are left out.
  std::vector<Demand> demands() const;

  const FailedRequests& failed() const { return failed_; }

  /// Requests that no layout serves (see is_servable): the failures that a replay must show on the
  /// layout optimised for the rest, and no more.
  std::uint64_t unservable() const { return merged_unservable_ + lives_.unservable(); }

 private:
  struct Class {
    Demand demand;
    std::uint64_t live = 0;
  };
  static constexpr std::uint32_t kNoClass = UINT32_MAX;

  void note_failed(std::span<const heaptrace::Event> events);
  void change(std::uint32_t from, std::uint32_t to) {
    const std::uint32_t old_class = from == kNoKind ? kNoClass : class_of_kind_[from];
    const std::uint32_t new_class = to == kNoKind ? kNoClass : class_of(to);
    if (old_class == new_class) return;  // a realignment may stay in its class
    // As a reallocation takes before it gives back.
    if (new_class != kNoClass) {
      Class& taken = classes_[new_class];
      if (++taken.live > taken.demand.max_count) taken.demand.max_count = taken.live;
    }
    if (old_class != kNoClass) --classes_[old_class].live;
  }
  std::uint32_t class_of(std::uint32_t kind) {
    if (kind >= class_of_kind_.size()) learn_kinds();
    return class_of_kind_[kind];
  }
  void learn_kinds();
  std::uint32_t find_class(const RequestKind& kind);

  std::uint32_t base_alignment_;
  LifeTracker lives_;
  std::vector<Class> classes_;
  std::unordered_map<std::uint64_t, std::uint32_t> class_index_;  ///< by requested, effective size
  std::vector<std::uint32_t> class_of_kind_;
  FailedRequests failed_;
  std::uint64_t merged_unservable_ = 0;  ///< of others
};

}  // namespace drone::layout
