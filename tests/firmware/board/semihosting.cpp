// SPDX-License-Identifier: MIT
// Text for the console, and an exit status.
#include "board.hpp"

namespace {
std::uint32_t call(std::uint32_t operation, const void* parameter) {
  register std::uint32_t r0 asm("r0") = operation;
  register const void* r1 asm("r1") = parameter;
  asm volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}
}  // namespace

void run() {
  call(4, "hello, ");
  call(3, "w");
  const std::uint32_t open[] = {reinterpret_cast<std::uint32_t>(":tt"), 4, 3};
  const std::uint32_t handle = call(1, open);
  const std::uint32_t text[] = {handle, reinterpret_cast<std::uint32_t>("orld\n!"), 5};
  if (call(5, text) != 0) board::finish(10);
  const std::uint32_t file[] = {reinterpret_cast<std::uint32_t>("x.t"), 4, 3};
  if (call(1, file) != UINT32_MAX) board::finish(11);
  if (call(0x10, text) != UINT32_MAX) board::finish(12);
  board::enable_trace(0, 1000);
  board::say(7);  // still under way when the program ends
  board::finish(3);
}
