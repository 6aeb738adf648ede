// SPDX-License-Identifier: MIT
#include "heaptrace/live_blocks.hpp"

#include <cassert>

namespace drone::heaptrace {

LiveBlocks::Entry* LiveBlocks::entry(std::uint32_t block) {
  const std::size_t page = block >> kPageBits;
  if (page >= pages_.size() || pages_[page] == nullptr) return nullptr;
  return &(*pages_[page])[block & ((1U << kPageBits) - 1)];
}

Life* LiveBlocks::find(std::uint32_t block) {
  Entry* const found = entry(block);
  return found != nullptr && found->run == run_ ? &found->life : nullptr;
}

void LiveBlocks::insert(std::uint32_t block, const Life& life) {
  assert(block <= 0xFFFFFF && find(block) == nullptr);
  const std::size_t page = block >> kPageBits;
  if (page >= pages_.size()) pages_.resize(page + 1);
  if (pages_[page] == nullptr) pages_[page] = std::make_unique<Page>();
  *entry(block) = {life, run_};
}

void LiveBlocks::erase(std::uint32_t block) {
  assert(find(block) != nullptr);
  entry(block)->run = 0;
}

void LiveBlocks::clear() {
  if (++run_ == 0) {
    pages_.clear();
    run_ = 1;
  }
}

LiveBlocks::Found LiveBlocks::latest_unnamed(std::uint32_t low_16_bits) {
  Found latest;
  const std::size_t end = pages_.size() << kPageBits;
  for (std::size_t block = low_16_bits; block < end; block += 0x10000) {
    Life* const life = find(static_cast<std::uint32_t>(block));
    if (life == nullptr || life->alignment_named) continue;
    if (latest.life == nullptr || life->order > latest.life->order) {
      latest = {static_cast<std::uint32_t>(block), life};
    }
  }
  return latest;
}

}  // namespace drone::heaptrace
