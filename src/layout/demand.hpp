// SPDX-License-Identifier: MIT
#pragma once

// What a trace asks of any layout: classes of requests that every layout treats alike, and how many
// blocks each needs (docs/layout-search.md).

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "drone/heap/pool_spec.hpp"
#include "heaptrace/block_table.hpp"
#include "heaptrace/event.hpp"

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

/// The largest effective size that a layout may have a block for: larger ones could not be rounded
/// up in 32 bits.
inline constexpr std::uint32_t kMaxEffectiveSize = UINT32_MAX - (heap::kMaxAlignment - 1);

/// Whether some layout serves a request of `size` bytes with `alignment`, a power of two. No heap
/// serves an alignment above heap::kMaxAlignment; a request of no bytes does not reach it.
constexpr bool is_servable(std::uint32_t size, std::uint32_t alignment) {
  return alignment <= heap::kMaxAlignment && size != 0 && size <= kMaxEffectiveSize;
}

/// The requests that failed in the traced run.
struct FailedRequests {
  std::uint64_t count = 0;
  std::uint32_t largest = 0;  ///< requested bytes

  friend bool operator==(const FailedRequests&, const FailedRequests&) = default;
};

/// Collects demands from events. O(1) an event (amortised); memory by live blocks and classes.
///
/// A block counts in the class of its largest size so far, because a layout's block keeps what
/// shrank in place: a resize counts only when it grows beyond that. A failed request counts as one
/// more block of its class at that moment. A reset ends all lives; max counts are maxima over runs.
class DemandCollector {
 public:
  /// `base_alignment` of the heap that the layout is for: 4 or 8.
  explicit DemandCollector(std::uint32_t base_alignment) : base_alignment_(base_alignment) {}

  void add(std::span<const heaptrace::Event> events);

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
  std::uint64_t unservable() const { return unservable_; }

 private:
  struct Class {
    Demand demand;
    std::uint64_t live = 0;
  };
  struct LiveBlock {
    std::uint32_t largest_size = 0;
    std::uint32_t class_index = 0;
    std::uint32_t alignment = 0;

    bool is_live() const { return largest_size != 0; }
  };
  /// Sizes below this that name no alignment find their class by a table.
  static constexpr std::uint32_t kDirectSizes = 0x1000;
  static constexpr std::uint32_t kNoClass = UINT32_MAX;

  void begin(std::uint32_t block, std::uint32_t size, std::uint32_t alignment);
  bool reclass(LiveBlock& block, std::uint32_t size, std::uint32_t alignment);
  std::uint32_t class_of(std::uint32_t size, std::uint32_t alignment);
  std::uint32_t find_class(std::uint32_t size, std::uint32_t effective);

  std::uint32_t base_alignment_;
  std::vector<Class> classes_;
  std::unordered_map<std::uint64_t, std::uint32_t> class_index_;  ///< by requested, effective size
  std::vector<std::uint32_t> direct_;  ///< the same for kDirectSizes, or kNoClass
  heaptrace::BlockTable<LiveBlock> live_;
  FailedRequests failed_;
  std::uint64_t unservable_ = 0;
};

}  // namespace drone::layout
