// SPDX-License-Identifier: MIT

// The host's free lists under threads: no block is ever handed out twice, and none is lost.

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <random>
#include <thread>
#include <vector>

#include "drone/heap/heap.hpp"

namespace drone::heap::test {
namespace {

inline constexpr Layout<3> kLayout{
    .size = 4096, .alignment = 4, .pools = {{{4, 8}, {12, 16}, {64, 8}}}};
using TestedHeap = Heap<kLayout>;

std::atomic_ref<std::uint32_t> word(void* block) {
  return std::atomic_ref<std::uint32_t>(*static_cast<std::uint32_t*>(block));
}

TEST(HeapUnderThreads, HandsOutEveryBlockToOneOwnerAtATime) {
  TestedHeap::reset();
  constexpr int kThreads = 4;
  constexpr int kSteps = 100'000;
  std::atomic<int> stolen = 0;
  std::atomic<std::uint64_t> served = 0;
  std::vector<std::thread> threads;
  for (std::uint32_t id = 1; id <= kThreads; ++id) {
    threads.emplace_back([&, id] {
      std::minstd_rand random(id);
      std::vector<void*> mine;
      for (int step = 0; step != kSteps; ++step) {
        if (mine.size() < 6 && random() % 2 == 0) {
          void* const block = TestedHeap::allocate(1 + random() % 64);
          if (block == nullptr) continue;
          word(block).store(id, std::memory_order_relaxed);
          mine.push_back(block);
          ++served;
        } else if (!mine.empty()) {
          std::swap(mine[random() % mine.size()], mine.back());
          if (word(mine.back()).load(std::memory_order_relaxed) != id) ++stolen;
          TestedHeap::deallocate(mine.back());
          mine.pop_back();
        }
      }
      for (void* block : mine) TestedHeap::deallocate(block);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(stolen, 0);
  EXPECT_GT(served, 1000U);
  std::size_t blocks = 0;
  while (TestedHeap::allocate(1) != nullptr) ++blocks;
  EXPECT_EQ(blocks, 32U);
}

}  // namespace
}  // namespace drone::heap::test
