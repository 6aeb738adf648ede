// SPDX-License-Identifier: MIT

// The heap as the heap of a whole program, on a core: new, delete, the C library, containers, a
// SysTick handler that allocates and frees at the same time as the program does, and one that does
// so between any two instructions of an operation. Prints one line, and ends the emulator with
// status 0, or 1 if a check failed.

#include <malloc.h>
#include <reent.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "drone/cortex_m/registers.hpp"
#include "drone/heap/heap.hpp"
#ifdef DRONE_HEAPTRACE
#include "drone/heaptrace/itm_tracer.hpp"
#endif
#include "semihosting.hpp"

inline constexpr drone::heap::Layout<6> kHeapLayout{
    .size = 20 * 1024,
    .alignment = 4,
    .pools = {{{8, 64}, {20, 96}, {48, 64}, {128, 32}, {512, 6}, {1536, 3}}},
    .options = {.checks = drone::heap::Checks::DRONE_CHECKS, .statistics = DRONE_STATISTICS}};
constexpr bool kFull = kHeapLayout.options.checks == drone::heap::Checks::kFull;

#ifdef DRONE_HEAPTRACE
inline constexpr drone::heap::Heap<kHeapLayout, drone::heaptrace::ItmTracer<kHeapLayout, 25000>>
    heap;
#else
inline constexpr drone::heap::Heap<kHeapLayout> heap;
#endif

#define DRONE_GLOBAL_HEAP heap
#include "drone/heap/global.hpp"

