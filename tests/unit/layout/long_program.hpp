// SPDX-License-Identifier: MIT
#pragma once

// Programs of many events, the same ones for the same seed everywhere: rapidcheck's would take too
// long.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "heaptrace/event.hpp"

namespace drone::layout {

/// The same numbers from the same seed on every machine.
class Numbers {
 public:
  explicit Numbers(std::uint64_t seed) : state_(seed * 2 + 1) {}
  /// Less than `limit`, which is not 0.
  std::uint32_t below(std::uint32_t limit) {
    state_ = state_ * 6364136223846793005 + 1442695040888963407;
    return static_cast<std::uint32_t>((state_ >> 32) * limit >> 32);
  }

 private:
  std::uint64_t state_;
};

struct LongProgram {
  std::size_t events = 1000;
  std::uint32_t sizes = 12;      ///< different ones; towards the end all of them are in use
  std::uint32_t most_live = 60;  ///< blocks
  bool has_alignments = true;
  std::uint64_t seed = 1;
};

/// Waves of growth and decay, with resizes, failed requests, alignments that arrive late and, once
/// in a while, a reset.
inline std::vector<heaptrace::Event> long_events(const LongProgram& program) {
  using heaptrace::EventKind;
  struct Life {
    std::uint32_t block;
    std::uint32_t size;
    std::uint32_t alignment;
  };
  Numbers numbers(program.seed);
  std::vector<heaptrace::Event> events;
  std::vector<Life> live;
  std::vector<std::uint32_t> free_blocks;
  std::uint32_t next_block = 0;
  const auto a_size = [&] {
    const auto now =
        static_cast<std::uint32_t>(1 + (program.sizes - 1) * (events.size() + 1) / program.events);
    const std::uint32_t which = (1 + numbers.below(now)) * 7 % program.sizes;
    return 4 * (1 + which) - numbers.below(4);
  };
  const auto an_alignment = [&]() -> std::uint32_t {
    if (!program.has_alignments || numbers.below(8) != 0) return 4;
    return 8U << numbers.below(2);
  };
  while (events.size() < program.events) {
    const bool grows = events.size() / 300 % 2 == 0;
    const std::uint32_t dice = numbers.below(1000);
    if (dice == 0) {
      events.push_back({EventKind::kReset});
      live.clear();
      free_blocks.clear();
      next_block = 0;
    } else if (dice < 20) {
      events.push_back({EventKind::kFailed, 0, a_size(), 0, an_alignment()});
    } else if (live.empty() || (dice < (grows ? 540U : 440U) && live.size() < program.most_live)) {
      std::uint32_t block = next_block;
      if (free_blocks.empty()) {
        ++next_block;
      } else {
        block = free_blocks.back();
        free_blocks.pop_back();
      }
      live.push_back({block, a_size(), an_alignment()});
      events.push_back({EventKind::kAlloc, block, live.back().size, 0, live.back().alignment});
    } else {
      const std::size_t which = numbers.below(static_cast<std::uint32_t>(live.size()));
      Life& life = live[which];
      if (dice >= 940) {
        const std::uint32_t size = a_size();
        if (size == life.size) continue;
        events.push_back({EventKind::kResize, life.block, size, life.size, life.alignment});
        life.size = size;
      } else if (dice >= 930 && program.has_alignments && life.alignment < 16) {
        life.alignment *= 2;
        events.push_back({EventKind::kRealign, life.block, life.size, 0, life.alignment});
      } else {
        events.push_back({EventKind::kDealloc, life.block, 0, life.size, life.alignment});
        free_blocks.push_back(life.block);
        life = live.back();
        live.pop_back();
      }
    }
  }
  return events;
}

}  // namespace drone::layout
