// SPDX-License-Identifier: MIT
#pragma once

// A program that uses its heap, and the ITM stream that its tracer sends: described, counted, and
// mixed with what else a target sends.

#include <cstdint>
#include <random>
#include <string_view>
#include <vector>

#include "drone/heap/pool_spec.hpp"
#include "drone/heaptrace/wire_format.hpp"
#include "itm/packet.hpp"

namespace drone::heaptrace::test {

struct StreamOptions {
  bool synchronizations = false;  ///< one in about 1 KB
  bool timestamps = false;        ///< one behind each packet
  bool text = true;               ///< lines on port 0
  bool hardware = false;          ///< exception and PC sample packets
};

struct TracedStream {
  std::vector<std::byte> bytes;
  std::vector<itm::Packet> writes;  ///< those of port 31, in order
};

/// A stream of at least `bytes` bytes, the same for the same seed on every machine.
class TracedProgram {
 public:
  TracedProgram(std::uint64_t seed, const StreamOptions& options)
      : random_(seed), options_(options) {
    std::uint32_t first = 0;
    for (const heap::PoolSpec& pool : kPools) {
      std::vector<std::uint32_t>& free = free_.emplace_back();
      for (std::uint32_t i = pool.capacity; i-- != 0;) free.push_back(first + i);
      first += pool.capacity;
    }
  }

  TracedStream run(std::size_t bytes) {
    itm::append_sync(stream_.bytes);
    write(encode({Op::kVersion, 0, kFormatVersion}));
    for (const heap::PoolSpec& pool : kPools) {
      write(encode({Op::kPoolBlock, 0, pool.block_size}), false);
      write(encode({Op::kPoolCapacity, 0, pool.capacity}), false);
    }
    write(encode({Op::kHeapSize, 0, 64U << 10}), false);
    write(encode({Op::kHeapAlignment, 0, 4}), false);
    while (stream_.bytes.size() < bytes) {
      step();
      if (options_.text && below(40) == 0) print("sensor 3: 21.5 C, rssi -71 dBm, queue 4/16\r\n");
      if (options_.hardware && below(20) == 0) sample();
      if (options_.synchronizations && stream_.bytes.size() - last_sync_ > 1024) {
        last_sync_ = stream_.bytes.size();
        itm::append_sync(stream_.bytes);
      }
    }
    return stream_;
  }

 private:
  static constexpr heap::PoolSpec kPools[] = {{8, 300},  {16, 400}, {28, 250}, {64, 120},
                                              {132, 60}, {260, 30}, {516, 16}, {1536, 6}};
  struct Life {
    std::uint32_t block;
    std::size_t pool;
    std::uint32_t size;
  };

  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }

  void write(const Write& write, bool counted = true) {
    itm::Packet packet;
    packet.kind = itm::PacketKind::kInstrumentation;
    packet.source = kDefaultPort;
    packet.size = write.size;
    packet.value = write.value;
    packet.length = 1U + write.size;
    packet.offset = stream_.bytes.size();
    stream_.writes.push_back(packet);
    itm::append_instrumentation(stream_.bytes, kDefaultPort, write.value, write.size);
    timestamp();
    if (!counted) return;
    if (++events_ % kSequencePeriod == kSequencePeriod - 1) {
      ++events_;
      this->write(encode({Op::kSequence, 0, events_ & 0xFFFFFF}), false);
    }
  }

  void timestamp() {
    if (!options_.timestamps) return;
    const std::uint32_t scale = below(4);
    itm::append_local_timestamp(stream_.bytes,
                                scale == 0 ? below(7) : 1 + below(scale == 3 ? 20000 : 120),
                                below(50) == 0 ? 1 : 0);
  }

  void print(std::string_view text) {
    for (const char c : text) {
      itm::append_instrumentation(stream_.bytes, 0, static_cast<unsigned char>(c), 1);
    }
    timestamp();
  }

  void sample() {
    if (below(2) == 0) {
      itm::append_hardware(stream_.bytes, 1, 15 | (1 + below(3)) << 12, 2);
    } else {
      itm::append_hardware(stream_.bytes, 2, 0x08000000 + 2 * below(20000), 4);
    }
    timestamp();
  }

  void step() {
    // The number of live blocks swings, and the latest block is often the first to go.
    const std::uint32_t wanted = 100 + 200 * ((events_ / 3000) % 4);
    if (live_.size() < 10 || (live_.size() < wanted ? below(10) < 6 : below(10) < 4)) {
      allocate();
    } else if (below(30) == 0) {
      resize();
    } else {
      const std::size_t i =
          below(3) == 0 ? live_.size() - 1 : below(static_cast<std::uint32_t>(live_.size()));
      const Life life = live_[i];
      live_.erase(live_.begin() + static_cast<std::ptrdiff_t>(i));
      write(encode_dealloc(life.block));
      free_[life.pool].push_back(life.block);
    }
  }

  void allocate() {
    static constexpr std::uint32_t kSizes[] = {4,  8,  12, 12,  16,  16,  20,  24,
                                               28, 40, 64, 100, 200, 512, 1500};
    const std::uint32_t size = below(4) == 0 ? 1 + below(600) : kSizes[below(std::size(kSizes))];
    for (std::size_t pool = 0; pool != std::size(kPools); ++pool) {
      if (kPools[pool].block_size < size || free_[pool].empty()) continue;
      const std::uint32_t block = free_[pool].back();
      free_[pool].pop_back();
      live_.push_back({block, pool, size});
      write(encode({Op::kAlloc, block, size}));
      return;
    }
    write(encode({Op::kAlloc, kNoBlock, size}));
  }

  void resize() {
    Life& life = live_[below(static_cast<std::uint32_t>(live_.size()))];
    life.size = 1 + below(kPools[life.pool].block_size);
    write(encode({Op::kResize, life.block, life.size}));
  }

  std::mt19937_64 random_;
  StreamOptions options_;
  TracedStream stream_;
  std::vector<std::vector<std::uint32_t>> free_;
  std::vector<Life> live_;
  std::uint32_t events_ = 0;
  std::size_t last_sync_ = 0;
};

}  // namespace drone::heaptrace::test
