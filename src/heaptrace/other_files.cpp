// SPDX-License-Identifier: MIT
#include "heaptrace/other_files.hpp"

#include <algorithm>
#include <string_view>

#include "support/decompress.hpp"

namespace drone::heaptrace {
bool looks_like_text(std::span<const std::byte> bytes) {
  unsigned continuations = 0;
  for (const std::byte byte : bytes) {
    const auto c = std::to_integer<unsigned>(byte);
    if (continuations != 0) {
      if ((c & 0xC0) != 0x80) return false;
      --continuations;
    } else if (c >= 0xC2 && c <= 0xF4) {
      continuations = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : 1;
    } else if (c >= 0x7F || (c < 0x20 && c != '\t' && c != '\n' && c != '\r')) {
      return false;
    }
  }
  return true;
}

std::optional<std::string> other_kind_of_file(std::span<const std::byte> head) {
  const auto begins_with = [head](std::string_view magic) {
    return head.size() >= magic.size() &&
           std::equal(magic.begin(), magic.end(), head.begin(),
                      [](char c, std::byte byte) { return static_cast<std::byte>(c) == byte; });
  };
  if (begins_with("\x7F"
                  "ELF"))
    return "an ELF file, a program and no recording";
  if (const Compression compression = compression_of(head); compression != Compression::kNone) {
    return "compressed with " + std::string(name_of(compression));
  }
  constexpr std::size_t kEnoughText = 16;
  const std::span<const std::byte> begin = head.first(std::min(head.size(), kHeadBytes));
  if (begin.size() >= kEnoughText && looks_like_text(begin)) return "a text file";
  return std::nullopt;
}

}  // namespace drone::heaptrace
