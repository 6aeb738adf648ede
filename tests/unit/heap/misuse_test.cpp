// SPDX-License-Identifier: MIT

// What the heap's checks find, at each level, and that it goes on after it told.

#include <gtest/gtest.h>

#include <cstring>
#include <utility>
#include <vector>

#include "drone/heap/heap.hpp"
#include "test_layouts.hpp"

namespace drone::heap::test {

using Report = std::pair<Misuse, const void*>;
std::vector<Report> reports;

std::ostream& operator<<(std::ostream& out, Misuse misuse) {
  return out << "misuse " << static_cast<int>(misuse);
}

namespace {

struct Small {
  static constexpr Layout<3> kLayout{
      .size = 1024, .alignment = 4, .pools = {{{12, 4}, {32, 2}, {64, 2}}}};
};

template <Checks kChecks>
struct Level {
  static constexpr const auto& kLayout = With<Small, kChecks>::kLayout;
  using TestedHeap = Heap<With<Small, kChecks>::kLayout>;
};

template <class TheLevel>
class MisuseAtLevel : public testing::Test {
 protected:
  MisuseAtLevel() {
    TheLevel::TestedHeap::reset();
    reports.clear();
  }

  static std::vector<Report> take_reports() { return std::exchange(reports, {}); }
};

/// From Checks::kPointers on.
template <class TheLevel>
class PointerMisuse : public MisuseAtLevel<TheLevel> {};
using CheckingLevels = testing::Types<Level<Checks::kPointers>, Level<Checks::kFull>>;
TYPED_TEST_SUITE(PointerMisuse, CheckingLevels);

TYPED_TEST(PointerMisuse, ForeignPointerIsNotGivenBack) {
  using TestedHeap = typename TypeParam::TestedHeap;
  TestedHeap::prepare();
  std::uint32_t foreign[4] = {};
  // As numbers: the compiler knows that there is nothing before and behind an array.
  const auto first = reinterpret_cast<std::uintptr_t>(arena<TypeParam::kLayout>.data());
  void* const before = reinterpret_cast<void*>(first - 4);
  void* const behind = reinterpret_cast<void*>(first + arena<TypeParam::kLayout>.size());
  TestedHeap::deallocate(foreign);
  TestedHeap::deallocate(behind);
  TestedHeap::deallocate(before);
  TestedHeap::deallocate(foreign, 12);
  EXPECT_EQ(TestedHeap::reallocate(foreign, 8), nullptr);
  EXPECT_EQ(TestedHeap::usable_size(foreign), 0U);
  EXPECT_FALSE(TestedHeap::grow(foreign, 1, 2));
  EXPECT_FALSE(TestedHeap::shrink(foreign, 2, 1));
  EXPECT_EQ(this->take_reports(), (std::vector<Report>{{Misuse::kForeignPointer, foreign},
                                                       {Misuse::kForeignPointer, behind},
                                                       {Misuse::kForeignPointer, before},
                                                       {Misuse::kForeignPointer, foreign},
                                                       {Misuse::kForeignPointer, foreign},
                                                       {Misuse::kForeignPointer, foreign},
                                                       {Misuse::kForeignPointer, foreign},
                                                       {Misuse::kForeignPointer, foreign}}));
  TestedHeap::deallocate(nullptr);
  TestedHeap::deallocate(nullptr, 12);
  EXPECT_TRUE(this->take_reports().empty());
}

TYPED_TEST(PointerMisuse, BlockOfAnotherHeapIsForeign) {
  using Other = Heap<Granular::kLayout>;
  Other::reset();
  void* const block = Other::allocate(12);
  TypeParam::TestedHeap::deallocate(block);
  EXPECT_EQ(this->take_reports(), (std::vector<Report>{{Misuse::kForeignPointer, block}}));
  Other::deallocate(block);
  EXPECT_TRUE(this->take_reports().empty());
}

TYPED_TEST(PointerMisuse, AddressFourGigabytesAwayIsForeign) {
  using TestedHeap = typename TypeParam::TestedHeap;
  void* const block = TestedHeap::allocate(12);
  void* const far =
      reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(block) + (std::uintptr_t{1} << 32));
  EXPECT_FALSE(TestedHeap::owns(far));
  TestedHeap::deallocate(far);
  EXPECT_EQ(this->take_reports(), (std::vector<Report>{{Misuse::kForeignPointer, far}}));
}

TYPED_TEST(PointerMisuse, EveryAddressInsideABlockIsRefused) {
  using TestedHeap = typename TypeParam::TestedHeap;
  for (const std::size_t size : {12U, 32U, 64U}) {
    auto* const block = static_cast<std::byte*>(TestedHeap::allocate(size));
    for (std::size_t inside = 1; inside != size; ++inside) {
      TestedHeap::deallocate(block + inside);
      ASSERT_EQ(this->take_reports(),
                (std::vector<Report>{{Misuse::kInsideBlock, block + inside}}));
    }
    TestedHeap::deallocate(block);
    EXPECT_TRUE(this->take_reports().empty());
    EXPECT_EQ(TestedHeap::allocate(size), block) << "and the list is whole";
    TestedHeap::deallocate(block);
  }
}

TYPED_TEST(PointerMisuse, LinkThatLeadsNowhereIsReportedAndTheListGivenUp) {
  using TestedHeap = typename TypeParam::TestedHeap;
  // 2 is a link that is no word, 3 one that is no block's name on the host.
  for (const std::uint32_t bad : {2U, 3U, 0x10000U, 0xFFFFFFFCU}) {
    TestedHeap::reset();
    void* const kept = TestedHeap::allocate(12);
    void* const block = TestedHeap::allocate(12);
    TestedHeap::deallocate(block);
    std::memcpy(block, &bad, sizeof bad);  // written after it was given back
    void* const next = TestedHeap::allocate(12);
    EXPECT_EQ(this->take_reports(), (std::vector<Report>{{Misuse::kCorruptList, block}}));
    ASSERT_NE(next, nullptr);
    EXPECT_NE(next, block) << "served by the next larger pool";
    void* const aligned = TestedHeap::allocate(12, 8);
    EXPECT_NE(aligned, nullptr);
    EXPECT_TRUE(this->take_reports().empty()) << "reported once";
    TestedHeap::deallocate(kept);
    EXPECT_EQ(TestedHeap::allocate(12), kept) << "blocks given back later are served again";
    this->take_reports();
  }
}

/// Checks::kFull only.
class FullMisuse : public MisuseAtLevel<Level<Checks::kFull>> {
 protected:
  using TestedHeap = Level<Checks::kFull>::TestedHeap;

