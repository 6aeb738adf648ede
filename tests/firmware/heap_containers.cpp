// SPDX-License-Identifier: MIT

// Containers in three heaps of one program, on a core: whose blocks they take, how these are
// aligned, that all come back, and what happens when there is none. Prints one line, and ends the
// emulator with status 0, or 1 if a check failed.

#include <cstdint>
#include <cstdio>
#include <list>
#include <map>
#include <memory_resource>
#include <new>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "drone/heap/allocator.hpp"
#include "drone/heap/memory_resource.hpp"
#include "semihosting.hpp"

namespace {

namespace test = drone::test;

/// Counts.
template <class Tag>
struct Counter {
  static inline int allocations = 0;
  static inline int in_use = 0;
  static inline int failures = 0;

  static bool is_listening() noexcept { return true; }
  static void trace_alloc(std::uint32_t block, std::uint32_t, std::uint32_t) noexcept {
    ++(block == drone::heap::kNoBlock ? failures : allocations);
    if (block != drone::heap::kNoBlock) ++in_use;
  }
  static void trace_dealloc(std::uint32_t) noexcept { --in_use; }
  static void trace_grow_in_place(std::uint32_t, std::uint32_t, std::uint32_t) noexcept {}
  static void trace_shrink_in_place(std::uint32_t, std::uint32_t, std::uint32_t) noexcept {}
};

struct Program;
struct Fast;
struct Large;

}  // namespace

inline constexpr drone::heap::Layout<3> kProgramLayout{
    .size = 8 * 1024, .alignment = 4, .pools = {{{16, 64}, {64, 32}, {1536, 3}}}};
inline constexpr drone::heap::Layout<4> kFastLayout{
    .size = 5 * 1024, .alignment = 4, .pools = {{{12, 16}, {28, 32}, {40, 40}, {128, 12}}}};
inline constexpr drone::heap::Layout<3> kLargeLayout{
    .size = 16 * 1024, .alignment = 8, .pools = {{{24, 64}, {48, 64}, {1024, 8}}}};

inline constexpr drone::heap::Heap<kProgramLayout, Counter<Program>> program;
inline constexpr drone::heap::Heap<kFastLayout, Counter<Fast>> fast;
inline constexpr drone::heap::Heap<kLargeLayout, Counter<Large>> large;

#define DRONE_GLOBAL_HEAP program
#include "drone/heap/global.hpp"

