// SPDX-License-Identifier: MIT
#pragma once

// What a heap does besides serving requests: chosen at compile time, by keys of [heap] in
// Drone.toml. docs/heap.md has what each costs.

#include <cstddef>
#include <cstdint>

namespace drone::heap {

/// How much a heap looks for misuse (misuse.hpp has what is found, and who hears of it).
enum class Checks : std::uint8_t {
  kOff,       ///< nothing; costs nothing
  kPointers,  ///< what is given back is a block of this heap; links of free lists stay inside it
  kFull,      ///< also double free, writes behind the requested bytes, writes into free blocks. The
              ///< cost grows with the blocks; each block is larger by a word or its alignment
};

struct Options {
  Checks checks = Checks::kPointers;
  bool statistics = false;  ///< counts per pool, see statistics.hpp

  friend constexpr bool operator==(const Options&, const Options&) = default;
};

/// Called when a request failed, with its size and the alignment that it named (1 if none), in the
/// context that requested. True has the request tried again; so only after something was given
/// back. Called again if that fails as well.
using OutOfMemoryHandler = bool (*)(std::size_t size, std::size_t alignment) noexcept;

}  // namespace drone::heap
