// SPDX-License-Identifier: MIT

// Containers in heaps of their choice: whose blocks they take, and that they give all of them back.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <new>
#include <set>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "drone/heap/allocator.hpp"
#include "drone/heap/memory_resource.hpp"
#include "recording_tracer.hpp"

namespace drone::heap::test {
namespace {

struct First {
  static constexpr Layout<5> kLayout{
      .size = 40000,
      .alignment = 4,
      .pools = {{{12, 40}, {48, 100}, {104, 100}, {512, 20}, {2048, 4}}}};
};
struct Second {
  static constexpr Layout<5> kLayout{
      .size = 40000,
      .alignment = 8,
      .pools = {{{16, 40}, {48, 100}, {104, 100}, {512, 20}, {2048, 4}}}};
};

inline constexpr Heap<First::kLayout, RecordingTracer<First>> first;
constinit Heap<Second::kLayout, RecordingTracer<Second>> second;  // need not be const

template <class T>
using FirstAllocator = allocator<T, first>;
template <class T>
using SecondAllocator = allocator<T, second>;

/// Blocks that are in use, by what the tracer heard.
template <class Which>
int in_use() {
  int count = 0;
  for (const Call& call : RecordingTracer<Which>::calls) {
    if (call.hook == Call::kAlloc && call.block != kNoBlock) ++count;
    if (call.hook == Call::kDealloc) --count;
  }
  return count;
}

template <class Which>
std::size_t calls() {
  return RecordingTracer<Which>::calls.size();
}

class Containers : public testing::Test {
 protected:
  Containers() {
    first.reset();
    second.reset();
    RecordingTracer<First>::calls.clear();
    RecordingTracer<Second>::calls.clear();
  }
  ~Containers() override {
    EXPECT_EQ(in_use<First>(), 0);
    EXPECT_EQ(in_use<Second>(), 0);
  }
};

// A container pays nothing for its heap.
static_assert(std::is_empty_v<FirstAllocator<int>>);
static_assert(sizeof(std::vector<int, FirstAllocator<int>>) == sizeof(std::vector<int>));
static_assert(sizeof(std::list<int, FirstAllocator<int>>) == sizeof(std::list<int>));
static_assert(sizeof(std::map<int, int, std::less<>, FirstAllocator<std::pair<const int, int>>>) ==
              sizeof(std::map<int, int>));

// What std::allocator_traits makes of it.
using Traits = std::allocator_traits<FirstAllocator<int>>;
static_assert(Traits::is_always_equal::value);
static_assert(Traits::propagate_on_container_move_assignment::value);
static_assert(!Traits::propagate_on_container_copy_assignment::value);
static_assert(std::is_same_v<Traits::rebind_alloc<char>, FirstAllocator<char>>);
static_assert(std::is_convertible_v<FirstAllocator<int>, FirstAllocator<char>>);
static_assert(!std::is_convertible_v<FirstAllocator<int>, SecondAllocator<int>>);
static_assert(std::is_nothrow_move_assignable_v<std::vector<int, FirstAllocator<int>>>);
static_assert(FirstAllocator<int>() == FirstAllocator<char>());
static_assert(!std::is_same_v<FirstAllocator<int>, SecondAllocator<int>>);
// Another object of the same heap is the same heap.
inline constexpr Heap<First::kLayout, RecordingTracer<First>> first_again;
static_assert(std::is_same_v<FirstAllocator<int>, allocator<int, first_again>>);

TEST_F(Containers, TakeTheirBlocksFromTheHeapOfTheirType) {
  std::vector<int, FirstAllocator<int>> vector(10, 1);
  // The blocks of 48 lie behind those of 512 and 2048, which are aligned more.
  EXPECT_THAT(RecordingTracer<First>::calls, testing::ElementsAre(Call{Call::kAlloc, 24, 40, 1}));
  EXPECT_TRUE(first.owns(vector.data()));
  std::list<int, SecondAllocator<int>> list{1, 2, 3};
  EXPECT_EQ(in_use<First>(), 1);
  EXPECT_EQ(in_use<Second>(), 3);
  EXPECT_TRUE(second.owns(&list.front()));
  vector.assign(list.begin(), list.end());
  vector.shrink_to_fit();
  EXPECT_TRUE(first.owns(vector.data()));
  EXPECT_EQ(first.usable_size(vector.data()), 12U);
  EXPECT_EQ(in_use<First>(), 1);
}

TEST_F(Containers, OfEveryKindGiveAllBack) {
  using String = std::basic_string<char, std::char_traits<char>, FirstAllocator<char>>;
  std::map<int, String, std::less<>, FirstAllocator<std::pair<const int, String>>> names;
  std::unordered_map<int, int, std::hash<int>, std::equal_to<>,
                     SecondAllocator<std::pair<const int, int>>>
      numbers;
  std::deque<int, FirstAllocator<int>> queue;
  std::set<int, std::less<>, SecondAllocator<int>> set;
  for (int i = 0; i != 30; ++i) {
    names.emplace(i, String("a text that is too long for the object itself"));
    numbers[i] = i;
    queue.push_back(i);
    set.insert(i);
  }
  EXPECT_GE(in_use<First>(), 61);
  EXPECT_GE(in_use<Second>(), 61);
  for (int i = 0; i < 30; i += 2) {
    names.erase(i);
    numbers.erase(i);
    queue.pop_front();
    set.erase(i);
  }
  EXPECT_EQ(names.at(29).size(), 45U);
  EXPECT_EQ(numbers.at(29), 29);
  EXPECT_EQ(queue.back(), 29);
  EXPECT_EQ(*set.begin(), 1);
  const auto shared = std::allocate_shared<String>(FirstAllocator<String>(), "shared by pointer");
  EXPECT_TRUE(first.owns(shared.get()));
}

TEST_F(Containers, OfOneHeapMoveAndSwapWithoutABlock) {
  using List = std::list<int, FirstAllocator<int>>;
  List a{1, 2, 3};
  List b{4};
  const int* const element = &a.front();
  const std::size_t before = calls<First>();
  swap(a, b);
  List c(std::move(b));
  a.splice(a.end(), c, c.begin());
  EXPECT_EQ(calls<First>(), before);
  EXPECT_THAT(a, testing::ElementsAre(4, 1));
  EXPECT_EQ(&a.back(), element);
  c = std::move(a);
  EXPECT_THAT(c, testing::ElementsAre(4, 1));
  EXPECT_EQ(in_use<First>(), 2);
}

TEST_F(Containers, CopyWithinTheirHeap) {
  std::vector<int, FirstAllocator<int>> a{1, 2, 3};
  std::vector<int, FirstAllocator<int>> b(a);
  std::vector<int, FirstAllocator<int>> c;
  c = b;
  EXPECT_EQ(a, c);
  EXPECT_EQ(in_use<First>(), 3);
  EXPECT_EQ(in_use<Second>(), 0);
}

template <std::size_t kAlignment>
struct alignas(kAlignment) Aligned {
  char byte;
};

TEST_F(Containers, NameTheAlignmentOfTypesThatNeedMoreThanTheHeapGives) {
  std::vector<double, FirstAllocator<double>> in_heap_of_4(3);
  EXPECT_EQ(RecordingTracer<First>::calls.back().second, 8U);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(in_heap_of_4.data()) % 8, 0U);
  std::vector<double, SecondAllocator<double>> in_heap_of_8(3);
  EXPECT_EQ(RecordingTracer<Second>::calls.back().second, 1U);
  std::list<Aligned<64>, FirstAllocator<Aligned<64>>> list(2);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&list.front()) % 64, 0U);
  std::vector<float, FirstAllocator<float>> words(3);
  EXPECT_EQ(RecordingTracer<First>::calls.back().second, 1U);
}

