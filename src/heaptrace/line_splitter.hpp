// SPDX-License-Identifier: MIT
#pragma once

// Cuts a stream that comes in chunks into lines, and lines into words.

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace drone::heaptrace {

struct Line {
  std::string_view text;     ///< without its end; valid while it is handed over
  std::uint64_t number = 0;  ///< from 1 on
  std::uint64_t offset = 0;  ///< in the file
  bool is_whole = true;      ///< false: longer than kMostLineBytes, and cut there
};

/// What is kept of a line. Symbols of C++ templates are long.
inline constexpr std::size_t kMostLineBytes = std::size_t{1} << 20;

/// Lines are the same whatever the chunks. Memory is bounded.
class LineSplitter {
 public:
  /// Calls `take(const Line&)` for each line that ended.
  template <class Take>
  void feed(std::span<const std::byte> bytes, Take&& take) {
    const char* at = reinterpret_cast<const char*>(bytes.data());
    const char* const end = at + bytes.size();
    while (at != end) {
      const auto size = static_cast<std::size_t>(end - at);
      const auto* const newline = static_cast<const char*>(std::memchr(at, '\n', size));
      if (newline == nullptr) return keep({at, size});
      const auto length = static_cast<std::size_t>(newline - at);
      if (length_ == 0 && length <= kMostLineBytes) {
        take(Line{{at, length}, number_, offset_, true});
        offset_ += length + 1;
      } else {
        keep({at, length});
        take(kept_line());
        offset_ += length_ + 1;
        kept_.clear();
        length_ = 0;
      }
      ++number_;
      at = newline + 1;
    }
  }

  /// The line that has not ended.
  Line kept_line() const { return {kept_, number_, offset_, length_ == kept_.size()}; }

 private:
  void keep(std::string_view part) {
    kept_.append(part.substr(0, std::min(part.size(), kMostLineBytes - kept_.size())));
    length_ += part.size();
  }

  std::string kept_;  ///< what came of a line without its end
  std::uint64_t length_ = 0;
  std::uint64_t number_ = 1;
  std::uint64_t offset_ = 0;
};

/// The first line of a file that begins with `head`, as much of it as is there.
inline std::string_view first_line(std::span<const std::byte> head) {
  const std::string_view text(reinterpret_cast<const char*>(head.data()), head.size());
  return text.substr(0, text.find('\n'));
}

constexpr bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

/// Takes the next word off the front of `text`; empty if there is none.
inline std::string_view take_word(std::string_view& text) {
  std::size_t begin = 0;
  while (begin != text.size() && is_blank(text[begin])) ++begin;
  std::size_t end = begin;
  while (end != text.size() && !is_blank(text[end])) ++end;
  const std::string_view word = text.substr(begin, end - begin);
  text.remove_prefix(end);
  return word;
}

/// Takes the last word off the end of `text`; empty if there is none.
inline std::string_view take_last_word(std::string_view& text) {
  std::size_t end = text.size();
  while (end != 0 && is_blank(text[end - 1])) --end;
  std::size_t begin = end;
  while (begin != 0 && !is_blank(text[begin - 1])) --begin;
  const std::string_view word = text.substr(begin, end - begin);
  text = text.substr(0, begin);
  return word;
}

/// The number that all of `word` is, if it is one of 64 bits.
inline std::optional<std::uint64_t> number_of(std::string_view word, int base) {
  std::uint64_t number = 0;
  const char* const end = word.data() + word.size();
  const auto [stop, failure] = std::from_chars(word.data(), end, number, base);
  if (failure != std::errc() || stop != end) return std::nullopt;
  return number;
}

}  // namespace drone::heaptrace
