// SPDX-License-Identifier: MIT
#pragma once

// Another layout for a heap of a Drone.toml, edited into its text: all else stays as it is written.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "drone/heap/pool_spec.hpp"

namespace drone::project {

/// `text`, a Drone.toml, with `pools` as those of [heap], or of [heap.NAME] if `name` is not empty;
/// with `size` as its size if that is given and another one. Only the values that change are
/// written anew: a pool whose block stays keeps its spelling, its place and its comments; comments
/// on lines of their own stay; the comment behind a pool that goes goes with it. An array on one
/// line stays on one as long as that has room. The result has been read back: it means the same as
/// before but for the layout. The pools that go need not suit the heap's alignment and size. Throws
/// Error (kInput) if `text` is wrong otherwise, has no such heap, writes its pools as
/// [[heap.pools]], or if it would be wrong with that layout; `path` is used in
/// messages only.
std::string with_layout(std::string_view text, const std::filesystem::path& path,
                        std::string_view name, std::span<const heap::PoolSpec> pools,
                        std::optional<std::uint32_t> size);

}  // namespace drone::project
