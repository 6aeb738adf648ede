// SPDX-License-Identifier: MIT

// The host's heap under threads: no block is ever handed out twice, and none is lost. Built twice:
// as it is, and for ThreadSanitizer, which also sees whether each owner's accesses to a block
// happen before those of the next one.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <latch>
#include <random>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "drone/heap/heap.hpp"
#include "test_layouts.hpp"
#include "thread_sanitizer.hpp"

namespace drone::heap::test {
namespace {

constexpr std::uint32_t kThreads = 8;
constexpr int kSteps = kIsThreadSanitized ? 50'000 : 100'000;

/// Few enough blocks that requests spill and fail all the time.
struct Crowded {
  static constexpr Layout<4> kLayout{
      .size = 4096, .alignment = 4, .pools = {{{8, 12}, {20, 8}, {64, 8}, {128, 3}}}};
};

/// Blocks that show whether somebody else had them: a size, and bytes that are all the same.
class Blocks {
 public:
  static void fill(void* block, std::uint32_t size, std::uint32_t owner) {
    std::memcpy(block, &size, sizeof size);
    // In two, because ThreadSanitizer looks no further than the first race of an access, and in the
    // first 8 bytes, around the link, one is not reported.
    const std::size_t beside_link = std::min<std::size_t>(size - sizeof size, 4);
    std::memset(bytes(block), static_cast<int>(owner), beside_link);
    std::memset(bytes(block) + beside_link, static_cast<int>(owner),
                size - sizeof size - beside_link);
  }
  static std::uint32_t size(const void* block) {
    std::uint32_t size;
    std::memcpy(&size, block, sizeof size);
    return size;
  }
  static bool is_intact(const void* block) {
    const auto* const begin = static_cast<const unsigned char*>(block) + sizeof(std::uint32_t);
    const std::uint32_t all = size(block);
    return all >= kSmallest && all <= kLargest &&
           std::all_of(begin, begin + (all - sizeof all),
                       [begin](unsigned char byte) { return byte == *begin; });
  }
  static constexpr std::uint32_t kSmallest = 5;
  static constexpr std::uint32_t kLargest = 128;

 private:
  static unsigned char* bytes(void* block) {
    return static_cast<unsigned char*>(block) + sizeof(std::uint32_t);
  }
};

/// Takes, gives, resizes, and hands blocks to other threads, which give them back.
template <class TestedHeap>
class Worker {
 public:
  using Mailboxes = std::array<std::atomic<void*>, 4>;

  Worker(std::uint32_t id, Mailboxes& mailboxes) : id_(id), random_(id), mailboxes_(mailboxes) {}

  void work() {
    for (int step = 0; step != kSteps; ++step) {
      switch (random_() % 8) {
        case 0:
        case 1:
        case 2:
          if (mine_.size() < 6) take();
          break;
        case 3:
        case 4:
          give(pick());
          break;
        case 5:
          resize(pick());
          break;
        case 6:
          move(pick());
          break;
        case 7:
          give(mailboxes_[random_() % mailboxes_.size()].exchange(pick()));
          break;
      }
    }
    while (!mine_.empty()) give(pick());
  }

  std::uint32_t served() const { return served_; }
  std::uint32_t failed() const { return failed_; }
  std::uint32_t damaged() const { return damaged_; }

 private:
  std::uint32_t any_size() {
    return Blocks::kSmallest +
           static_cast<std::uint32_t>(random_() % (Blocks::kLargest - Blocks::kSmallest + 1));
  }

  void take() {
    const std::uint32_t size = any_size();
    void* const block = TestedHeap::allocate(size, std::size_t{1} << random_() % 7);
    block == nullptr ? ++failed_ : ++served_;
    if (block != nullptr) keep(block, size);
  }

  void keep(void* block, std::uint32_t size) {
    Blocks::fill(block, size, id_);
    mine_.push_back(block);
  }

  void* pick() {
    if (mine_.empty()) return nullptr;
    std::swap(mine_[random_() % mine_.size()], mine_.back());
    void* const block = mine_.back();
    mine_.pop_back();
    if (!Blocks::is_intact(block)) ++damaged_;
    return block;
  }

  void give(void* block) {
    if (block == nullptr) return;
    if (!Blocks::is_intact(block)) ++damaged_;
    if (random_() % 2 == 0) {
      TestedHeap::deallocate(block);
    } else {
      TestedHeap::deallocate(block, Blocks::size(block));
    }
  }

