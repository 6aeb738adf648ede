// SPDX-License-Identifier: MIT
// One program for each FAULT that the board reports.
#include "board.hpp"

using namespace board;
using namespace drone::cortex_m;

#define NULL_WRITE 1
#define NULL_READ 2
#define FETCH_UNMAPPED 3
#define EVEN_JUMP 4
#define STACK_OVERFLOW 5
#define FLASH_WRITE 6
#define PERIPHERAL 7
#define UNDEFINED 8
#define DIVIDE 9
#define UNALIGNED_DOUBLE 10
#define UNALIGNED_TRAP 11
#define NO_FLOAT 12
#define BREAKPOINT 13
#define MASKED_SVC 14
#define BAD_RETURN 15
#define IN_INTERRUPT 16
#define LOCKUP 17
#define EXECUTE_NEVER 18
#define NULL_CALL 19
#define STACKING 20
#define TRAPS_OFF 21

namespace {

// Most programs use but some of these.
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Winfinite-recursion"

struct Message {
  std::uint32_t* target;
  std::uint32_t value;
};

[[gnu::noinline]] void publish(const Message& message) {
  *const_cast<volatile std::uint32_t*>(message.target) = message.value;
  asm volatile("");
}

[[gnu::noinline]] std::uint32_t recurse(std::uint32_t depth) {
  volatile std::uint32_t local[64];
  local[0] = depth;
  const std::uint32_t deeper = recurse(depth + 1);
  return deeper + local[0];
}

void jump(std::uint32_t address) { asm volatile("bx %0" ::"r"(address)); }

std::uint32_t divide(std::uint32_t a, std::uint32_t b) {
  std::uint32_t result;
  asm volatile("udiv %0, %1, %2" : "=r"(result) : "r"(a), "r"(b));
  return result;
}

std::uint32_t load(const void* from) {
  std::uint32_t result;
  asm volatile("ldr %0, [%1]" : "=r"(result) : "r"(from));
  return result;
}

std::uint32_t load_twice(const void* from) {
  std::uint32_t low;
  std::uint32_t high;
  asm volatile("ldrd %0, %1, [%2]" : "=&r"(low), "=&r"(high) : "r"(from));
  return low + high;
}

}  // namespace

extern "C" void interrupt1() { publish({reinterpret_cast<std::uint32_t*>(0x30000000), 1}); }
extern "C" [[gnu::naked]] void interrupt2() { asm volatile("mvn lr, #0x10\n bx lr"); }

void run() {
  enable_trace();
  say(0x5AFE);  // reaches the other side whatever follows
  volatile std::uint32_t sink = 0;
  static const std::uint32_t constant = 42;
  alignas(8) static std::uint8_t bytes[32];
#if FAULT == NULL_WRITE
  publish({nullptr, 7});
#elif FAULT == NULL_READ
  sink = load(reinterpret_cast<const void*>(8));
#elif FAULT == FETCH_UNMAPPED
  jump(0x10000001);
#elif FAULT == EVEN_JUMP
  jump(0x08000100);
#elif FAULT == NULL_CALL
  jump(0);
#elif FAULT == STACK_OVERFLOW
  sink = recurse(0);
#elif FAULT == FLASH_WRITE
  publish({const_cast<std::uint32_t*>(&constant), 1});
#elif FAULT == PERIPHERAL
  publish({reinterpret_cast<std::uint32_t*>(0x40021000), 1});
#elif FAULT == UNDEFINED
  asm volatile("udf 9");
#elif FAULT == DIVIDE
  reg(kScbCcr) = reg(kScbCcr) | kScbCcrDiv0Trp;
  sink = divide(8, 2);
  sink = divide(sink, 0);
#elif FAULT == UNALIGNED_DOUBLE
  sink = load(bytes + 1);
  sink = load_twice(bytes + 2);
#elif FAULT == UNALIGNED_TRAP
  sink = load(bytes + 4);
  reg(kScbCcr) = reg(kScbCcr) | kScbCcrUnalignTrp;
  sink = load(bytes + 4);
  sink = load(bytes + 1);
#elif FAULT == NO_FLOAT
  asm volatile("vmov s0, %0" ::"r"(0));
#elif FAULT == BREAKPOINT
  asm volatile("bkpt 3");
#elif FAULT == MASKED_SVC
  disable_interrupts();
  asm volatile("svc 0");
#elif FAULT == BAD_RETURN
  enable(2, 0);
  pend(2);
#elif FAULT == IN_INTERRUPT
  enable(1, 0);
  pend(1);
#elif FAULT == LOCKUP
  asm volatile("cpsid f");
  publish({nullptr, 7});
#elif FAULT == EXECUTE_NEVER
  jump(0xE0000001);
#elif FAULT == STACKING
  enable(1, 0);
  asm volatile("mov sp, %0" ::"r"(0x20000010));
  reg(kNvicIspr) = 2;
#elif FAULT == TRAPS_OFF
  sink = divide(1, 0);
  sink = sink + load(bytes + 1);
  say(sink);
  finish(0);
#else
#error "no such fault"
#endif
  static_cast<void>(sink);
  static_cast<void>(constant);
  static_cast<void>(bytes);
  say(0xBAD);
}
