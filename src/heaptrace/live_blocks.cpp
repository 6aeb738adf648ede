// SPDX-License-Identifier: MIT
#include "heaptrace/live_blocks.hpp"

#include <cstddef>

namespace drone::heaptrace {
namespace {

bool is_later(std::uint32_t order, std::uint32_t other) {
  return static_cast<std::int32_t>(order - other) > 0;
}

}  // namespace

LiveBlocks::Found LiveBlocks::latest_unnamed(std::uint32_t low_16_bits) {
  Found latest;
  for (std::size_t block = low_16_bits; block < end(); block += 0x10000) {
    Life* const life = find(static_cast<std::uint32_t>(block));
    if (life == nullptr || life->alignment_named()) continue;
    if (latest.life == nullptr || is_later(life->order(), latest.life->order())) {
      latest = {static_cast<std::uint32_t>(block), life};
    }
  }
  return latest;
}

}  // namespace drone::heaptrace