  static std::byte* allocate(std::size_t size) {
    return static_cast<std::byte*>(TestedHeap::allocate(size));
  }
};

TEST_F(FullMisuse, BlockGivenBackTwiceIsFreeOnce) {
  std::byte* const block = allocate(12);
  TestedHeap::deallocate(block);
  TestedHeap::deallocate(block);
  TestedHeap::deallocate(block, 12);
  EXPECT_EQ(TestedHeap::reallocate(block, 20), nullptr);
  EXPECT_EQ(take_reports(), (std::vector<Report>{{Misuse::kDoubleFree, block},
                                                 {Misuse::kDoubleFree, block},
                                                 {Misuse::kDoubleFree, block}}));
  EXPECT_EQ(allocate(12), block);
  EXPECT_NE(allocate(12), block);
}

TEST_F(FullMisuse, BlockThatWasNeverAllocatedIsNotGivenBack) {
  TestedHeap::prepare();
  void* const never = arena<With<Small, Checks::kFull>::kLayout>.data();
  TestedHeap::deallocate(never);
  EXPECT_EQ(take_reports(), (std::vector<Report>{{Misuse::kDoubleFree, never}}));
}

TEST_F(FullMisuse, OneByteWrittenBehindAnyRequestIsSeen) {
  for (std::size_t size = 1; size <= 64; ++size) {
    TestedHeap::reset();
    std::byte* const block = allocate(size);
    std::memset(block, 0, size);
    TestedHeap::deallocate(block);
    ASSERT_TRUE(take_reports().empty()) << size;
    std::byte* const again = allocate(size);
    again[size] ^= std::byte{0x10};
    TestedHeap::deallocate(again);
    ASSERT_EQ(take_reports(), (std::vector<Report>{{Misuse::kOverflow, again}})) << size;
    ASSERT_NE(allocate(size), nullptr);
  }
}

TEST_F(FullMisuse, OverflowIsSeenWhenResizing) {
  std::byte* const block = allocate(10);
  EXPECT_TRUE(TestedHeap::grow(block, 10, 11));
  block[10] = std::byte{1};
  EXPECT_TRUE(TestedHeap::shrink(block, 11, 5));
  EXPECT_TRUE(take_reports().empty());
  block[5] = std::byte{1};
  EXPECT_EQ(TestedHeap::reallocate(block, 12), block);
  EXPECT_EQ(take_reports(), (std::vector<Report>{{Misuse::kOverflow, block}}));
  std::memset(block, 0, 12);
  TestedHeap::deallocate(block);
  EXPECT_TRUE(take_reports().empty());
}

TEST_F(FullMisuse, WriteIntoAFreeBlockIsSeenWhenItIsTaken) {
  for (const std::size_t size : {12U, 32U, 64U}) {
    for (std::size_t at = 4; at != size + 4; ++at) {
      TestedHeap::reset();
      std::byte* const block = allocate(size);
      TestedHeap::deallocate(block);
      block[at] ^= std::byte{1};
      EXPECT_EQ(allocate(size), block);
      ASSERT_EQ(take_reports(), (std::vector<Report>{{Misuse::kWriteAfterFree, block}}))
          << size << " " << at;
    }
  }
}

TEST_F(FullMisuse, LinkToABlockInUseIsNotFollowed) {
  std::byte* const used = allocate(12);
  std::byte* const freed = allocate(12);
  TestedHeap::deallocate(freed);
  const std::uint32_t name_of_used =
      4;  // a link on the host: the distance from the first block, and 4
  std::memcpy(freed, &name_of_used, sizeof name_of_used);
  EXPECT_EQ(allocate(12), freed);
  EXPECT_TRUE(take_reports().empty());
  EXPECT_EQ(allocate(12), nullptr) << "the list leads to a block that has an owner";
  EXPECT_EQ(take_reports(), (std::vector<Report>{{Misuse::kCorruptList, used}}));
  TestedHeap::deallocate(used);
  EXPECT_TRUE(take_reports().empty());
}

TEST_F(FullMisuse, OverflowIsReportedOnce) {
  std::byte* const block = allocate(10);
  block[10] = std::byte{1};
  void* const moved = TestedHeap::reallocate(block, 40);
  EXPECT_NE(moved, nullptr);
  EXPECT_EQ(take_reports(), (std::vector<Report>{{Misuse::kOverflow, block}}));
}

TEST_F(FullMisuse, WrongOldSizeAndWrongDirectionAreSeen) {
  std::byte* const block = allocate(8);
  EXPECT_FALSE(TestedHeap::grow(block, 7, 10));
  EXPECT_FALSE(TestedHeap::grow(block, 8, 4));
  EXPECT_FALSE(TestedHeap::shrink(block, 8, 9));
  EXPECT_FALSE(TestedHeap::shrink(block, 9, 8));
  EXPECT_EQ(take_reports(), (std::vector<Report>(4, {Misuse::kWrongSize, block})));
  EXPECT_EQ(TestedHeap::usable_size(block), 8U);
}

TEST_F(FullMisuse, MovesWithWhatWasRequested) {
  std::byte* const block = allocate(8);
  std::memset(block, 7, 8);
  auto* const moved = static_cast<std::byte*>(TestedHeap::reallocate(block, 40));
  ASSERT_NE(moved, nullptr);
  EXPECT_EQ(moved[7], std::byte{7});
  EXPECT_EQ(TestedHeap::usable_size(moved), 40U);
  TestedHeap::deallocate(moved);
  EXPECT_TRUE(take_reports().empty());
}

TEST(ChecksOff, CostNothingInTheLayout) {
  using Off = With<Small, Checks::kOff>;
  using Full = With<Small, Checks::kFull>;
  EXPECT_EQ(PoolTables<Off::kLayout>::kArenaSize, 4 * 12 + 2 * 32 + 2 * 64U);
  // A word behind 12 bytes; what keeps the alignment behind 32 and 64.
  EXPECT_EQ(PoolTables<Full::kLayout>::kArenaSize, 4 * 16 + 2 * 64 + 2 * 128U);
}

}  // namespace
}  // namespace drone::heap::test

extern "C" void drone_heap_misuse(drone::heap::Misuse kind, const void* address) noexcept {
  drone::heap::test::reports.emplace_back(kind, address);
}
