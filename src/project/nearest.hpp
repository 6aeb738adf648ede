// SPDX-License-Identifier: MIT
#pragma once

// "Did you mean": the known names that a mistyped one is near to.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace drone::project {

/// Number of single-character insertions, deletions, replacements and swaps of neighbours that
/// turn `a` into `b`; case does not count. O(size of a × size of b).
std::size_t edit_distance(std::string_view a, std::string_view b);

/// At most `limit` of `known` that `name` may have been meant to be: those that it begins, or that
/// begin it; else those that are nearest, with at most a third of its characters wrong.
std::vector<std::string_view> nearest(std::string_view name,
                                      std::span<const std::string_view> known, std::size_t limit);

/// `did you mean "a" or "b"?`; when none is near, `fallback`.
std::string did_you_mean(std::string_view name, std::span<const std::string_view> known,
                         std::string fallback);

/// "a, b, c".
std::string join(std::span<const std::string_view> names);

}  // namespace drone::project
