// SPDX-License-Identifier: MIT
#pragma once

// What `new`, allocators and memory resources do when a heap has no block for them.

#include <cstddef>
#include <cstdlib>
#include <new>

namespace drone::heap {

/// What `request(size)` yields, by all means that `new` has: while there is no block, the
/// new_handler is called, which may free some. Null only if there is no new_handler. A request of 0
/// bytes is one of 1 byte.
template <class Request>
[[gnu::always_inline]] inline void* insist(std::size_t size, Request request) {
  if (size == 0) size = 1;
  for (;;) {
    void* const block = request(size);
    if (block != nullptr) return block;
    const std::new_handler handler = std::get_new_handler();
    if (handler == nullptr) return nullptr;
    handler();
  }
}

/// There is no block, and whoever asked can't do without: aborts; where the program is compiled
/// with exceptions (on the host), throws std::bad_alloc.
[[noreturn]] inline void give_up() {
#if defined(__cpp_exceptions)
  throw std::bad_alloc();
#else
  std::abort();
#endif
}

}  // namespace drone::heap