namespace {

namespace cortex_m = drone::cortex_m;
namespace test = drone::test;

constexpr std::size_t kBlocks = 64 + 96 + 64 + 32 + 6 + 3;

int checks = 0;

void check(bool ok, int line = __builtin_LINE()) {
  ++checks;
  if (ok) return;
  char text[64];
  std::snprintf(text, sizeof text, "heap_selftest: check of line %d failed\n", line);
  test::print(text);
  test::exit_emulator(1);
}

/// Optimisation must not see through an allocation and leave it out.
template <class T>
T* opaque(T* pointer) {
  asm volatile("" : "+r"(pointer)::"memory");
  return pointer;
}

std::size_t count_free_blocks() {
  std::size_t count = 0;
  void* first = nullptr;
  // A broken list may be a ring: no further than once around.
  while (count <= kBlocks) {
    void* const block = heap.allocate(sizeof first);
    if (block == nullptr) break;
    std::memcpy(block, &first, sizeof first);
    first = block;
    ++count;
  }
  if (count > kBlocks) return count;
  while (first != nullptr) {
    void* next;
    std::memcpy(&next, first, sizeof next);
    heap.deallocate(first);
    first = next;
  }
  return count;
}

volatile std::uint32_t ticks = 0;
volatile std::uint32_t tick_errors = 0;

/// What two contexts must never share: a block of the program's that the handler sees as its own.
bool use(unsigned char* block, std::size_t size, unsigned char fill) {
  if (block == nullptr) return true;
  std::memset(block, fill, size);
  opaque(block);
  return std::all_of(block, block + size, [fill](unsigned char byte) { return byte == fill; });
}

struct BeforeMain {
  void* block = std::malloc(40);
} before_main;

int handler_calls = 0;

void new_handler() {
  ++handler_calls;
  std::free(before_main.block);
  before_main.block = nullptr;
  std::set_new_handler(nullptr);
}

struct alignas(8) Wide {
  std::uint64_t value;
};
struct alignas(32) Wider {
  char bytes[40];
};

void check_operators() {
  check(before_main.block != nullptr);
  Wide* const wide = opaque(new Wide{1});
  check(reinterpret_cast<std::uintptr_t>(wide) % 8 == 0);
  Wider* const wider = opaque(new Wider[2]);
  check(reinterpret_cast<std::uintptr_t>(wider) % 32 == 0);
  delete wide;
  delete[] wider;
  check(opaque(new (std::nothrow) char[5000]) == nullptr);
  check(opaque(static_cast<char*>(::operator new (4000, std::align_val_t{64}, std::nothrow))) ==
        nullptr);
  char* const nothing = opaque(static_cast<char*>(::operator new(0)));
  check(nothing != nullptr);
  check(malloc_usable_size(nothing) == (kFull ? 1 : 8));
  ::operator delete (nothing, std::size_t{0});
  delete opaque(static_cast<char*>(nullptr));
}

void check_c_functions() {
  volatile std::size_t huge = SIZE_MAX;  // the compiler knows better than to ask for that
  errno = 0;
  check(opaque(std::malloc(1537)) == nullptr);
  check(errno == ENOMEM);
  errno = 0;
  check(opaque(std::calloc(huge / 2, 3)) == nullptr);
  check(errno == ENOMEM);
  struct _reent* const reent = _REENT;
  reent->_errno = 0;
  check(opaque(_malloc_r(reent, huge)) == nullptr);
  check(reent->_errno == ENOMEM);
  errno = 0;
  check(opaque(aligned_alloc(24, 24)) == nullptr);
  check(errno == EINVAL);

  auto* text = static_cast<char*>(std::malloc(6));
  check(text != nullptr);
  std::memcpy(text, "drone", 6);
  auto* const grown = static_cast<char*>(std::realloc(text, 400));
  check(grown != nullptr && std::strcmp(grown, "drone") == 0);
  check(std::realloc(grown, 2000) == nullptr);
  check(std::strcmp(grown, "drone") == 0);
  check(std::realloc(grown, 3) == grown);
  check(std::realloc(grown, 0) == nullptr);

  auto* const zeroed = static_cast<unsigned char*>(std::calloc(10, 30));
  check(zeroed != nullptr &&
        std::all_of(zeroed, zeroed + 300, [](unsigned char byte) { return byte == 0; }));
  std::free(zeroed);
  void* const aligned = memalign(64, 100);
  check(aligned != nullptr && reinterpret_cast<std::uintptr_t>(aligned) % 64 == 0);
  ::operator delete(aligned);
  void* const one = opaque(std::malloc(0));
  void* const other = opaque(std::malloc(0));
  check(one != nullptr && other != nullptr && one != other);
  std::free(one);
  std::free(other);
  std::free(nullptr);
}

void check_library() {
  // Converting a double and buffering a stream allocate, in newlib's own files.
  char text[32];
  check(std::snprintf(text, sizeof text, "%s %d %5.2f", "heap", 42, 2.5) == 13);
  check(std::strcmp(text, "heap 42  2.50") == 0);
  std::printf("a line for a stream that nobody reads\n");

  std::map<int, std::string> names;
  for (int i = 0; i != 40; ++i)
    names.emplace(i, "a name too long for its object " + std::to_string(i));
  for (int i = 0; i != 40; i += 2) names.erase(i);
  check(names.size() == 20 && names.at(39) == "a name too long for its object 39");
  std::vector<double> values;
  for (int i = 0; i != 100; ++i) values.push_back(i);
  check(reinterpret_cast<std::uintptr_t>(values.data()) % 8 == 0 && values[99] == 99.0);
  const auto shared = std::make_shared<std::vector<int>>(10, 7);
  check(shared->back() == 7);
}

void check_exhaustion() {
  std::vector<void*> blocks;
  blocks.reserve(8);
  while (void* block = heap.allocate(1400)) blocks.push_back(block);
  check(blocks.size() == 2);  // the third holds the buffer of stdout
  for (void* block : blocks) heap.deallocate(block);

  // The new_handler gives a block back, and `new` has it.
  void* first = nullptr;
  while (void* block = std::malloc(sizeof first)) {
    std::memcpy(block, &first, sizeof first);
    first = block;
  }
  std::set_new_handler(new_handler);
  void* const last = opaque(::operator new(5));
  check(handler_calls == 1 && last != nullptr);
  ::operator delete(last);
  while (first != nullptr) {
    void* next;
    std::memcpy(&next, first, sizeof next);
    std::free(first);
    first = next;
  }
}

void check_interrupts() {
  const auto write = [](std::uint32_t address, std::uint32_t value) {
    *reinterpret_cast<volatile std::uint32_t*>(address) = value;
  };
  write(cortex_m::kSysTickRvr, 19997);
  write(cortex_m::kSysTickCvr, 0);
  write(cortex_m::kSysTickCsr, cortex_m::kSysTickCsrEnable | cortex_m::kSysTickCsrTickInt |
                                   cortex_m::kSysTickCsrClkSource);
  std::uint32_t random = 12345;
  unsigned char* mine[8] = {};
  bool ok = true;
  for (int step = 0; step != 20'000'000 && ticks < 300; ++step) {
    random = random * 1664525 + 1013904223;
    unsigned char*& slot = mine[random >> 29];
    if (slot == nullptr) {
      const std::size_t size = 1 + (random >> 16) % 48;
      slot = static_cast<unsigned char*>(heap.allocate(size));
      if (slot != nullptr) std::memset(slot, 0x5A, heap.usable_size(slot));
    } else {
      const std::size_t size = heap.usable_size(slot);
      ok = ok && std::all_of(slot, slot + size, [](unsigned char byte) { return byte == 0x5A; });
      heap.deallocate(slot);
      slot = nullptr;
    }
  }
  write(cortex_m::kSysTickCsr, 0);
  for (unsigned char* slot : mine) heap.deallocate(slot);
  check(ok);
  check(tick_errors == 0);
  check(ticks >= 300);
}

void* volatile kept_by_handler = nullptr;
volatile bool is_sweeping = false;
volatile std::uint32_t sweep_hits = 0;

volatile bool gives_back = false;

/// What a free list must survive wherever it happens: its first block is taken; or two are, and the
/// first goes back, so that the head is what it was and its link is not.
void interrupt_the_list() {
  if (kept_by_handler != nullptr) return;  // a short delay may expire twice
  void* const first = heap.allocate(20);
  if (gives_back) {
    kept_by_handler = heap.allocate(20);
    heap.deallocate(first);
  } else {
    kept_by_handler = first;
  }
  sweep_hits = sweep_hits + 1;
}

/// One interrupt `delay / 2` cycles after its start falls into `operation`, for every delay that
/// does: with QEMU's instruction counter that is every boundary between two instructions.
template <class Prepare, class Operation, class Finish>
void sweep(Prepare prepare, Operation operation, Finish finish) {
  const auto csr = reinterpret_cast<volatile std::uint32_t*>(cortex_m::kSysTickCsr);
  is_sweeping = true;
  for (std::uint32_t delay = 2; delay != 800; ++delay) {
    heap.reset();
    prepare();
    kept_by_handler = nullptr;
    gives_back = delay % 2 == 0;
    csr[1] = delay / 2;
    csr[2] = 0;
    csr[0] =
        cortex_m::kSysTickCsrEnable | cortex_m::kSysTickCsrTickInt | cortex_m::kSysTickCsrClkSource;
    void* const mine = operation();
    while (kept_by_handler == nullptr) {
    }
    check(finish(mine));
    heap.deallocate(kept_by_handler);
    heap.deallocate(mine);
    check(count_free_blocks() == kBlocks);
  }
  is_sweeping = false;
}

void check_every_boundary() {
  void* given = nullptr;
  const auto use_some = [] {
    void* blocks[4];
    for (void*& block : blocks) block = heap.allocate(20);
    for (void* block : blocks) heap.deallocate(block);
  };
  const auto take = [] { return heap.allocate(20); };
  const auto is_mine = [](void* mine) { return mine != nullptr && mine != kept_by_handler; };
  sweep(use_some, take, is_mine);
  sweep([] {}, take, is_mine);  // blocks that were never used
  const auto give = [&given]() -> void* {
    heap.deallocate(given);
    return nullptr;
  };
  const auto hold_one = [&] {
    use_some();
    given = heap.allocate(20);
  };
  sweep(hold_one, give, [](void*) { return true; });
  check(sweep_hits == 3 * 798);
}

}  // namespace

