// SPDX-License-Identifier: MIT
#pragma once

// From events to changes of what a layout must provide: which kinds of requests hold a block, from
// when to when (docs/layout-search.md, "What is asked"). All that looks for a layout counts these.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "drone/heap/pool_spec.hpp"
#include "heaptrace/event.hpp"

namespace drone::layout {

/// The largest effective size that a layout may have a block for: larger ones could not be rounded
/// up in 32 bits.
inline constexpr std::uint32_t kMaxEffectiveSize = UINT32_MAX - (heap::kMaxAlignment - 1);

/// Whether some layout serves a request of `size` bytes with `alignment`, a power of two. No heap
/// serves an alignment above heap::kMaxAlignment; a request of no bytes does not reach it.
constexpr bool is_servable(std::uint32_t size, std::uint32_t alignment) {
  return alignment <= heap::kMaxAlignment && size != 0 && size <= kMaxEffectiveSize;
}

/// Requests of one size that name one alignment.
struct RequestKind {
  std::uint32_t size = 0;       ///< requested bytes
  std::uint32_t alignment = 0;  ///< a power of two, at most heap::kMaxAlignment

  friend bool operator==(const RequestKind&, const RequestKind&) = default;
};

/// Stands where a change has no kind.
inline constexpr std::uint32_t kNoKind = UINT32_MAX;

/// Follows the blocks of a trace. A block's kind is that of its largest size so far, because a
/// block that shrank in place keeps its block of the layout. Requests that no layout serves
/// (is_servable) never hold a block. O(1) an event, amortised; memory by live blocks and kinds.
class LifeTracker {
 public:
  /// Calls `change(object, from, to)` for each change in order: `from` and `to` are indices into
  /// kinds(), kNoKind where a life begins or ends; `object` is a number of the block, which no
  /// other live block has. A request that failed begins and ends at once. At a reset all lives end.
  template <class Change>
  void add(std::span<const heaptrace::Event> events, Change&& change) {
    for (const heaptrace::Event& event : events) add(event, change);
  }

  /// All lives end: another trace follows.
  template <class Change>
  void end_all(Change&& change) {
    for (std::uint32_t object = 0; object != objects_.size(); ++object) {
      const Object& each = objects_[object];
      if (each.kind == kNoKind) continue;
      object_of_[each.block] = 0;
      change(object, each.kind, kNoKind);
    }
    objects_.clear();
    free_.clear();
  }

  /// In the order in which they came up.
  const std::vector<RequestKind>& kinds() const { return kinds_; }

  /// Requests so far that no layout serves.
  std::uint64_t unservable() const { return unservable_; }

 private:
  struct Object {
    std::uint32_t block;
    std::uint32_t kind;  ///< kNoKind: not in use
  };

  template <class Change>
  void add(const heaptrace::Event& event, Change& change) {
    using heaptrace::EventKind;
    switch (event.kind) {
      case EventKind::kAlloc:
        if (is_servable(event.size, event.alignment)) {
          const std::uint32_t kind = kind_of(event.size, event.alignment);
          change(begin(event.block, kind), kNoKind, kind);
        } else {
          ++unservable_;
        }
        break;
      case EventKind::kDealloc:
        if (Object* const object = find(event.block)) {
          const std::uint32_t kind = object->kind;
          change(end(*object), kind, kNoKind);
        }
        break;
      case EventKind::kResize:
        if (Object* const object = find(event.block)) {
          const RequestKind held = kinds_[object->kind];
          if (event.size <= held.size) break;
          if (is_servable(event.size, held.alignment)) {
            move(*object, kind_of(event.size, held.alignment), change);
          } else {
            ++unservable_;
          }
        }
        break;
      case EventKind::kRealign:
        if (Object* const object = find(event.block)) {
          const RequestKind held = kinds_[object->kind];
          if (event.alignment <= held.alignment) break;
          if (is_servable(held.size, event.alignment)) {
            move(*object, kind_of(held.size, event.alignment), change);
          } else {
            ++unservable_;
            const std::uint32_t kind = object->kind;
            change(end(*object), kind, kNoKind);
          }
        }
        break;
      case EventKind::kFailed:
        if (is_servable(event.size, event.alignment)) {
          const std::uint32_t kind = kind_of(event.size, event.alignment);
          const std::uint32_t object = take_object({0, kind});
          change(object, kNoKind, kind);
          objects_[object].kind = kNoKind;
          free_.push_back(object);
          change(object, kind, kNoKind);
        } else {
          ++unservable_;
        }
        break;
      case EventKind::kReset:
        end_all(change);
        break;
    }
  }

  template <class Change>
  void move(Object& object, std::uint32_t kind, Change& change) {
    const std::uint32_t from = std::exchange(object.kind, kind);
    change(index_of(object), from, kind);
  }

  std::uint32_t index_of(const Object& object) const {
    return static_cast<std::uint32_t>(&object - objects_.data());
  }
  Object* find(std::uint32_t block) {
    if (block >= object_of_.size() || object_of_[block] == 0) return nullptr;
    return &objects_[object_of_[block] - 1];
  }
  std::uint32_t take_object(Object object);
  std::uint32_t begin(std::uint32_t block, std::uint32_t kind);
  std::uint32_t end(Object& object);
  std::uint32_t kind_of(std::uint32_t size, std::uint32_t alignment);

  static constexpr std::uint32_t kDenseSizes = 0x4000;
  static constexpr std::size_t kAlignments = 7;  ///< 1 to heap::kMaxAlignment

  std::vector<std::uint32_t> object_of_;  ///< by block number: object + 1, 0 if it is not live
  std::vector<Object> objects_;
  std::vector<std::uint32_t> free_;  ///< of objects_
  std::vector<RequestKind> kinds_;
  std::uint64_t unservable_ = 0;
  /// [log2 of the alignment][size]: index into kinds_ + 1, 0 if it did not come up yet.
  std::array<std::vector<std::uint32_t>, kAlignments> dense_kinds_;
  std::unordered_map<std::uint64_t, std::uint32_t> sparse_kinds_;  ///< by alignment, size
};

}  // namespace drone::layout
