// SPDX-License-Identifier: MIT
#pragma once

// The numbers by which a trace names blocks: each new block gets the lowest that is free, so that
// few of them need the trace format's wide forms.

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "preload/pages.hpp"

namespace drone::preload {

/// Stands for the number of a block that got none.
inline constexpr std::uint32_t kNoNumber = 0xFFFFFFFF;

/// A set of the numbers below kCount, all free at first. O(1): a tree of bit sets, four levels of
/// 64 branches. A bit is set where nothing below it is free. Takes 2 MB of address space, and of
/// memory a bit for each number in use.
class BlockNumbers {
 public:
  static constexpr std::uint32_t kCount = 0xFFFFFF;  ///< 0xFFFFFF means "failed" in a trace

  /// Forgets all. False if there is no memory.
  bool reset() noexcept {
    if (words_ == nullptr) words_ = static_cast<std::uint64_t*>(map_pages(kBytes));
    if (words_ == nullptr) return false;
    ::madvise(words_, kBytes, MADV_DONTNEED);
    return true;
  }

  /// The lowest free number, which is in use then; kNoNumber if none is free.
  std::uint32_t take() noexcept {
    std::uint32_t number = 0;
    for (std::size_t level = 0; level != kLevels; ++level) {
      const std::uint64_t used = words_[kFirst[level] + number];
      if (~used == 0) return kNoNumber;  // only at the root
      number = number << 6 | static_cast<std::uint32_t>(std::countr_one(used));
    }
    if (number >= kCount) return kNoNumber;
    mark(number);
    return number;
  }

  /// `number` was taken, and is free again.
  void give_back(std::uint32_t number) noexcept {
    for (std::size_t level = kLevels; level-- != 0; number >>= 6) {
      words_[kFirst[level] + (number >> 6)] &= ~(std::uint64_t{1} << (number & 63));
    }
  }

 private:
  static constexpr std::size_t kLevels = 4;
  static constexpr std::array<std::size_t, kLevels> kFirst = {0, 1, 1 + 64, 1 + 64 + 4096};
  static constexpr std::size_t kBytes = (1 + 64 + 4096 + 262144) * sizeof(std::uint64_t);

  /// Zeroed memory means that all are free. A full word is a bit one level up.
  void mark(std::uint32_t number) noexcept {
    for (std::size_t level = kLevels; level-- != 0; number >>= 6) {
      std::uint64_t& word = words_[kFirst[level] + (number >> 6)];
      word |= std::uint64_t{1} << (number & 63);
      if (~word != 0) return;
    }
  }

  std::uint64_t* words_ = nullptr;
};

}  // namespace drone::preload
