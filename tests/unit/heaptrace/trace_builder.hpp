// SPDX-License-Identifier: MIT
#pragma once

// Writes traces for the reader's tests, and reads them.

#include <cstdint>
#include <memory>
#include <vector>

#include "drone/heaptrace/wire_format.hpp"
#include "heaptrace/reader.hpp"
#include "itm/packet.hpp"
#include "support/byte_stream.hpp"

namespace drone::heaptrace::test {

/// A trace, an event a call.
class TraceBuilder {
 public:
  TraceBuilder& record(const Record& record) { return write(encode(record)); }
  TraceBuilder& ext(Op op, std::uint32_t argument) { return record({op, 0, argument}); }
  TraceBuilder& version() { return ext(Op::kVersion, kFormatVersion); }
  TraceBuilder& alloc(std::uint32_t block, std::uint32_t size) {
    return sized(Op::kAlloc, block, size);
  }
  TraceBuilder& failed(std::uint32_t size) { return sized(Op::kAlloc, kNoBlock, size); }
  TraceBuilder& resize(std::uint32_t block, std::uint32_t size) {
    return sized(Op::kResize, block, size);
  }
  TraceBuilder& dealloc(std::uint32_t block) { return write(encode_dealloc(block)); }
  TraceBuilder& align(std::uint32_t low_16_bits, std::uint32_t log2) {
    return record({Op::kAlign, low_16_bits, log2});
  }
  TraceBuilder& pool(std::uint32_t block_size, std::uint32_t capacity) {
    return ext(Op::kPoolBlock, block_size).ext(Op::kPoolCapacity, capacity);
  }
  TraceBuilder& overflow() {
    itm::append_overflow(bytes_);
    return *this;
  }
  TraceBuilder& write(const Write& write) {
    itm::append_instrumentation(bytes_, kDefaultPort, write.value, write.size);
    return *this;
  }
  TraceBuilder& raw(const std::vector<std::byte>& bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  const std::vector<std::byte>& bytes() const { return bytes_; }

 private:
  TraceBuilder& sized(Op op, std::uint32_t block, std::uint32_t size) {
    const Writes writes = encode_sized(op, block, size);
    for (std::size_t i = 0; i != writes.count; ++i) write(writes.write[i]);
    return *this;
  }

  std::vector<std::byte> bytes_;
};

struct Trace {
  std::vector<Event> events;
  Summary summary;
  int restarts = 0;
};

inline Trace read(const std::vector<std::byte>& bytes, unsigned port = kDefaultPort,
                  std::size_t chunk_size = SIZE_MAX) {
  Trace trace;
  ReadOptions options;
  options.port = port;
  trace.summary =
      read_events([&] { return std::make_unique<MemorySource>(bytes, chunk_size); }, options,
                  [&trace] {
                    ++trace.restarts;
                    trace.events.clear();
                  },
                  [&trace](std::span<const Event> events) {
                    trace.events.insert(trace.events.end(), events.begin(), events.end());
                  });
  return trace;
}
inline Trace read(const TraceBuilder& builder) { return read(builder.bytes()); }

inline Event reset_event() { return {EventKind::kReset, 0, 0, 0, 0}; }
inline Event alloc_event(std::uint32_t block, std::uint32_t size, std::uint32_t alignment = 4) {
  return {EventKind::kAlloc, block, size, 0, alignment};
}
inline Event dealloc_event(std::uint32_t block, std::uint32_t size, std::uint32_t alignment = 4) {
  return {EventKind::kDealloc, block, 0, size, alignment};
}
inline Event resize_event(std::uint32_t block, std::uint32_t old_size, std::uint32_t size,
                          std::uint32_t alignment = 4) {
  return {EventKind::kResize, block, size, old_size, alignment};
}
inline Event failed_event(std::uint32_t size, std::uint32_t alignment = 4) {
  return {EventKind::kFailed, 0, size, 0, alignment};
}
inline Event realign_event(std::uint32_t block, std::uint32_t size, std::uint32_t alignment) {
  return {EventKind::kRealign, block, size, 0, alignment};
}

}  // namespace drone::heaptrace::test
