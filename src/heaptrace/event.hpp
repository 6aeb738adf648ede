// SPDX-License-Identifier: MIT
#pragma once

// What a trace says about the heap once the stream's form and damage are dealt with. The reader
// makes lives whole: every kDealloc and kResize names a block that a kAlloc before it made live in
// the same run, and no block is live twice. So whoever consumes events counts, and checks nothing.

#include <cstdint>

namespace drone::heaptrace {

enum class EventKind : std::uint8_t {
  kAlloc,    ///< block is live from now on
  kDealloc,  ///< block is not live any more
  kResize,   ///< in place: block stays live with another size (never the same)
  kRealign,  ///< block, live with size, turns out to have been asked with this alignment (its ALIGN
             ///< was parted from its ALLOC by an interrupt's events); was base-aligned until now
  kFailed,   ///< a request of size bytes with alignment failed
  kReset,    ///< a new run begins: no block is live
};

/// Whoever counts bytes need not tell the first three kinds apart: the block held `old_size` bytes
/// before, 0 if it was not live, and holds `size` from now on, 0 if it is not live any more. Of the
/// other kinds `old_size` is 0. Sizes are requested bytes. `alignment` is the one that the request
/// named, or the heap's base alignment if it named none or a smaller one.
struct Event {
  EventKind kind{};
  std::uint32_t block = 0;
  std::uint32_t size = 0;
  std::uint32_t old_size = 0;
  std::uint32_t alignment = 0;

  friend bool operator==(const Event&, const Event&) = default;
};

}  // namespace drone::heaptrace
