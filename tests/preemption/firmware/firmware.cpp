// SPDX-License-Identifier: MIT

// The firmware under test: the heap's operations, each a function of its own that an interrupt can
// fall into at any instruction, and what the handlers of the two interrupts do meanwhile. The host
// calls the functions (interface.hpp); the firmware only records what happened.

#include <cstddef>
#include <cstdint>
#include <new>

#include "heap_under_test.hpp"
#ifndef CONTROL
#define DRONE_GLOBAL_HEAP tested
#include "drone/heap/global.hpp"
#else
void* operator new(std::size_t size) { return tested.allocate(size); }
void operator delete(void* block) noexcept { tested.deallocate(block); }
void operator delete(void* block, std::size_t) noexcept { tested.deallocate(block); }
#endif
#include "drone/cortex_m/interrupt_mask.hpp"

namespace drone::preemption {
namespace {

constinit Job job{};
volatile Job& shared() { return job; }

struct Held {
  unsigned char* block;
  std::uint32_t size;
  std::uint32_t record;
};

constexpr std::size_t kOwned = 2;  ///< blocks that each handler has from the start
constinit Held owned[kContexts][kOwned]{};
constinit Held mine{};  ///< the operation's block

void error(FirmwareError what) { shared().errors = shared().errors | what; }

#define BOOKKEEPING [[gnu::noinline, gnu::section(".bookkeeping")]]

BOOKKEEPING std::uint32_t append(RecordKind kind, const void* block, std::uint32_t size,
                                 std::uint32_t alignment = 1) {
  const cortex_m::InterruptMask mask;
  const std::uint32_t index = shared().log_count;
  shared().log_count = index + 1;
  volatile LogRecord& record = shared().log[index];
  record.kind = kind;
  record.alignment_log2 = static_cast<std::uint8_t>(__builtin_ctz(alignment));
  record.size = size;
  record.address = reinterpret_cast<std::uintptr_t>(block);
  return index;
}

/// By words, because the emulation library's stores are slow.
BOOKKEEPING void fill(const Held& held) {
  const std::uint32_t size = held.size < kFilledBytes ? held.size : kFilledBytes;
  const std::uint32_t byte = fill_of(held.record);
  std::uint32_t i = 0;
  for (; i + 4 <= size; i += 4) {
    *reinterpret_cast<volatile std::uint32_t*>(held.block + i) = byte * 0x01010101;
  }
  for (; i != size; ++i) const_cast<volatile unsigned char&>(held.block[i]) = fill_of(held.record);
}

BOOKKEEPING void check_contents(const Held& held, std::uint32_t size) {
  for (std::uint32_t i = 0; i != size && i != kFilledBytes; ++i) {
    if (const_cast<volatile unsigned char&>(held.block[i]) != fill_of(held.record)) {
      error(kContentsChanged);
    }
  }
}

/// What a context does with the outcome of a request.
Held own(void* block, std::uint32_t size, std::uint32_t alignment = 1) {
  if (block == nullptr) {
    append(RecordKind::kFailed, nullptr, size, alignment);
    return {};
  }
  Held held{static_cast<unsigned char*>(block), size, 0};
  held.record = append(RecordKind::kTake, block, size, alignment);
  fill(held);
  return held;
}

[[gnu::noinline]] Held take(std::uint32_t size) { return own(tested.allocate(size), size); }

/// Says that a block is about to go back, and forgets it.
void* let_go(Held& held) {
  void* const block = held.block;
  if (block != nullptr) {
    check_contents(held, held.size);
    append(RecordKind::kGive, block, 0);
  }
  held = {};
  return block;
}

[[gnu::noinline]] void give(Held& held) { tested.deallocate(let_go(held)); }

void resized(Held& held, std::uint32_t size) {
  check_contents(held, size < held.size ? size : held.size);
  append(RecordKind::kResize, held.block, size);
  held.size = size;
  fill(held);
}

/// The record that a reallocation begins with: it may give its block back.
std::uint32_t begin_reallocation(const Held& held) {
  return append(RecordKind::kGive, held.block, 0);
}

void end_reallocation(Held& held, std::uint32_t begun, std::uint32_t size, void* block) {
  volatile LogRecord& record = shared().log[begun];
  if (block == nullptr) {
    record.kind = RecordKind::kNothing;
    append(RecordKind::kFailed, nullptr, size);
    check_contents(held, held.size);
  } else if (block == held.block) {
    record.kind = RecordKind::kResize;
    record.size = size;
    check_contents(held, size < held.size ? size : held.size);
    held.size = size;
    fill(held);
  } else {
    const Held moved{static_cast<unsigned char*>(block), held.size, held.record};
    check_contents(moved, size < held.size ? size : held.size);
    held = own(block, size);
  }
}

std::uint32_t capacity_for(std::uint32_t size) {
  for (const heap::PoolSpec& pool : kLayout.pools) {
    if (pool.block_size >= size) return pool.capacity;
  }
  return 0;
}

// What a handler does, `n` being the contended size.

using Sequence = void (*)(std::uint32_t n, Held (&has)[kOwned]);

void nothing(std::uint32_t, Held (&)[kOwned]) {}
void take_one(std::uint32_t n, Held (&)[kOwned]) { take(n); }
void give_one(std::uint32_t, Held (&has)[kOwned]) { give(has[0]); }
void take_take_give(std::uint32_t n, Held (&)[kOwned]) {
  Held first = take(n);
  take(n);
  give(first);
}
void give_give(std::uint32_t, Held (&has)[kOwned]) {
  give(has[0]);
  give(has[1]);
}
void take_give(std::uint32_t n, Held (&)[kOwned]) {
  Held held = take(n);
  give(held);
}
void give_take(std::uint32_t n, Held (&has)[kOwned]) {
  give(has[1]);
  take(n);
}
void resize(std::uint32_t n, Held (&has)[kOwned]) {
  Held& held = has[0];
  if (held.block == nullptr) return;
  if (!tested.shrink(held.block, held.size, n - 3)) error(kWrongResult);
  resized(held, n - 3);
  if (!tested.grow(held.block, held.size, n - 1)) error(kWrongResult);
  resized(held, n - 1);
}
void exhaust(std::uint32_t n, Held (&)[kOwned]) {
  for (std::uint32_t i = capacity_for(n); i != 0; --i) take(n);
}
void reallocate(std::uint32_t n, Held (&has)[kOwned]) {
  Held& held = has[1];
  if (held.block == nullptr) return;
  const std::uint32_t begun = begin_reallocation(held);
  end_reallocation(held, begun, n + 40, tested.reallocate(held.block, n + 40));
}

constexpr Text kSequenceNames[] = {"nothing",   "take",      "give",      "take-take-give",
                                   "give-give", "take-give", "give-take", "resize",
                                   "exhaust",   "reallocate"};
constexpr Sequence kSequences[] = {nothing,   take_one,  give_one, take_take_give, give_give,
                                   take_give, give_take, resize,   exhaust,        reallocate};

void handle(std::size_t context) {
  shared().entries[context] = shared().entries[context] + 1;
  kSequences[shared().sequences[context]](shared().size, owned[context]);
}

// States of the heap that an operation may meet.

/// A heap that has `prepare` is prepared by start-up code.
template <class Heap>
void prepare(Heap heap) {
  if constexpr (requires { heap.prepare(); }) heap.prepare();
}

/// The handlers' blocks, and lists whose order is not that of memory.
void settle() {
  prepare(tested);
  for (const heap::PoolSpec& pool : kLayout.pools) {
    Held held[10];
    for (std::uint32_t i = 0; i != pool.capacity; ++i) held[i] = take(pool.block_size);
    for (std::uint32_t i = 0; i < pool.capacity; i += 2) give(held[i]);
    for (std::uint32_t i = 1; i < pool.capacity; i += 2) give(held[i]);
  }
  for (auto& context : owned) {
    for (Held& held : context) held = take(shared().size);
  }
}

/// Leaves `blocks` free ones in the pool of that size. Not for one whose blocks were spilled to.
void leave(std::uint32_t size, std::uint32_t blocks) {
  std::uint32_t used = capacity_for(size) - blocks;
  if (capacity_for(size) == capacity_for(shared().size)) used -= kContexts * kOwned;
  while (used-- != 0) take(size);
}

using Arguments = std::uint32_t;

std::uint32_t argue(const void* block, std::uint32_t size = 0, std::uint32_t new_size = 0) {
  shared().arguments[0] = reinterpret_cast<std::uintptr_t>(block);
  shared().arguments[1] = size;
  shared().arguments[2] = new_size;
  return 0;
}
std::uint32_t argue(std::uint32_t size, std::uint32_t alignment = 1) {
  shared().arguments[0] = size;
  shared().arguments[1] = alignment;
  return 0;
}

constexpr std::uint32_t kSize = 12;
constexpr std::uint32_t kLarge = 2060;
constexpr std::uint32_t kHuge = 100000;

std::uint32_t with_size(Arguments, Arguments, Arguments) {
  settle();
  return argue(kSize);
}
template <std::uint32_t kBlocks, std::uint32_t kRequest = kSize>
std::uint32_t with_left(Arguments, Arguments, Arguments) {
  settle();
  leave(kRequest, kBlocks);
  return argue(kRequest);
}
/// So many blocks are left for requests of 64 bytes, and nothing to spill to.
template <std::uint32_t kBlocks>
std::uint32_t with_only(Arguments, Arguments, Arguments) {
  settle();
  leave(kLarge, 0);
  leave(64, kBlocks);
  return argue(64);
}
template <std::uint32_t kRequest, std::uint32_t kAlignment>
std::uint32_t with_request(Arguments, Arguments, Arguments) {
  settle();
  return argue(kRequest, kAlignment);
}
template <std::uint32_t kRequest, std::uint32_t kAlignment = 1>
std::uint32_t unprepared(Arguments, Arguments, Arguments) {
  return argue(kRequest, kAlignment);
}
/// The operation gives `mine` back.
std::uint32_t argue_to_give() {
  shared().own_records = 1;
  return argue(let_go(mine));
}
template <std::uint32_t kRequest = kSize>
std::uint32_t with_block_to_give(Arguments, Arguments, Arguments) {
  settle();
  mine = take(kRequest);
  return argue_to_give();
}
std::uint32_t with_block_of_exhausted(Arguments, Arguments, Arguments) {
  settle();
  mine = take(kSize);
  leave(kSize, 1);
  return argue_to_give();
}
std::uint32_t with_spilled_block(Arguments, Arguments, Arguments) {
  settle();
  leave(kSize, 0);
  mine = take(kSize);
  return argue_to_give();
}
template <std::uint32_t kOld, std::uint32_t kNew>
std::uint32_t with_block_to_resize(Arguments, Arguments, Arguments) {
  settle();
  mine = take(kOld);
  return argue(mine.block, kOld, kNew);
}
std::uint32_t begun = 0;
template <std::uint32_t kOld, std::uint32_t kNew>
std::uint32_t with_block_to_reallocate(Arguments, Arguments, Arguments) {
  settle();
  mine = take(kOld);
  begun = begin_reallocation(mine);
  shared().own_records = 1;
  return argue(mine.block, kNew);
}

// The operations.

void* pointer(std::uint32_t value) { return reinterpret_cast<void*>(std::uintptr_t{value}); }
std::uint32_t value(const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }

std::uint32_t allocate(std::uint32_t size, Arguments, Arguments) {
  return value(tested.allocate(size));
}
std::uint32_t allocate_constant(Arguments, Arguments, Arguments) {
  return value(tested.allocate(kSize));
}
std::uint32_t allocate_aligned(std::uint32_t size, std::uint32_t alignment, Arguments) {
  return value(tested.allocate(size, alignment));
}
std::uint32_t operator_new(std::uint32_t size, Arguments, Arguments) {
  return value(::operator new(size));
}
std::uint32_t operator_delete(std::uint32_t block, Arguments, Arguments) {
  ::operator delete(pointer(block));
  return 0;
}
std::uint32_t deallocate(std::uint32_t block, Arguments, Arguments) {
  tested.deallocate(pointer(block));
  return 0;
}
std::uint32_t deallocate_constant(std::uint32_t block, Arguments, Arguments) {
  tested.deallocate(pointer(block), kSize);
  return 0;
}
std::uint32_t grow(std::uint32_t block, std::uint32_t old_size, std::uint32_t new_size) {
  return tested.grow(pointer(block), old_size, new_size) ? 1 : 0;
}
std::uint32_t shrink(std::uint32_t block, std::uint32_t old_size, std::uint32_t new_size) {
  return tested.shrink(pointer(block), old_size, new_size) ? 1 : 0;
}
std::uint32_t reallocate(std::uint32_t block, std::uint32_t size, Arguments) {
  return value(tested.reallocate(pointer(block), size));
}

// What becomes of the result.

std::uint32_t allocated(std::uint32_t result, Arguments, Arguments) {
  mine = own(pointer(result), shared().arguments[0]);
  return 0;
}
std::uint32_t allocated_aligned(std::uint32_t result, Arguments, Arguments) {
  mine = own(pointer(result), shared().arguments[0], shared().arguments[1]);
  return 0;
}
std::uint32_t given(Arguments, Arguments, Arguments) { return 0; }
template <bool kExpected>
std::uint32_t resized(std::uint32_t result, Arguments, Arguments) {
  if ((result != 0) != kExpected) error(kWrongResult);
  if (result != 0) resized(mine, shared().arguments[2]);
  check_contents(mine, mine.size);
  return 0;
}
std::uint32_t reallocated(std::uint32_t result, Arguments, Arguments) {
  end_reallocation(mine, begun, shared().arguments[1], pointer(result));
  return 0;
}

#if __ARM_ARCH >= 7
/// No operation of the heap: shows that interrupts inside IT blocks are taken, and change nothing.
[[gnu::naked]] std::uint32_t conditional_code(std::uint32_t, std::uint32_t, std::uint32_t) {
  asm volatile(
      "movs  r1, #5\n\t"
      "movs  r2, #0\n\t"
      "cmp   r1, #5\n\t"
      "ittee eq\n\t"
      "addeq r2, #1\n\t"
      "addeq.w r2, r2, #2\n\t"
      "addne r2, #64\n\t"
      "addne r2, #128\n\t"
      "cmp   r1, #6\n\t"
      "ite   eq\n\t"
      "addeq r2, #32\n\t"
      "addne r2, #4\n\t"
      "it    mi\n\t"
      "addmi r2, #8\n\t"
      "mov   r0, r2\n\t"
      "bx    lr");
}
std::uint32_t conditional_result(std::uint32_t result, Arguments, Arguments) {
  if (result != (1 + 2 + 4 + 8)) error(kWrongFlow);
  return 0;
}
#endif

constexpr Operation kOperations[] = {
    {"allocate(n)", with_size, allocate, allocated, {kSize, 0}},
    {"allocate(12)", with_size, allocate_constant, allocated, {kSize, 0}},
    {"operator new", with_size, operator_new, allocated, {kSize, 0}},
    {"allocate, last block", with_left<1>, allocate, allocated, {kSize, 16}},
    {"allocate, spills", with_left<0>, allocate, allocated, {kSize, 16}},
    {"operator new, spills", with_left<0>, operator_new, allocated, {kSize, 16}},
    {"allocate, last of all", with_only<1>, allocate, allocated, {64, 0}},
    {"allocate, last of the largest", with_left<1, kLarge>, allocate, allocated, {kLarge, 0}},
    {"allocate, fails", with_only<0>, allocate, allocated, {64, kLarge}},
    {"allocate, too large", with_request<kHuge, 1>, allocate, allocated, {kSize, 0}},
    {"allocate, beyond the table", with_request<kLarge, 1>, allocate, allocated, {kLarge, 0}},
    {"allocate, aligned", with_request<16, 16>, allocate_aligned, allocated_aligned, {16, 64}},
    {"first allocate(n)", unprepared<kSize>, allocate, allocated, {kSize, 0}},
    {"first allocate(12)", unprepared<kSize>, allocate_constant, allocated, {kSize, 0}},
    {"first operator new", unprepared<kSize>, operator_new, allocated, {kSize, 0}},
    {"first allocate, aligned",
     unprepared<16, 16>,
     allocate_aligned,
     allocated_aligned,
     {16, kSize}},
    {"first allocate, too large", unprepared<kHuge>, allocate, allocated, {kSize, 0}},
    {"deallocate(p)", with_block_to_give<>, deallocate, given, {kSize, 0}},
    {"deallocate(p, 12)", with_block_to_give<>, deallocate_constant, given, {kSize, 0}},
    {"deallocate(p, 12), spilled", with_spilled_block, deallocate_constant, given, {16, 0}},
    {"deallocate, to an empty pool", with_block_of_exhausted, deallocate, given, {kSize, 0}},
    {"deallocate, large", with_block_to_give<kLarge>, deallocate, given, {kLarge, 0}},
    {"operator delete", with_block_to_give<>, operator_delete, given, {kSize, 0}},
    {"grow", with_block_to_resize<9, 11>, grow, resized<true>, {kSize, 0}},
    {"grow, refused", with_block_to_resize<kSize, 17>, grow, resized<false>, {kSize, 0}},
    {"shrink", with_block_to_resize<kSize, 3>, shrink, resized<true>, {kSize, 0}},
    {"reallocate in place",
     with_block_to_reallocate<kSize, 10>,
     reallocate,
     reallocated,
     {kSize, 0}},
    {"reallocate, moves",
     with_block_to_reallocate<kSize, 15>,
     reallocate,
     reallocated,
     {kSize, 16}},
    {"reallocate, fails",
     with_block_to_reallocate<kSize, 4000>,
     reallocate,
     reallocated,
     {kSize, 0}},
#if __ARM_ARCH >= 7
    {"(no heap: IT blocks)", with_size, conditional_code, conditional_result, {kSize, 0}},
#endif
};

void drain_with(std::uint32_t size) {
  // A broken list may be a ring.
  for (int most = 40; most != 0; --most) {
    void* const block = tested.allocate(size);
    append(block == nullptr ? RecordKind::kFailed : RecordKind::kDrained, block, size);
    if (block == nullptr) break;
  }
}

/// All blocks are in use: the heap knows, if it counts.
template <class Heap>
void check_statistics([[maybe_unused]] Heap heap) {
#ifdef HEAP_OPTIONS
  if constexpr (requires { heap.statistics(std::size_t{0}).in_use; }) {
    std::uint32_t blocks = 0;
    std::uint32_t in_use = 0;
    for (std::size_t i = 0; i != kLayout.pools.size(); ++i) {
      blocks += kLayout.pools[i].capacity;
      in_use += static_cast<std::uint32_t>(heap.statistics(i).in_use);
    }
    if (in_use != blocks) error(kWrongCount);
  }
#endif
}

/// Largest first, so that each pool is emptied by requests of its own size; then what is left, if a
/// request takes a larger block than it must.
std::uint32_t drain(Arguments, Arguments, Arguments) {
  for (std::size_t i = kLayout.pools.size(); i-- != 0;) drain_with(kLayout.pools[i].block_size);
  drain_with(1);
  check_statistics(tested);
  return 0;
}

std::uint32_t advance(std::uint32_t events, Arguments, Arguments) {
  for (; events != 0; --events) {
    if (tested.allocate(kAdvanceSize) != nullptr) error(kWrongResult);
    shared().advanced = shared().advanced + 1;
  }
  return 0;
}

}  // namespace
}  // namespace drone::preemption

