// SPDX-License-Identifier: MIT
#pragma once

// Layouts that the heap's tests run on, each different in kind.

#include "drone/heap/layout.hpp"

namespace drone::heap::test {

/// The user's example.
struct Example {
  static constexpr Layout<5> kLayout{
      .size = 10240,
      .alignment = 4,
      .pools = {{{4, 201}, {12, 222}, {28, 115}, {32, 83}, {128, 7}}}};
};

struct OnePool {
  static constexpr Layout<1> kLayout{.size = 100, .alignment = 4, .pools = {{{20, 5}}}};
};

struct TwoPools {
  static constexpr Layout<2> kLayout{
      .size = 4096, .alignment = 4, .pools = {{{12, 35}, {1724, 2}}}};
};

struct OneBlock {
  static constexpr Layout<1> kLayout{.size = 4, .alignment = 4, .pools = {{{4, 1}}}};
};

/// Sixteen pools, few blocks each, all alignments mixed.
struct SixteenPools {
  static constexpr Layout<16> kLayout{.size = 8192,
                                      .alignment = 4,
                                      .pools = {{{4, 3},
                                                 {8, 2},
                                                 {12, 4},
                                                 {16, 1},
                                                 {20, 2},
                                                 {24, 3},
                                                 {32, 2},
                                                 {36, 1},
                                                 {64, 3},
                                                 {68, 2},
                                                 {96, 2},
                                                 {128, 1},
                                                 {192, 2},
                                                 {256, 2},
                                                 {300, 1},
                                                 {512, 3}}}};
};

struct Alignment8 {
  static constexpr Layout<4> kLayout{
      .size = 4096, .alignment = 8, .pools = {{{8, 20}, {24, 10}, {40, 9}, {256, 4}}}};
};

/// All blocks aligned to 64.
struct Aligned64 {
  static constexpr Layout<3> kLayout{
      .size = 4096, .alignment = 4, .pools = {{{64, 6}, {128, 4}, {192, 3}}}};
};

/// Blocks too large for the size table, and a heap too large for exact granules: many tiny pools
/// beside one of 1 MB.
struct Large {
  static constexpr Layout<7> kLayout{
      .size = 2U << 20,
      .alignment = 4,
      .pools = {{{4, 1}, {12, 1}, {20, 1}, {2052, 2}, {4100, 3}, {8188, 1}, {32768, 32}}}};
};

/// A pool for every 128 KB of 16 MB: words of an address table cannot hold an index and an offset.
struct Vast {
  static constexpr Layout<128> kLayout = [] {
    Layout<128> layout{.size = (16U << 20) - 4, .alignment = 4, .pools = {}};
    std::uint32_t end = 0;
    for (std::uint32_t i = 0; i != layout.pools.size(); ++i) {
      const std::uint32_t block = 516 + 8 * i;
      const std::uint32_t capacity = (((i + 1) << 17) - 1 - end) / block;
      layout.pools[i] = {block, capacity};
      end += block * capacity;
    }
    return layout;
  }();
};

/// So many small pools in so large a heap that pools are searched.
struct Searched {
  static constexpr Layout<8> kLayout{.size = 8U << 20,
                                     .alignment = 4,
                                     .pools = {{{12, 1000},
                                                {28, 2000},
                                                {60, 300},
                                                {124, 777},
                                                {508, 99},
                                                {1020, 555},
                                                {4092, 333},
                                                {16380, 300}}}};
};

/// All boundaries between pools lie on multiples of 256.
struct Granular {
  static constexpr Layout<4> kLayout{
      .size = 4096, .alignment = 4, .pools = {{{8, 32}, {12, 64}, {64, 12}, {256, 2}}}};
};

/// One of the above with other options.
template <class TheLayout, Checks kChecks, bool kCounts = false>
struct With {
  static constexpr auto kLayout = [] {
    auto layout = TheLayout::kLayout;
    layout.options = {.checks = kChecks, .statistics = kCounts};
    return layout;
  }();
};

}  // namespace drone::heap::test
