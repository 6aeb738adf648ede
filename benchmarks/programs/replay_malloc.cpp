// SPDX-License-Identifier: MIT

// Replays a trace (traces/README.md) from standard input with this machine's malloc, and prints how
// many bytes it took from the system for that at most. Built for 32 bits it is comparable with a
// microcontroller's malloc, but for its pages: it takes 4096 bytes at a time, and all else that it
// would do for speed is off.

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

struct Event {
  char kind;
  std::uint32_t block;
  std::uint32_t size;
};

// In memory that is not the heap's.
constexpr std::size_t kMost = std::size_t{1} << 20;
Event events[kMost];
void* blocks[kMost];

}  // namespace

int main() {
  std::size_t count = 0;
  static char buffer[65536];
  std::setvbuf(stdin, buffer, _IOFBF, sizeof(buffer));
  static char line[64];
  while (std::fgets(line, sizeof(line), stdin) != nullptr) {
    char* end = nullptr;
    const auto block = static_cast<std::uint32_t>(std::strtoul(line + 2, &end, 10));
    const auto size = static_cast<std::uint32_t>(std::strtoul(end, nullptr, 10));
    if (count == kMost || block >= kMost) return 1;
    events[count++] = {line[0], block, size};
  }
  ::mallopt(M_MMAP_THRESHOLD, 1 << 30);
  ::mallopt(M_TRIM_THRESHOLD, 1 << 30);
  ::mallopt(M_TOP_PAD, 0);
  const char* const begin = static_cast<const char*>(::sbrk(0));
  for (const Event* event = events; event != events + count; ++event) {
    void*& block = blocks[event->block];
    if (event->kind == 'a') {
      block = std::malloc(event->size);
    } else if (event->kind == 'r') {
      block = std::realloc(block, event->size);
    } else {
      std::free(block);
      block = nullptr;
    }
    if (block == nullptr && event->kind != 'f') return 1;
  }
  std::printf("%td\n", static_cast<const char*>(::sbrk(0)) - begin);
}
