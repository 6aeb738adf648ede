// SPDX-License-Identifier: MIT
#pragma once

// [heap] and [heap.NAME] of Drone.toml, each by itself and all together: ports, and room in their
// regions.

#include <optional>
#include <string_view>
#include <vector>

#include "project/manifest.hpp"
#include "project/section.hpp"

namespace drone::project {

/// Reads all heaps into `manifest`, whose memory is known already. `replaced`: as parse_manifest()
/// has it.
void read_heaps(const Section& root, Manifest& manifest, std::optional<std::string_view> replaced);

/// Reads the heaps of a file that has no [memory]: size, alignment and pools of each, by `root`'s
/// [heap] and [heap.NAME], of which any may be missing. Without a size it is that of the pools.
std::vector<HeapSection> read_bare_heaps(const Section& root);

}  // namespace drone::project
