// SPDX-License-Identifier: MIT
#pragma once

// Where a terminal's cursor is after text that somebody else wrote.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace drone::cli {

/// Follows the bytes that go to a terminal, in chunks of any length: UTF-8, control characters and
/// escape sequences (ECMA-48). Knows what a line of ours needs to know that is to be drawn beside
/// them, and no more.
class CursorTracker {
 public:
  void add(std::span<const std::byte> bytes);

  /// On a line on which nothing was written.
  bool at_fresh_line() const { return fresh_; }

  /// Neither in a character of several bytes nor in an escape sequence: something else may be
  /// written.
  bool between_characters() const { return state_ == State::kText && missing_ == 0; }

  /// The last column may have been written just now: the terminal then only wraps when the next
  /// character comes, and forgets that it has to when the cursor is moved.
  bool may_wrap(unsigned columns) const {
    return column_ && *column_ != 0 && columns != 0 && *column_ % columns == 0;
  }

 private:
  enum class State : std::uint8_t {
    kText,
    kEscape,        ///< behind ESC
    kIntermediate,  ///< ESC and bytes 0x20 to 0x2F
    kControl,       ///< behind ESC [
    kString,        ///< behind ESC ] and the like, until BEL or ESC backslash
    kStringEscape,
  };

  void add_byte(std::uint8_t byte);
  void add_text(std::uint8_t byte);
  void add_control(std::uint8_t byte);
  void add_character(char32_t character);

  State state_ = State::kText;
  std::uint8_t missing_ = 0;                 ///< bytes of the character at hand
  char32_t character_ = 0;                   ///< so far
  bool fresh_ = true;                        ///< see at_fresh_line()
  std::optional<std::uint32_t> column_ = 0;  ///< unwrapped; absent: unknown
};

}  // namespace drone::cli
