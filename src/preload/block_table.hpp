// SPDX-License-Identifier: MIT
#pragma once

// The blocks that a traced program holds, by their address.

#include <cstddef>
#include <cstdint>

#include "preload/pages.hpp"

namespace drone::preload {

struct Block {
  std::uintptr_t address;  ///< 0: an empty place of the table
  std::uint32_t number;    ///< its name in the trace; kNoNumber: it has none
  std::uint32_t size;      ///< requested bytes, saturating
};

/// A hash table with linear probing, at most half full. Nothing is left behind where a block was
/// removed: those after it close up.
class BlockTable {
 public:
  /// Forgets all. False if there is no memory.
  bool reset() noexcept {
    unmap_pages(places_, bytes_of(mask_));
    count_ = 0;
    mask_ = kFirstPlaces - 1;
    places_ = static_cast<Block*>(map_pages(bytes_of(mask_)));
    return places_ != nullptr;
  }

  /// The block at `address` (not 0), or null. Valid until the next insert() or remove().
  Block* find(std::uintptr_t address) noexcept {
    Block& place = place_of(address);
    return place.address == 0 ? nullptr : &place;
  }

  /// Adds a block whose address is not in the table. False if there is no memory.
  bool insert(const Block& block) noexcept {
    if (2 * (count_ + 1) > mask_ + 1 && !grow()) return false;
    place_of(block.address) = block;
    ++count_;
    return true;
  }

  /// Removes a block that find() found.
  void remove(Block* block) noexcept {
    auto hole = static_cast<std::size_t>(block - places_);
    for (std::size_t at = hole;;) {
      at = (at + 1) & mask_;
      const Block& next = places_[at];
      if (next.address == 0) break;
      // It may move to the hole if that is not before the place where its search begins.
      if (((at - home_of(next.address)) & mask_) >= ((at - hole) & mask_)) {
        places_[hole] = next;
        hole = at;
      }
    }
    places_[hole] = {};
    --count_;
  }

  std::size_t count() const noexcept { return count_; }

 private:
  static constexpr std::size_t kFirstPlaces = std::size_t{1} << 14;

  static constexpr std::size_t bytes_of(std::size_t mask) { return (mask + 1) * sizeof(Block); }

  /// Blocks are multiples of 8 bytes apart, and often follow each other.
  std::size_t home_of(std::uintptr_t address) const noexcept {
    const std::uint64_t mixed = (std::uint64_t{address} >> 3) * 0x9E3779B97F4A7C15;
    return static_cast<std::size_t>(mixed >> 24) & mask_;
  }

  Block& place_of(std::uintptr_t address) noexcept {
    std::size_t at = home_of(address);
    while (places_[at].address != address && places_[at].address != 0) at = (at + 1) & mask_;
    return places_[at];
  }

  bool grow() noexcept {
    const std::size_t mask = 2 * mask_ + 1;
    auto* const places = static_cast<Block*>(map_pages(bytes_of(mask)));
    if (places == nullptr) return false;
    Block* const old = places_;
    const std::size_t old_mask = mask_;
    places_ = places;
    mask_ = mask;
    for (std::size_t i = 0; i <= old_mask; ++i) {
      if (old[i].address != 0) place_of(old[i].address) = old[i];
    }
    unmap_pages(old, bytes_of(old_mask));
    return true;
  }

  Block* places_ = nullptr;
  std::size_t mask_ = 0;
  std::size_t count_ = 0;
};

}  // namespace drone::preload
