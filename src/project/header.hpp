// SPDX-License-Identifier: MIT
#pragma once

// What a build makes from Drone.toml, so that the file stays the one home of these facts.

#include <string>

#include "project/manifest.hpp"

namespace drone::project {

/// The C++ header with the heap's layout and the trace clock, `drone_project::kHeapLayout` and
/// `drone_project::kTraceClockKhz`. The same manifest gives the same text.
std::string header_text(const Manifest& manifest);

/// The linker's MEMORY command with all of [memory].
std::string memory_text(const Manifest& manifest);

}  // namespace drone::project
