// SPDX-License-Identifier: MIT
// Two heaps side by side: the program's own, and one in the region dtcm. Both are used in turn, by
// calls and by a container, and what is asked of each is counted here, where it is asked. Prints
// the counts on port 0 and ends.

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <new>
#include <string_view>

#include "dtcm_heap.hpp"
#include "log.hpp"

namespace {

struct SizeCount {
  std::uint32_t size;
  std::uint32_t live;
  std::uint32_t most;
  std::uint32_t allocations;
};

/// What was asked of one heap.
struct Counts {
  std::array<SizeCount, 16> sizes;
  std::uint32_t failed;
  std::uintptr_t lowest = UINTPTR_MAX;
  std::uintptr_t highest = 0;

  SizeCount& of(std::uint32_t size) {
    SizeCount* each = sizes.data();
    while (each->size != size && each->size != 0) ++each;
    each->size = size;
    return *each;
  }

  void add(const void* block, std::uint32_t size) {
    if (block == nullptr) {
      ++failed;
      return;
    }
    SizeCount& its = of(size);
    ++its.allocations;
    if (++its.live > its.most) its.most = its.live;
    const auto address = reinterpret_cast<std::uintptr_t>(block);
    if (address < lowest) lowest = address;
    if (address > highest) highest = address;
  }
};

Counts main_counts;
Counts dtcm_counts;

struct MainHeap {
  static constexpr Counts& kCounts = main_counts;
  static void* take(std::uint32_t size) { return ::operator new(size, std::nothrow); }
  static void give(void* block) { ::operator delete(block); }
};

struct DtcmHeap {
  static constexpr Counts& kCounts = dtcm_counts;
  static void* take(std::uint32_t size) { return dtcm_heap.allocate(size); }
  static void give(void* block) { dtcm_heap.deallocate(block); }
};

/// Takes blocks of several sizes and gives them back, in an order that repeats itself in no hurry.
template <class Heap, std::size_t kSlots, std::size_t kSizes>
class User {
 public:
  User(const std::array<std::uint32_t, kSizes>& sizes, std::uint32_t seed)
      : sizes_(sizes), random_(seed) {}

  void step() {
    Slot& slot = slots_[next() % kSlots];
    if (slot.block != nullptr) {
      Heap::give(slot.block);
      --Heap::kCounts.of(slot.size).live;
      slot.block = nullptr;
      return;
    }
    slot.size = sizes_[next() % kSizes];
    slot.block = Heap::take(slot.size);
    Heap::kCounts.add(slot.block, slot.size);
  }

 private:
  struct Slot {
    void* block;
    std::uint32_t size;
  };

  std::uint32_t next() {
    random_ ^= random_ << 13;
    random_ ^= random_ >> 17;
    random_ ^= random_ << 5;
    return random_;
  }

  std::array<std::uint32_t, kSizes> sizes_;
  std::uint32_t random_;
  std::array<Slot, kSlots> slots_{};
};

/// The allocator of the heap in dtcm, with what is asked of it counted.
template <class T>
struct CountedAllocator : DtcmAllocator<T> {
  template <class U>
  struct rebind {  // not that of the base
    using other = CountedAllocator<U>;
  };

  CountedAllocator() = default;
  template <class U>
  explicit CountedAllocator(const CountedAllocator<U>&) {}

  T* allocate(std::size_t count) {
    T* const block = DtcmAllocator<T>::allocate(count);
    dtcm_counts.add(block, static_cast<std::uint32_t>(count * sizeof(T)));
    return block;
  }
  void deallocate(T* block, std::size_t count) {
    DtcmAllocator<T>::deallocate(block, count);
    --dtcm_counts.of(static_cast<std::uint32_t>(count * sizeof(T))).live;
  }
};

void print(std::string_view word) { app::write_log(word); }

void print(std::uint32_t value) {
  char digits[10];
  char* first = digits + sizeof digits;
  do {
    *--first = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  print(std::string_view(first, static_cast<std::size_t>(digits + sizeof digits - first)));
}

template <class... Words>
void print_line(Words... words) {
  ((print(words), print(" ")), ...);
  print("\n");
}

void print_counts(std::string_view heap, const Counts& counts) {
  for (const SizeCount& each : counts.sizes) {
    if (each.size != 0) print_line(heap, "size", each.size, each.most, each.allocations);
  }
  print_line(heap, "failed", counts.failed);
  print_line(heap, "from", counts.lowest, "to", counts.highest);
}

[[noreturn]] void end_program() {
  // Semihosting SYS_EXIT, ADP_Stopped_ApplicationExit.
  register std::uint32_t operation asm("r0") = 0x18;
  register std::uint32_t reason asm("r1") = 0x20026;
  asm volatile("bkpt 0xab" : "+r"(operation) : "r"(reason) : "memory");
  for (;;) {
  }
}

}  // namespace

int main() {
  User<MainHeap, 40, 5> main_user({8, 20, 36, 100, 180}, 1);
  User<DtcmHeap, 24, 4> dtcm_user({12, 24, 40, 200}, 2);
  using Sample = std::array<std::uint32_t, 4>;
  std::list<Sample, CountedAllocator<Sample>> samples;
  for (std::uint32_t i = 0; i != 3000; ++i) {
    main_user.step();
    if (i % 3 != 0) dtcm_user.step();
    if (i % 7 == 0) samples.push_back({i});
    if (samples.size() == 9) samples.clear();
  }
  print_counts("main", main_counts);
  print_counts("dtcm", dtcm_counts);
  print("counted\n");
  end_program();
}
