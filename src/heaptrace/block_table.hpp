// SPDX-License-Identifier: MIT
#pragma once

// A flat table from block number to what is known about the block while it is live. Everything that
// follows the lives of a trace has one: it is looked into once an event.

#include <array>
#include <cassert>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace drone::heaptrace {

/// The part of an entry that belongs to its table: 0 if the block is not live.
using TableRun = std::uint16_t;

/// An entry has a `TableRun run`, which nobody but the table looks at or changes. (In the entry
/// because there it fits into the padding.)
template <class T>
concept BlockEntry = requires(T entry) {
  { (entry.run) } -> std::same_as<TableRun&>;
};

/// Every operation is O(1). Memory by the largest block number, in pages that are taken as blocks
/// in them come to life: numbers are small, because those of dead blocks are used again.
template <BlockEntry Entry>
class BlockTable {
 public:
  /// The block's entry, null if it is not live. Valid until the block's life ends.
  Entry* find(std::uint32_t block) {
    const std::size_t page = block >> kPageBits;
    if (page >= pages_.size() || pages_[page] == nullptr) return nullptr;
    Entry& entry = (*pages_[page])[block & (kPageEntries - 1)];
    return entry.run == run_ ? &entry : nullptr;
  }

  /// Makes the block live; whatever was known about it before is forgotten.
  void assign(std::uint32_t block, Entry entry) {
    const std::size_t page = block >> kPageBits;
    if (page >= pages_.size() || pages_[page] == nullptr) [[unlikely]]
      add_page(page);
    entry.run = run_;
    (*pages_[page])[block & (kPageEntries - 1)] = entry;
  }

  /// Ends the life of a block, given by its entry.
  void erase(Entry& entry) { entry.run = 0; }

  /// No block is live any more.
  void clear() {
    if (++run_ != 0) return;
    pages_.clear();
    run_ = 1;
  }

  /// No block from this number on is live.
  std::size_t end() const { return pages_.size() << kPageBits; }

 private:
  static constexpr unsigned kPageBits = 10;
  static constexpr std::size_t kPageEntries = std::size_t{1} << kPageBits;
  using Page = std::array<Entry, kPageEntries>;

  void add_page(std::size_t page) {
    if (page >= pages_.size()) pages_.resize(page + 1);
    pages_[page] = std::make_unique<Page>();
  }

  std::vector<std::unique_ptr<Page>> pages_;
  TableRun run_ = 1;  ///< counts `clear`, so that it need not touch the pages
};

}  // namespace drone::heaptrace
