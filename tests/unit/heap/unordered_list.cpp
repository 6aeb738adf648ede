// SPDX-License-Identifier: MIT

// A free list whose exchanges neither acquire nor release: ThreadSanitizer must report it, or it
// would not see anything wrong with the real one. With an argument, the real one.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <latch>
#include <thread>
#include <vector>

#include "drone/heap/free_list.hpp"
#include "thread_sanitizer.hpp"

namespace drone::heap::test {

class UnorderedHead {
 public:
  constexpr explicit UnorderedHead(std::uint64_t value) : value_(value) {}
  std::uint64_t load(std::memory_order) const { return value_.load(std::memory_order_relaxed); }
  void store(std::uint64_t value, std::memory_order) {
    value_.store(value, std::memory_order_relaxed);
  }
  bool compare_exchange_weak(std::uint64_t& expected, std::uint64_t desired, std::memory_order,
                             std::memory_order) {
    return value_.compare_exchange_weak(expected, desired, std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint64_t> value_;
};

struct UnorderedAtomics {
  using Head = UnorderedHead;
  using Link = std::atomic_ref<std::uint32_t>;
};

namespace {

constexpr int kThreads = 4;
constexpr std::uint32_t kBlockSize = 16;
constexpr std::uint32_t kBlocks = 4;
alignas(64) std::byte arena[kBlocks * kBlockSize];

template <class List>
void use() {
  static List list;
  static constexpr ListEnd kEnd{};
  list.link_up(arena, arena + sizeof arena, kBlockSize, kEnd);
  std::latch start(kThreads);
  std::vector<std::thread> threads;
  for (int id = 0; id != kThreads; ++id) {
    threads.emplace_back([id, &start] {
      start.arrive_and_wait();
      for (int i = 0; i != 300'000; ++i) {
        void* const block = list.pop();
        if (block == nullptr) continue;
        // ThreadSanitizer looks no further than the first race of an access: past the link's 8
        // bytes, where the one lies that is not to be reported.
        std::memset(static_cast<std::byte*>(block) + 8, id, kBlockSize - 8);
        asm volatile("" : : "r"(block) : "memory");  // as if somebody read it
        list.push(block);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace drone::heap::test

int main(int count, char**) {
  using namespace drone::heap;
  if (count > 1) {
    test::use<TaggedFreeList<StdAtomics>>();
  } else {
    test::use<TaggedFreeList<test::UnorderedAtomics>>();
  }
}
