// SPDX-License-Identifier: MIT
#pragma once

// A program's life with its heap, written down as the events that the trace reader would deliver.

#include <cstdint>
#include <map>
#include <vector>

#include "heaptrace/event.hpp"

namespace drone::layout {

class Program {
 public:
  explicit Program(std::uint32_t base_alignment = 4) : base_alignment_(base_alignment) {}

  /// Returns the block's number.
  std::uint32_t alloc(std::uint32_t size, std::uint32_t alignment = 0) {
    const std::uint32_t block = next_block_++;
    alignment = named(alignment);
    live_[block] = {size, alignment};
    events_.push_back({heaptrace::EventKind::kAlloc, block, size, 0, alignment});
    return block;
  }
  void dealloc(std::uint32_t block) {
    events_.push_back({heaptrace::EventKind::kDealloc, block, 0, live_.at(block).size,
                       live_.at(block).alignment});
    live_.erase(block);
  }
  void resize(std::uint32_t block, std::uint32_t size) {
    Life& life = live_.at(block);
    if (size == life.size) return;
    events_.push_back({heaptrace::EventKind::kResize, block, size, life.size, life.alignment});
    life.size = size;
  }
  void realign(std::uint32_t block, std::uint32_t alignment) {
    Life& life = live_.at(block);
    life.alignment = alignment;
    events_.push_back({heaptrace::EventKind::kRealign, block, life.size, 0, alignment});
  }
  void fail(std::uint32_t size, std::uint32_t alignment = 0) {
    events_.push_back({heaptrace::EventKind::kFailed, 0, size, 0, named(alignment)});
  }
  void reset() {
    events_.push_back({heaptrace::EventKind::kReset});
    live_.clear();
  }

  const std::vector<heaptrace::Event>& events() const { return events_; }

  /// Numbers of the blocks that are live, ascending.
  std::vector<std::uint32_t> live() const {
    std::vector<std::uint32_t> blocks;
    for (const auto& each : live_) blocks.push_back(each.first);
    return blocks;
  }

 private:
  struct Life {
    std::uint32_t size;
    std::uint32_t alignment;
  };

  std::uint32_t named(std::uint32_t alignment) const {
    return alignment > base_alignment_ ? alignment : base_alignment_;
  }

  std::uint32_t base_alignment_;
  std::uint32_t next_block_ = 0;
  std::map<std::uint32_t, Life> live_;
  std::vector<heaptrace::Event> events_;
};

}  // namespace drone::layout
