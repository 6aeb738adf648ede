// SPDX-License-Identifier: MIT
#pragma once

// How two texts differ, for people and for `patch`.

#include <string>
#include <string_view>

namespace drone {

/// A unified diff with three lines of context; empty if the texts are the same. One hunk, from the
/// first line that differs to the last: for texts that differ in one part. `color`: for terminals.
std::string unified_diff(std::string_view before, std::string_view after, std::string_view name,
                         bool color);

}  // namespace drone