extern "C" {

extern std::uint32_t stack_top;
extern const char bookkeeping_begin[], bookkeeping_end[];
void stopped();
void interrupt_0();
void interrupt_1();

void interrupt_0() { drone::preemption::handle(0); }
void interrupt_1() { drone::preemption::handle(1); }

void drone_heap_misuse(drone::heap::Misuse, const void*) noexcept {
  drone::preemption::error(drone::preemption::kMisuse);
}

extern const drone::preemption::Interface preemption_interface;
[[gnu::used]] const drone::preemption::Interface preemption_interface{
    .magic = drone::preemption::kMagic,
#ifdef DRONE_HEAPTRACE
    .is_traced = 1,
#else
    .is_traced = 0,
#endif
    .is_guarded = drone::preemption::kLayout.options.checks == drone::heap::Checks::kFull,
    .job = &drone::preemption::job,
    .stopped = reinterpret_cast<const void*>(&stopped),
    .stack_top = &stack_top,
    .bookkeeping_begin = bookkeeping_begin,
    .bookkeeping_end = bookkeeping_end,
    .drain = drone::preemption::drain,
    .advance = drone::preemption::advance,
    .operation_count = std::size(drone::preemption::kOperations),
    .operations = drone::preemption::kOperations,
    .sequence_count = std::size(drone::preemption::kSequenceNames),
    .sequences = drone::preemption::kSequenceNames,
};
}
