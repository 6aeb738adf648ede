// SPDX-License-Identifier: MIT
#pragma once

// A flat table from block number to what is known about the block while it is live. Everything that
// follows the lives of a trace has one: it is looked into once an event.

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace drone::heaptrace {

/// An entry that is as new is that of a block which is not live.
template <class T>
concept BlockEntry = requires(const T entry) {
  { entry.is_live() } -> std::same_as<bool>;
};

/// Every operation is O(1), `clear` amortised. Memory by the largest block number below kLow, and
/// from there on in pages that are taken as blocks in them come to life: numbers are small, because
/// those of dead blocks are used again.
template <BlockEntry Entry>
class BlockTable {
 public:
  /// The block's entry, null if it is not live. Valid until the next assign() or clear().
  Entry* find(std::uint32_t block) {
    Entry* const entry = block < low_used_ ? &low_[block] : find_page_entry(block);
    return entry != nullptr && entry->is_live() ? entry : nullptr;
  }

  /// Makes the block live; whatever was known about it before is forgotten.
  void assign(std::uint32_t block, const Entry& entry) {
    if (block >= low_used_) [[unlikely]]
      make_room(block);
    *(block < low_used_ ? &low_[block] : find_page_entry(block)) = entry;
  }

  /// Ends the life of a block, given by its entry.
  void erase(Entry& entry) { entry = Entry(); }

  /// No block is live any more.
  void clear() {
    std::fill_n(low_.begin(), low_used_, Entry());
    low_used_ = 0;
    for (const std::size_t page : used_pages_) pages_[page] = {};
    used_pages_.clear();
  }

  /// No block from this number on is live.
  std::size_t end() const { return pages_.empty() ? low_used_ : pages_.size() << kPageBits; }

  /// For who looks at many in a loop: the entries of the first blocks, by number, the live and the
  /// others. Valid until the next assign() or clear().
  std::span<Entry> low() { return std::span(low_).first(low_used_); }

 private:
  static constexpr std::size_t kLow = 0x8000;
  static constexpr unsigned kPageBits = 10;
  static constexpr std::size_t kPageEntries = std::size_t{1} << kPageBits;

  Entry* find_page_entry(std::uint32_t block) {
    const std::size_t page = block >> kPageBits;
    if (page >= pages_.size() || pages_[page].empty()) return nullptr;
    return &pages_[page][block % kPageEntries];
  }

  void make_room(std::uint32_t block) {
    const std::size_t page = block >> kPageBits;
    if (block < kLow) {
      low_used_ = (page + 1) << kPageBits;
      if (low_.size() < low_used_) low_.resize(low_used_);
      return;
    }
    if (page >= pages_.size()) pages_.resize(page + 1);
    if (!pages_[page].empty()) return;
    pages_[page].resize(kPageEntries);
    used_pages_.push_back(page);
  }

  std::vector<Entry> low_;    ///< from low_used_ on there is nothing in it
  std::size_t low_used_ = 0;  ///< since `clear`
  std::vector<std::vector<Entry>> pages_;
  std::vector<std::size_t> used_pages_;  ///< those that are not empty
};

}  // namespace drone::heaptrace
