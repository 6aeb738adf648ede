// SPDX-License-Identifier: MIT
#pragma once

// What a UART makes of an SWO line whose rate or coding is not the one that it expects.

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "itm/packet.hpp"

namespace drone::itm::test {

/// The same numbers on every machine.
class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  std::uint32_t operator()() { return static_cast<std::uint32_t>(engine_()); }

 private:
  std::mt19937 engine_;
};
using Bytes = std::vector<std::byte>;

/// A line: its level during each bit, or half-bit, that is sent.
using Levels = std::vector<bool>;

inline void idle(Levels& line, std::size_t bits, bool level = true) {
  line.insert(line.end(), bits, level);
}

/// Bytes in UART frames, some of them (one of `gap`) with a gap behind.
inline Levels uart_line(const Bytes& bytes, Random& random, unsigned gap = 20) {
  Levels line;
  idle(line, 20);
  for (const std::byte byte : bytes) {
    line.push_back(false);
    for (unsigned i = 0; i != 8; ++i)
      line.push_back((std::to_integer<unsigned>(byte) >> i & 1U) != 0);
    line.push_back(true);
    if (random() % gap == 0) idle(line, 1 + random() % 30);
  }
  idle(line, 20);
  return line;
}

/// Bytes in Manchester coding, a few together behind a start bit, the line low between them. A one
/// is high first (Arm CoreSight Components TRM, SWO).
inline Levels manchester_line(const Bytes& bytes, Random& random) {
  Levels line;
  const auto put = [&line](bool bit) {
    line.push_back(bit);
    line.push_back(!bit);
  };
  for (std::size_t next = 0; next != bytes.size();) {
    idle(line, 4 + random() % 10, false);
    put(true);
    for (std::size_t left = 4 + random() % 5; left != 0 && next != bytes.size(); --left, ++next) {
      for (unsigned i = 0; i != 8; ++i)
        put((std::to_integer<unsigned>(bytes[next]) >> i & 1U) != 0);
    }
  }
  idle(line, 20, false);
  idle(line, 20, true);
  return line;
}

enum class BadStops : bool { kDropped, kKept };

/// What a receiver yields for which the line is `ratio` times as fast as it expects: it looks for a
/// falling edge sixteen times a bit, then in the middle of each bit.
inline Bytes receive(const Levels& line, double ratio, BadStops bad_stops, Random& random) {
  Bytes received;
  const double tick = ratio / 16;  // in bits of the line
  const auto level = [&line](double time) {
    const auto i = static_cast<std::size_t>(time);
    return i >= line.size() || line[i];
  };
  double time = tick * (static_cast<double>(random() % 1000) / 1000);
  const auto end = static_cast<double>(line.size());
  while (true) {
    while (time < end && level(time)) time += tick;
    if (time >= end) return received;
    const auto at_bit = [&](unsigned i) { return level(time + (16 * i + 8) * tick); };
    if (at_bit(0)) {  // no start bit
      time += 8 * tick;
      continue;
    }
    unsigned byte = 0;
    for (unsigned i = 0; i != 8; ++i) byte |= (at_bit(i + 1) ? 1U : 0U) << i;
    const bool is_good = at_bit(9);
    if (is_good || bad_stops == BadStops::kKept) received.push_back(static_cast<std::byte>(byte));
    time += (16 * 9 + 8) * tick;
    while (!is_good && time < end && !level(time)) time += tick;
  }
}

enum class Stream { kHeap, kHeapWithTimestamps, kText, kAll };
inline constexpr Stream kStreams[] = {Stream::kHeap, Stream::kHeapWithTimestamps, Stream::kText,
                                      Stream::kAll};
inline const char* name_of(Stream stream) {
  constexpr const char* kNames[] = {"heap events", "heap events, timestamps", "text on port 0",
                                    "all of these"};
  return kNames[static_cast<std::size_t>(stream)];
}

/// An ITM stream of about `events` events of a heap, or lines of text.
inline Bytes make_stream(Stream stream, std::size_t events, Random& random) {
  Bytes bytes;
  const bool has_timestamps = stream == Stream::kHeapWithTimestamps || stream == Stream::kAll;
  const auto stamp = [&] {
    if (has_timestamps) append_local_timestamp(bytes, 200 + random() % 3000, 0);
  };
  for (std::size_t i = 0; i != events; ++i) {
    if (stream != Stream::kText) {
      const unsigned block = random() % 300;
      if (random() % 2 == 0) {
        append_instrumentation(bytes, 31, 1U | block << 3 | (4 + random() % 120) << 18, 4);
      } else {
        append_instrumentation(bytes, 31, block << 1, 2);
      }
      stamp();
    }
    if (stream == Stream::kText || (stream == Stream::kAll && i % 10 == 0)) {
      for (const char c : "sensor " + std::to_string(random() % 100) + " reads " +
                              std::to_string(random() % 10000) + "\n") {
        append_instrumentation(bytes, 0, static_cast<unsigned char>(c), 1);
      }
      stamp();
    }
    if (i % 200 == 0) append_sync(bytes);
  }
  return bytes;
}

}  // namespace drone::itm::test