namespace {

template <class T>
using FastAllocator = drone::allocator<T, fast>;
template <class T>
using LargeAllocator = drone::allocator<T, large>;

template <class Key, class T, template <class> class Allocator>
using Map = std::map<Key, T, std::less<>, Allocator<std::pair<const Key, T>>>;

static_assert(sizeof(std::vector<int, FastAllocator<int>>) == sizeof(std::vector<int>));
static_assert(sizeof(std::list<int, FastAllocator<int>>) == sizeof(std::list<int>));
static_assert(sizeof(Map<int, int, FastAllocator>) == sizeof(std::map<int, int>));

int checks = 0;
bool is_abort_expected = false;

void check(bool ok, int line = __builtin_LINE()) {
  ++checks;
  if (ok) return;
  char text[64];
  std::snprintf(text, sizeof text, "heap_containers: check of line %d failed\n", line);
  test::print(text);
  test::exit_emulator(1);
}

template <class T>
bool is_aligned(const T* object, std::uintptr_t alignment) {
  return reinterpret_cast<std::uintptr_t>(object) % alignment == 0;
}

void check_nothing_in_use() {
  check(Counter<Program>::in_use == 0);
  check(Counter<Fast>::in_use == 0);
  check(Counter<Large>::in_use == 0);
}

void check_heaps() {
  const int of_program = Counter<Program>::allocations;
  std::vector<int, FastAllocator<int>> numbers;
  for (int i = 0; i != 25; ++i) numbers.push_back(i);
  check(fast.owns(numbers.data()) && numbers[24] == 24);
  check(Counter<Fast>::in_use == 1);

  using Text = std::basic_string<char, std::char_traits<char>, LargeAllocator<char>>;
  Map<int, Text, FastAllocator> names;  // nodes in one heap, texts in another
  for (int i = 0; i != 10; ++i) names.emplace(i, "a text that does not fit its object");
  check(Counter<Fast>::in_use == 11 && Counter<Large>::in_use == 10);
  names.erase(3);
  check(Counter<Fast>::in_use == 10 && Counter<Large>::in_use == 9);

  std::unordered_map<int, int, std::hash<int>, std::equal_to<>,
                     LargeAllocator<std::pair<const int, int>>>
      squares;
  for (int i = 0; i != 20; ++i) squares[i] = i * i;
  check(squares.at(19) == 361);
  check(Counter<Program>::allocations == of_program);

  std::vector<int> elsewhere(numbers.begin(), numbers.end());
  check(program.owns(elsewhere.data()));
  std::list<int, drone::allocator<int>> also_elsewhere{1};
  check(program.owns(&also_elsewhere.front()));
}

struct Odd {
  char byte;
  double value;
};
struct alignas(32) Line {
  char bytes[32];
};

void check_alignment() {
  std::list<std::int64_t, FastAllocator<std::int64_t>> words;
  std::list<Odd, FastAllocator<Odd>> odd;
  Map<char, double, FastAllocator> doubles;
  std::pmr::list<std::int64_t> in_pmr(drone::memory_resource<fast>());
  for (int i = 0; i != 8; ++i) {
    words.push_back(i);
    odd.push_back({'x', i + 0.5});
    doubles['a' + static_cast<char>(i)] = i;
    in_pmr.push_back(i);
    check(is_aligned(&words.back(), 8) && is_aligned(&odd.back().value, 8));
    check(is_aligned(&doubles.rbegin()->second, 8) && is_aligned(&in_pmr.back(), 8));
  }
  const std::vector<Line, LargeAllocator<Line>> lines(3);
  check(is_aligned(lines.data(), 32));
}

void check_memory_resources() {
  std::pmr::memory_resource* const in_fast = drone::memory_resource<fast>();
  std::pmr::memory_resource* const in_large = drone::memory_resource<large>();
  check(reinterpret_cast<std::uintptr_t>(in_fast) < 0x20000000);  // flash
  check(*in_fast == *drone::memory_resource<fast>() && *in_fast != *in_large);

  std::pmr::vector<int> numbers({1, 2, 3}, in_fast);
  check(fast.owns(numbers.data()));
  std::pmr::vector<int> moved(in_large);
  moved = std::move(numbers);
  check(large.owns(moved.data()) && moved[2] == 3);
  std::pmr::map<int, std::pmr::string> names(in_large);
  names[1] = "a text that does not fit its object";
  check(large.owns(names[1].data()));
}

void* spare = nullptr;

void give_spare_block() {
  fast.deallocate(std::exchange(spare, nullptr));
  std::set_new_handler(nullptr);
}

void check_exhaustion() {
  spare = fast.allocate(128);
  int taken = 1;
  void* blocks[12];
  for (void*& block : blocks) {
    block = fast.allocate(128);
    if (block != nullptr) ++taken;
  }
  check(taken == 12 && Counter<Fast>::failures == 1);
  std::set_new_handler(give_spare_block);
  {
    const std::vector<char, FastAllocator<char>> last(120);
    check(fast.owns(last.data()) && spare == nullptr);
  }
  for (void* block : blocks) fast.deallocate(block);
}

}  // namespace

extern "C" [[noreturn]] void abort() {
  if (!is_abort_expected) {
    test::print("heap_containers: aborted\n");
    test::exit_emulator(1);
  }
  char line[64];
  std::snprintf(line, sizeof line, "heap_containers: ok, %d checks\n", checks);
  test::print(line);
  test::exit_emulator(0);
}

int main() {
  check_heaps();
  check_nothing_in_use();
  check_alignment();
  check_nothing_in_use();
  check_memory_resources();
  check_nothing_in_use();
  check_exhaustion();
  check_nothing_in_use();
  is_abort_expected = true;
  std::vector<int, FastAllocator<int>> too_large(1000);
  return 1;
}
