// SPDX-License-Identifier: MIT
#pragma once

// [heap] and [heap.NAME] of Drone.toml, each by itself and all together: ports, and room in their
// regions.

#include "project/manifest.hpp"
#include "project/section.hpp"

namespace drone::project {

/// Reads all heaps into `manifest`, whose memory is known already.
void read_heaps(const Section& root, Manifest& manifest);

}  // namespace drone::project