  void resize(void* block) {
    if (block == nullptr) return;
    const std::uint32_t old_size = Blocks::size(block);
    std::uint32_t size = any_size();
    if (size < old_size) {
      TestedHeap::shrink(block, old_size, size);
    } else if (!TestedHeap::grow(block, old_size, size)) {
      size = old_size;
    }
    keep(block, size);
  }

  void move(void* block) {
    if (block == nullptr) return;
    const std::uint32_t size = any_size();
    void* const moved = TestedHeap::reallocate(block, size);
    keep(moved != nullptr ? moved : block, moved != nullptr ? size : Blocks::size(block));
  }

  std::uint32_t id_;
  std::minstd_rand random_;
  Mailboxes& mailboxes_;
  std::vector<void*> mine_;
  std::uint32_t served_ = 0;
  std::uint32_t failed_ = 0;
  std::uint32_t damaged_ = 0;
};

template <const auto& kLayout>
std::size_t count_blocks() {
  std::size_t blocks = 0;
  for (const PoolSpec& pool : kLayout.pools) blocks += pool.capacity;
  return blocks;
}

template <class TheLayout>
class HeapUnderThreads : public testing::Test {};

using Layouts = testing::Types<With<Crowded, Checks::kOff>, Crowded, With<Crowded, Checks::kFull>,
                               With<Crowded, Checks::kOff, true>>;
TYPED_TEST_SUITE(HeapUnderThreads, Layouts);

TYPED_TEST(HeapUnderThreads, HandsOutEveryBlockToOneOwnerAtATime) {
  using TestedHeap = Heap<TypeParam::kLayout>;
  TestedHeap::reset();
  typename Worker<TestedHeap>::Mailboxes mailboxes{};
  std::vector<Worker<TestedHeap>> workers;
  for (std::uint32_t id = 1; id <= kThreads; ++id) workers.emplace_back(id, mailboxes);
  std::vector<std::thread> threads;
  for (auto& worker : workers) threads.emplace_back([&worker] { worker.work(); });
  for (std::thread& thread : threads) thread.join();
  for (auto& mailbox : mailboxes) TestedHeap::deallocate(mailbox.load());
  std::uint32_t failed = 0;
  for (const auto& worker : workers) {
    EXPECT_EQ(worker.damaged(), 0U);
    EXPECT_GT(worker.served(), 1000U);
    failed += worker.failed();
  }
  EXPECT_GT(failed, 0U) << "the pools were never exhausted";
  if constexpr (TypeParam::kLayout.options.statistics) {
    for (std::size_t pool = 0; pool != TypeParam::kLayout.pools.size(); ++pool) {
      const PoolStatistics counted = TestedHeap::statistics(pool);
      EXPECT_EQ(counted.in_use, 0U);
      EXPECT_GT(counted.high_water, 0U);
      EXPECT_LE(counted.high_water, TypeParam::kLayout.pools[pool].capacity + kThreads);
    }
  }
  std::size_t blocks = 0;
  while (TestedHeap::allocate(1) != nullptr) ++blocks;
  EXPECT_EQ(blocks, count_blocks<TypeParam::kLayout>());
}

/// A heap of its own for each kIndex.
template <std::size_t kIndex>
struct Untouched {
  static constexpr Layout<2> kLayout{
      .size = 1024, .alignment = 4, .pools = {{{12, 3 * kThreads}, {32, kThreads}}}};
};

/// All threads at once do what nobody did before: they use the heap.
template <const auto& kLayout>
void use_first() {
  using TestedHeap = Heap<kLayout>;
  constexpr std::size_t kEach = 4;
  std::array<std::array<void*, kEach>, kThreads> taken{};
  std::latch start(kThreads);
  std::vector<std::thread> threads;
  for (auto& mine : taken) {
    threads.emplace_back([&start, &mine] {
      start.arrive_and_wait();
      for (void*& block : mine) {
        block = TestedHeap::allocate(8);
        if (block != nullptr) Blocks::fill(block, 12, 1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<void*> distinct;
  for (const auto& mine : taken) distinct.insert(mine.begin(), mine.end());
  EXPECT_EQ(distinct.size(), kThreads * kEach);
  EXPECT_FALSE(distinct.contains(nullptr));
  EXPECT_EQ(TestedHeap::allocate(8), nullptr);
}

TEST(UntouchedHeap, MayBeUsedFirstByManyThreadsAtOnce) {
  [&]<std::size_t... kIndex>(std::index_sequence<kIndex...>) {
    (use_first<Untouched<kIndex>::kLayout>(), ...);
  }
  (std::make_index_sequence<40>());
}

}  // namespace
}  // namespace drone::heap::test
