// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

namespace drone::heaptrace {

/// As many bytes of a file's beginning as are looked at.
inline constexpr std::size_t kHeadBytes = 4096;

/// Whether bytes are such as a text file begins with: no control characters, and UTF-8 (of which a
/// last character may be cut).
bool looks_like_text(std::span<const std::byte> bytes);

/// Files that decode as ITM to some extent, as most bytes do, and are something else: "a text
/// file", "an ELF file, a program and no recording", "compressed
/// with zstd". `head` is how the file begins.
std::optional<std::string> other_kind_of_file(std::span<const std::byte> head);

}  // namespace drone::heaptrace