struct Tree {
  int value;
  std::vector<Tree, FirstAllocator<Tree>> children;
};

TEST_F(Containers, HoldTypesThatAreNotCompleteYet) {
  Tree tree{1, {}};
  tree.children.push_back({2, {}});
  tree.children.front().children.push_back({3, {}});
  EXPECT_EQ(in_use<First>(), 2);
}

TEST_F(Containers, WithoutAHeapUseTheProgramsNew) {
  std::vector<int, allocator<int>> vector(10, 1);
  std::list<Aligned<128>, allocator<Aligned<128>>> list(2);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&list.front()) % 128, 0U);
  EXPECT_EQ(calls<First>() + calls<Second>(), 0U);
  static_assert(!std::is_same_v<allocator<int>, FirstAllocator<int>>);
}

TEST_F(Containers, GetABlockOfTheirOwnForNothing) {
  FirstAllocator<int> ints;
  int* const a = ints.allocate(0);
  int* const b = ints.allocate(0);
  EXPECT_TRUE(first.owns(a) && first.owns(b));
  EXPECT_NE(a, b);
  ints.deallocate(a, 0);
  ints.deallocate(b, 0);
}

int handler_calls = 0;
void* spare = nullptr;

void give_spare_block() {
  ++handler_calls;
  first.deallocate(std::exchange(spare, nullptr));
  std::set_new_handler(nullptr);
}