extern "C" void SysTick_Handler() {
  if (is_sweeping) {
    *reinterpret_cast<volatile std::uint32_t*>(cortex_m::kSysTickCsr) = 0;
    interrupt_the_list();
    return;
  }
  // Takes three, gives them back in another order than taken: the case that a free list must
  // survive.
  auto* const a = static_cast<unsigned char*>(heap.allocate(1 + ticks % 48));
  auto* const b = static_cast<unsigned char*>(heap.allocate(1 + ticks % 48));
  auto* const c = static_cast<unsigned char*>(heap.allocate(20));
  const bool ok = use(a, 1 + ticks % 48, 0xA1) && use(b, 1 + ticks % 48, 0xB2) && use(c, 20, 0xC3);
  if (!ok || (a != nullptr && a == b)) tick_errors = tick_errors + 1;
  heap.deallocate(a);
  heap.deallocate(c);
  heap.deallocate(b);
  ticks = ticks + 1;
}

int main() {
  const std::size_t free_at_first = count_free_blocks();
  check(free_at_first == kBlocks - 1);
  check_operators();
  check_c_functions();
  check(count_free_blocks() == free_at_first);
  check_library();
  const std::size_t free_with_library = count_free_blocks();  // printf keeps some
  check_library();
  check_exhaustion();
  check_interrupts();
  check(count_free_blocks() == free_with_library + 1);
  char line[80];
  std::snprintf(line, sizeof line, "heap_selftest: ok, %d checks, %u interrupts\n", checks,
                static_cast<unsigned>(ticks));
  check_every_boundary();  // forgets whatever was allocated: nothing after it may use the heap
  drone::test::print(line);
  drone::test::exit_emulator(0);
}
