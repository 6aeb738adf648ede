// SPDX-License-Identifier: MIT
#include "itm/packet.hpp"

#include <algorithm>
#include <cassert>

namespace drone::itm {
namespace {

void append_byte(std::vector<std::byte>& out, std::uint64_t value) {
  out.push_back(static_cast<std::byte>(value & 0xFF));
}

void append_source(std::vector<std::byte>& out, unsigned header, std::uint32_t value,
                   unsigned size) {
  assert(size == 1 || size == 2 || size == 4);
  append_byte(out, header | (size == 4 ? 3U : size));
  for (unsigned i = 0; i != size; ++i) append_byte(out, value >> (8 * i));
}

/// Seven bits a byte, least significant first; all bytes but the last say that more follow.
void append_continued(std::vector<std::byte>& out, std::uint64_t value, unsigned bytes) {
  for (unsigned i = 0; i != bytes; ++i) {
    const std::uint64_t bits = (value >> (7 * i)) & 0x7F;
    append_byte(out, i + 1 == bytes ? bits : bits | kContinuationBit);
  }
}

}  // namespace

void append_instrumentation(std::vector<std::byte>& out, unsigned port, std::uint32_t value,
                            unsigned size) {
  assert(port < 32);
  append_source(out, port << 3, value, size);
}

void append_hardware(std::vector<std::byte>& out, unsigned id, std::uint32_t value, unsigned size) {
  assert(id < 32);
  append_source(out, id << 3 | kHardwareBit, value, size);
}

void append_sync(std::vector<std::byte>& out) {
  out.insert(out.end(), kSyncZeros, std::byte{0});
  append_byte(out, kSyncEnd);
}

void append_overflow(std::vector<std::byte>& out) { append_byte(out, kOverflowHeader); }

void append_local_timestamp(std::vector<std::byte>& out, std::uint32_t ticks, unsigned tc) {
  assert(tc < 4);
  if (tc == 0 && ticks >= 1 && ticks <= 6) {
    append_byte(out, ticks << 4);
    return;
  }
  ticks = std::min(ticks, kMaxLocalTicks);
  append_byte(out, kLocalTimestamp1Header | tc << 4);
  unsigned bytes = 1;
  while (bytes < 4 && ticks >> (7 * bytes) != 0) ++bytes;
  append_continued(out, ticks, bytes);
}

void append_global_timestamp1(std::vector<std::byte>& out, std::uint32_t low_bits, bool wrap,
                              bool clock_change, unsigned payload_bytes) {
  assert(payload_bytes >= 1 && payload_bytes <= 4);
  append_byte(out, kGlobalTimestamp1Header);
  const std::uint32_t flags = (wrap ? 2U : 0U) | (clock_change ? 1U : 0U);
  append_continued(out, (low_bits & ((1U << 26) - 1)) | flags << 26, payload_bytes);
}

void append_global_timestamp2(std::vector<std::byte>& out, std::uint64_t high_bits, bool wide) {
  append_byte(out, kGlobalTimestamp2Header);
  append_continued(out, high_bits, wide ? 6 : 4);
}

}  // namespace drone::itm
