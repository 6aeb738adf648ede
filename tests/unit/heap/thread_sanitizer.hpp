// SPDX-License-Identifier: MIT
#pragma once

// What ThreadSanitizer is to know of the host's free list. Included once in a program.

namespace drone::heap::test {

#if defined(__SANITIZE_THREAD__)
inline constexpr bool kIsThreadSanitized = true;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
inline constexpr bool kIsThreadSanitized = true;
#else
inline constexpr bool kIsThreadSanitized = false;
#endif
#else
inline constexpr bool kIsThreadSanitized = false;
#endif

}  // namespace drone::heap::test

// A stack that was forgotten suppresses nothing: on a busy machine the other thread may have gone
// on for long. So as much as can be is kept.
extern "C" [[gnu::used]] const char* __tsan_default_options() { return "history_size=7"; }

/// `pop` may read the link of a block that another thread has just taken and writes to; it throws
/// away what it read. That is the one race there is, and nothing else in `pop` can race: all its
/// accesses are atomic, and only links are ever accessed otherwise.
extern "C" [[gnu::used]] const char* __tsan_default_suppressions() {
  return "race:drone::heap::TaggedFreeList<*>::pop\n";
}
