// SPDX-License-Identifier: MIT
#include "audit_port.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "drone/cortex_m/interrupt_mask.hpp"
#include "log.hpp"

#ifndef AUDIT_EVENTS
#error "AUDIT_EVENTS: after how many writes to end"
#endif

namespace audit {
namespace {

struct SizeCount {
  std::uint32_t size;
  std::uint32_t live;
  std::uint32_t most;
  std::uint32_t allocations;
};

std::array<SizeCount, 256> sizes;
std::array<std::uint16_t, 8192> size_of_block;  // 0: not live
std::uint32_t bytes_live, bytes_peak;
std::uint32_t writes, allocations, deallocations, resizes, alignments, sequences, others;
bool out_of_room;

SizeCount& counter(std::uint32_t size) {
  for (SizeCount& each : sizes) {
    if (each.size == size || each.size == 0) {
      each.size = size;
      return each;
    }
  }
  out_of_room = true;
  return sizes[0];
}

void begin(std::uint32_t block, std::uint32_t size) {
  size_of_block[block] = static_cast<std::uint16_t>(size);
  SizeCount& its = counter(size);
  ++its.allocations;
  its.most = std::max(its.most, ++its.live);
  bytes_live += size;
  bytes_peak = std::max(bytes_peak, bytes_live);
}

void end(std::uint32_t block) {
  const std::uint32_t size = size_of_block[block];
  size_of_block[block] = 0;
  --counter(size).live;
  bytes_live -= size;
}

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
  print("audit");
  ((print(" "), print(words)), ...);
  print("\n");
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

void count(std::uint32_t value, unsigned bytes) noexcept {
  ++writes;
  const std::uint32_t block = value >> 3 & 0x7FFF;
  if (bytes == 2) {
    ++deallocations;
    end(value >> 1);
  } else if ((value & 7) == 1) {  // ALLOC
    ++allocations;
    if (block != 0x7FFF) begin(block, value >> 18);
  } else if ((value & 7) == 3) {  // RESIZE
    ++resizes;
    if (value >> 18 != size_of_block[block]) {
      // A block of the old size ends before one of the new size begins.
      end(block);
      begin(block, value >> 18);
    }
  } else if ((value & 0xFF) == 0x2F) {
    ++alignments;
  } else if ((value & 0xFF) == 0x37) {
    ++sequences;
  } else {
    ++others;
  }
}

void end_when_done() noexcept {
  if (writes < AUDIT_EVENTS) return;
  const drone::cortex_m::InterruptMask mask;
  for (const SizeCount& each : sizes) {
    if (each.size != 0) print_line("size", each.size, each.most, each.allocations);
  }
  print_line("peak", bytes_peak);
  print_line("writes", writes, allocations, deallocations, resizes, alignments, sequences, others);
  print_line(out_of_room ? "out of room" : "end");
  end_program();
}

}  // namespace audit
