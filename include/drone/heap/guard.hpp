// SPDX-License-Identifier: MIT
#pragma once

// What Checks::kFull adds to each block: a guard word behind it, which says whether the block is in
// use and with how many requested bytes, and known bytes wherever the program must not write.
//
//   in use   requested bytes | kSlack ... up to the block's end | kInUse + requested bytes
//   free     link | kPoison ... up to the block's end           | kFree
//
// So a write behind the requested bytes is seen when the block is given back or resized, a write
// into a free block when it is taken again, and a block given back twice at once. Every operation
// looks at all of a block's bytes that are not the program's.

#include <cstddef>
#include <cstdint>

#include "drone/heap/misuse.hpp"

namespace drone::heap {

/// The guarded block at `block`, of `block_size` bytes without its guard word.
class Guard {
 public:
  Guard(void* block, std::uint32_t block_size) noexcept
      : bytes_(static_cast<std::byte*>(block)), block_size_(block_size) {}

  /// The block is free: now, or from the beginning.
  void set_free() noexcept {
    word() = kFree;
    fill(sizeof(std::uint32_t), kPoison);
  }

  /// The block, free until now, is in use with `size` requested bytes. False if somebody wrote into
  /// it meanwhile.
  [[nodiscard]] bool set_in_use(std::uint32_t size) noexcept {
    const bool is_intact = word() == kFree && is_filled(kLinkSize, kPoison);
    resize(size);
    return is_intact;
  }

  /// The block's requested bytes are now so many.
  void resize(std::uint32_t size) noexcept {
    word() = kInUse | size;
    fill(size, kSlack);
  }

  /// What is wrong with a block that should be in use.
  [[nodiscard]] Misuse find_misuse() const noexcept {
    const std::uint32_t now = word();
    if (now == kFree) return Misuse::kDoubleFree;
    const std::uint32_t size = now & ~kMask;
    if ((now & kMask) != kInUse || size > block_size_ || !is_filled(size, kSlack)) {
      return Misuse::kOverflow;
    }
    return Misuse::kNone;
  }

  /// The requested bytes of a block in use that is intact; else those that it holds.
  [[nodiscard]] std::uint32_t size() const noexcept {
    const std::uint32_t size = word() & ~kMask;
    return (word() & kMask) == kInUse && size <= block_size_ ? size : block_size_;
  }

 private:
  static constexpr std::uint32_t kMask = 0xFF000000;
  static constexpr std::uint32_t kInUse = 0xA5000000;
  static constexpr std::uint32_t kFree = 0x5AF3EEF3;
  static constexpr std::byte kSlack{0xB7};
  static constexpr std::byte kPoison{0xDB};
  /// What the free list writes into a free block, on the host the half of a pointer.
  static constexpr std::uint32_t kLinkSize = sizeof(std::uint32_t);

  volatile std::uint32_t& word() const noexcept {
    return *reinterpret_cast<volatile std::uint32_t*>(bytes_ + block_size_);
  }

  // Through volatile, so that what is written into a dead or unborn object is not optimised away.
  void fill(std::uint32_t from, std::byte value) noexcept {
    for (std::uint32_t i = from; i < block_size_; ++i) {
      const_cast<volatile std::byte&>(bytes_[i]) = value;
    }
  }
  bool is_filled(std::uint32_t from, std::byte value) const noexcept {
    for (std::uint32_t i = from; i < block_size_; ++i) {
      if (const_cast<const volatile std::byte&>(bytes_[i]) != value) return false;
    }
    return true;
  }

  std::byte* bytes_;
  std::uint32_t block_size_;
};

}  // namespace drone::heap