TEST_F(Containers, CallTheNewHandlerWhenTheHeapIsExhausted) {
  using Big = std::vector<char, FirstAllocator<char>>;
  std::vector<void*> taken;
  while (void* const block = first.allocate(2048)) taken.push_back(block);
  handler_calls = 0;
  {
    spare = std::exchange(taken.back(), nullptr);
    std::set_new_handler(give_spare_block);
    const Big vector(2000);
    EXPECT_EQ(handler_calls, 1);
  }
  void* const last = first.allocate(2048);
  EXPECT_THROW(Big(2000), std::bad_alloc);
  EXPECT_THROW(Big(4000), std::bad_alloc);  // no block is as large as that
  EXPECT_EQ(RecordingTracer<First>::calls.back(), (Call{Call::kAlloc, kNoBlock, 4000, 1}));
  EXPECT_THROW((void)FirstAllocator<int>().allocate(SIZE_MAX / 4 + 2), std::bad_array_new_length);
  EXPECT_THROW((void)memory_resource<first>()->allocate(2000), std::bad_alloc);
  EXPECT_THROW((void)memory_resource<first>()->allocate(8, 128), std::bad_alloc);
  first.deallocate(last);
  for (void* block : taken) first.deallocate(block);
}

TEST_F(Containers, FailOnceForEachRequestThatFails) {
  std::vector<void*> taken;
  while (void* const block = first.allocate(512)) taken.push_back(block);
  const std::size_t before = calls<First>();
  struct Large {
    char bytes[500];
  };
  EXPECT_THROW((std::list<Large, FirstAllocator<Large>>(1)), std::bad_alloc);
  EXPECT_EQ(calls<First>(), before + 1);
  EXPECT_EQ(RecordingTracer<First>::calls.back().block, kNoBlock);
  for (void* block : taken) first.deallocate(block);
}

TEST_F(Containers, OfPmrTakeTheirBlocksFromTheHeapOfTheirResource) {
  std::pmr::vector<std::pmr::string> texts(memory_resource<first>());
  texts.emplace_back("a text that is too long for the object itself");
  EXPECT_TRUE(first.owns(texts.data()));
  EXPECT_TRUE(first.owns(texts.front().data()));
  std::pmr::map<int, double> map(memory_resource<second>());
  map[1] = 2.5;
  EXPECT_EQ(in_use<First>(), 2);
  EXPECT_EQ(in_use<Second>(), 1);
  std::pmr::vector<double> doubles(3, memory_resource<first>());
  EXPECT_EQ(RecordingTracer<First>::calls.back().second, 8U);
}

TEST_F(Containers, OfPmrMoveWithinAHeapAndCopyBetweenTwo) {
  std::pmr::vector<int> a({1, 2, 3}, memory_resource<first>());
  const int* const data = a.data();
  std::pmr::vector<int> b(memory_resource<first>());
  b = std::move(a);
  EXPECT_EQ(b.data(), data);
  std::pmr::vector<int> c(memory_resource<second>());
  c = std::move(b);
  EXPECT_TRUE(second.owns(c.data()));
  EXPECT_THAT(c, testing::ElementsAre(1, 2, 3));
  EXPECT_EQ(*memory_resource<first>(), *memory_resource<first_again>());
  EXPECT_NE(*memory_resource<first>(), *memory_resource<second>());
  EXPECT_NE(*memory_resource<first>(), *std::pmr::new_delete_resource());
}

TEST_F(Containers, OfPmrPoolsAndBuffersMayStandOnAHeap) {
  std::pmr::monotonic_buffer_resource buffer(256, memory_resource<first>());
  std::pmr::list<int> list(&buffer);
  for (int i = 0; i != 50; ++i) list.push_back(i);
  EXPECT_GE(in_use<First>(), 2);
  EXPECT_LT(in_use<First>(), 10);
}

}  // namespace
}  // namespace drone::heap::test
