// SPDX-License-Identifier: MIT
#pragma once

// ITM streams as targets send them, of many kinds, made from a seed.

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string_view>
#include <vector>

#include "itm/packet.hpp"

namespace drone::test {

enum class ItmTraffic {
  kText,         ///< lines on port 0, a byte a write
  kTextInWords,  ///< the same, four bytes a write
  kHeap,         ///< the heap's events
  kHeapAndText,
  kPcSamples,
  kExceptions,  ///< entry and exit, with timestamps
  kSamples,     ///< two bytes of a signal
  kCounter,     ///< a word that counts
  kDataTrace,
  kEverything,
};
inline constexpr std::size_t kItmTraffics = 10;

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  unsigned below(unsigned limit) { return static_cast<unsigned>(engine_() % limit); }
  bool one_in(unsigned n) { return below(n) == 0; }
  std::uint32_t word() { return static_cast<std::uint32_t>(engine_()); }

 private:
  std::mt19937 engine_;
};

namespace detail {

inline void append_text(std::vector<std::byte>& out, Random& random, bool words) {
  static constexpr std::array<std::string_view, 8> kLines = {
      "tick ", "temperature: ", "Hello, world", "state=IDLE ", "[INFO] adc0 = ",
      "ok",    "rx ",           "free heap "};
  std::vector<char> line;
  for (const char c : kLines[random.below(kLines.size())]) line.push_back(c);
  for (unsigned digits = random.below(5); digits != 0; --digits) {
    line.push_back(static_cast<char>('0' + random.below(10)));
  }
  line.push_back('\n');
  while (words && line.size() % 4 != 0) line.push_back('\n');
  for (std::size_t i = 0; i < line.size(); i += words ? 4 : 1) {
    std::uint32_t value = 0;
    for (std::size_t k = 0; k != (words ? 4 : 1); ++k) {
      value |= std::uint32_t{static_cast<unsigned char>(line[i + k])} << (8 * k);
    }
    itm::append_instrumentation(out, 0, value, words ? 4 : 1);
  }
}

inline void append_heap_event(std::vector<std::byte>& out, Random& random) {
  const std::uint32_t block = random.below(200);
  if (random.one_in(2)) {
    itm::append_instrumentation(out, 31, block << 1, 2);
    return;
  }
  const std::uint32_t size = (1 + random.below(8)) * (1 + random.below(40));
  const std::uint32_t operation = random.one_in(10) ? 1 : 0;
  itm::append_instrumentation(out, 31, size << 18 | block << 3 | operation << 1 | 1, 4);
  if (random.one_in(4)) {
    itm::append_instrumentation(out, 31, random.below(4096) << 12 | (block & 127) << 3 | 5, 4);
  }
}

}  // namespace detail

/// At least `size` bytes, from a packet's beginning to a packet's end; the options that a target
/// has (timestamps, synchronizations, overflows) are chosen by the seed as well.
inline std::vector<std::byte> itm_stream(ItmTraffic traffic, std::size_t size, unsigned seed) {
  Random random(seed);
  const bool timestamps = random.one_in(2);
  const unsigned sync_bytes = random.one_in(2) ? 0 : 64U << random.below(6);
  const bool overflows = random.one_in(4);
  const std::uint32_t code = 0x0800'0000 + random.below(64) * 1024;
  std::uint32_t count = random.word();
  std::uint32_t signal = 2048;
  std::vector<std::byte> out;
  std::size_t next_sync = random.below(sync_bytes + 1);
  while (out.size() < size) {
    ItmTraffic kind = traffic;
    if (traffic == ItmTraffic::kEverything) {
      kind = static_cast<ItmTraffic>(random.below(kItmTraffics - 1));
    } else if (traffic == ItmTraffic::kHeapAndText) {
      kind = random.one_in(12) ? ItmTraffic::kText : ItmTraffic::kHeap;
    }
    switch (kind) {
      case ItmTraffic::kText:
      case ItmTraffic::kTextInWords:
        detail::append_text(out, random, kind == ItmTraffic::kTextInWords);
        break;
      case ItmTraffic::kHeap:
      case ItmTraffic::kHeapAndText:
      case ItmTraffic::kEverything:
        detail::append_heap_event(out, random);
        break;
      case ItmTraffic::kPcSamples:
        if (random.one_in(8)) {
          itm::append_hardware(out, 2, 0, 1);
        } else {
          itm::append_hardware(out, 2, code + 2 * random.below(300), 4);
        }
        break;
      case ItmTraffic::kExceptions: {
        const std::uint32_t number = random.one_in(3) ? 15 : 16 + random.below(60);
        itm::append_hardware(out, 1, number | 1U << 12, 2);
        itm::append_local_timestamp(out, random.below(3000), 0);
        itm::append_hardware(out, 1, number | 2U << 12, 2);
        itm::append_local_timestamp(out, random.below(200), 0);
        itm::append_hardware(out, 1, 3U << 12, 2);
        break;
      }
      case ItmTraffic::kSamples:
        signal = (signal + random.below(65) - 32) & 0xFFF;
        itm::append_instrumentation(out, 1, signal, 2);
        break;
      case ItmTraffic::kCounter:
        itm::append_instrumentation(out, 2, count++, 4);
        break;
      case ItmTraffic::kDataTrace:
        itm::append_hardware(out, 8, code + 2 * random.below(8), 4);
        itm::append_hardware(out, 17, random.below(1000), 4);
        break;
    }
    if (timestamps) itm::append_local_timestamp(out, 1 + random.below(2000), 0);
    if (overflows && random.one_in(100)) itm::append_overflow(out);
    if (sync_bytes != 0 && out.size() >= next_sync) {
      itm::append_sync(out);
      next_sync += sync_bytes;
    }
  }
  return out;
}

}  // namespace drone::test
