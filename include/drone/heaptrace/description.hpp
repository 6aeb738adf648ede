// SPDX-License-Identifier: MIT
#pragma once

// What a trace says of its heap before the first event: VERSION and the description, word by word
// (docs/trace-format.md, 3.3). A heap is named by a constant: a heap::Layout, whose pools are told,
// or a PoollessHeap, an allocator that exists already and is only watched.

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "drone/heap/layout.hpp"
#include "drone/heap/pool_tables.hpp"
#include "drone/heap/storage.hpp"
#include "drone/heaptrace/wire_format.hpp"

namespace drone::heaptrace {

/// Where an existing allocator's memory lies. No block is below `base`. `size` is 0 if it is not
/// known; then the trace does not say it, and `drone heap` is told with -s.
struct Extent {
  std::uintptr_t base;
  std::uint32_t size;
};

/// A heap without pools: its blocks are numbered by their address. `alignment` (4 or 8) is what
/// every block has, and what the report rounds requests up to. `extent` is called in the tracer's
/// masked section.
struct PoollessHeap {
  std::uint32_t alignment;
  Extent (*extent)() noexcept;

  /// The number of the block at `address`.
  std::uint32_t block_at(const void* address) const noexcept {
    const std::uintptr_t base = extent().base / kPoollessUnit;
    return static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(address) / kPoollessUnit -
                                      base);
  }
};

/// VERSION and the description of `kHeap`: `count()` words, the same number at every call.
template <const auto& kHeap, std::uint32_t kClockKhz>
class Introduction {
 public:
  static constexpr std::uint32_t count() noexcept { return kWords + kBaseWords; }

  static std::uint32_t word(std::uint32_t index) noexcept {
    if (index < kWords) return kConstant[index];
    const auto base = reinterpret_cast<std::uintptr_t>(heap::arena<kHeap>.data());
    const auto address = static_cast<std::uint32_t>(base);
    return index == kWords ? encode({Op::kHeapBaseLow, 0, address}).value
                           : encode({Op::kHeapBaseHigh, 0, address >> 24}).value;
  }

  /// What the linker knows of the heap's place: a variable, or null.
  static constexpr const auto* place() noexcept { return &heap::arena<kHeap>; }

 private:
  using Pools = heap::PoolTables<kHeap>;

  static constexpr std::size_t kBaseWords = 2;  ///< HEAP_BASE_LOW and HIGH, known to the linker
  static constexpr std::size_t kWords = 1 + 2 * Pools::kCount + 2 + (kClockKhz != 0 ? 1 : 0);

 public:
  /// All but the two words that say where the heap is.
  static constexpr std::array<std::uint32_t, kWords> kConstant = [] {
    std::array<std::uint32_t, kWords> words{};
    std::size_t count = 0;
    const auto add = [&](Op op, std::uint32_t argument) {
      words[count++] = encode({op, 0, argument}).value;
    };
    add(Op::kVersion, kFormatVersion);
    for (const heap::PoolPlacement& placed : Pools::kPlaced) {
      add(Op::kPoolBlock, kHeap.pools[placed.pool].block_size);
      add(Op::kPoolCapacity, kHeap.pools[placed.pool].capacity);
    }
    add(Op::kHeapSize, kHeap.size);
    if (kClockKhz != 0) add(Op::kClock, kClockKhz);
    add(Op::kHeapAlignment, kHeap.alignment);
    return words;
  }();
};

template <const auto& kHeap, std::uint32_t kClockKhz>
requires std::same_as<std::remove_cvref_t<decltype(kHeap)>, PoollessHeap>
class Introduction<kHeap, kClockKhz> {
  static_assert(kHeap.alignment == 4 || kHeap.alignment == 8, "alignment must be 4 or 8");

 public:
  /// HEAP_SIZE is the last word, so that it can be left out.
  static std::uint32_t count() noexcept { return kWords + (kHeap.extent().size != 0 ? 1 : 0); }

  static std::uint32_t word(std::uint32_t index) noexcept {
    const Extent extent = kHeap.extent();
    // Rounded down as `block_at` does it, so that a block's number says its address.
    const auto base = static_cast<std::uint32_t>(extent.base) / kPoollessUnit * kPoollessUnit;
    const auto slack = static_cast<std::uint32_t>(extent.base) - base;
    switch (index) {
      case 0:
        return encode({Op::kVersion, 0, kFormatVersion}).value;
      case 1:
        return encode({Op::kHeapBaseLow, 0, base}).value;
      case 2:
        return encode({Op::kHeapBaseHigh, 0, base >> 24}).value;
      case 3:
        return encode({Op::kHeapAlignment, 0, kHeap.alignment}).value;
      case 4:
        if (kClockKhz != 0) return encode({Op::kClock, 0, kClockKhz}).value;
        [[fallthrough]];
      default:
        return encode({Op::kHeapSize, 0, extent.size + slack}).value;
    }
  }

  static constexpr const char* place() noexcept { return nullptr; }

 private:
  static constexpr std::uint32_t kWords = 4 + (kClockKhz != 0 ? 1 : 0);

 public:
  /// What of it is known without calling `extent`.
  static constexpr std::array<std::uint32_t, kWords - 2> kConstant = [] {
    std::array<std::uint32_t, kWords - 2> words{
        encode({Op::kVersion, 0, kFormatVersion}).value,
        encode({Op::kHeapAlignment, 0, kHeap.alignment}).value};
    if (kClockKhz != 0) words.back() = encode({Op::kClock, 0, kClockKhz}).value;
    return words;
  }();
};

}  // namespace drone::heaptrace
