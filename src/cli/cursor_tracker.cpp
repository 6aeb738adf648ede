// SPDX-License-Identifier: MIT
#include "cli/cursor_tracker.hpp"

#include <algorithm>
#include <array>

namespace drone::cli {
namespace {

constexpr std::uint8_t kEscapeByte = 0x1B;
constexpr std::uint8_t kBell = 0x07;
constexpr std::uint32_t kTabColumns = 8;

struct Range {
  char32_t first;
  char32_t last;
};

/// Characters that take two columns: the wide blocks of Unicode's East Asian Width, as terminals
/// draw them.
constexpr std::array<Range, 11> kWide = {{{0x1100, 0x115F},
                                          {0x2E80, 0x303E},
                                          {0x3041, 0xA4CF},
                                          {0xA960, 0xA97C},
                                          {0xAC00, 0xD7A3},
                                          {0xF900, 0xFAFF},
                                          {0xFE30, 0xFE6F},
                                          {0xFF00, 0xFF60},
                                          {0xFFE0, 0xFFE6},
                                          {0x1F300, 0x1FAFF},
                                          {0x20000, 0x3FFFD}}};
/// Characters that take none: combining marks, joiners, variation selectors.
constexpr std::array<Range, 5> kNarrow = {
    {{0x0300, 0x036F}, {0x200B, 0x200F}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}}};

template <std::size_t N>
bool is_in(const std::array<Range, N>& ranges, char32_t character) {
  return std::any_of(ranges.begin(), ranges.end(), [character](const Range& range) {
    return character >= range.first && character <= range.last;
  });
}

std::uint32_t columns_of(char32_t character) {
  if (is_in(kNarrow, character)) return 0;
  return is_in(kWide, character) ? 2 : 1;
}

}  // namespace

void CursorTracker::add(std::span<const std::byte> bytes) {
  for (const std::byte byte : bytes) add_byte(static_cast<std::uint8_t>(byte));
}

void CursorTracker::add_byte(std::uint8_t byte) {
  switch (state_) {
    case State::kText:
      return add_text(byte);
    case State::kEscape:
      if (byte == '[') {
        state_ = State::kControl;
      } else if (byte == ']' || byte == 'P' || byte == 'X' || byte == '^' || byte == '_') {
        state_ = State::kString;
      } else if (byte >= 0x20 && byte < 0x30) {
        state_ = State::kIntermediate;
      } else if (byte != kEscapeByte) {
        state_ = State::kText;
        fresh_ = false;
        column_.reset();
      }
      return;
    case State::kIntermediate:
      if (byte >= 0x30) state_ = State::kText;
      return;
    case State::kControl:
      return add_control(byte);
    case State::kString:
      if (byte == kBell) state_ = State::kText;
      if (byte == kEscapeByte) state_ = State::kStringEscape;
      return;
    case State::kStringEscape:
      state_ = byte == '\\' ? State::kText : State::kString;
      return;
  }
}

/// Of what stands between ESC [ and a final byte; only colours and the like leave the cursor alone.
void CursorTracker::add_control(std::uint8_t byte) {
  if (byte == kEscapeByte) {
    state_ = State::kEscape;
  } else if (byte >= 0x40 && byte <= 0x7E) {
    state_ = State::kText;
    if (byte == 'm' || byte == 'K') return;
    fresh_ = false;
    column_.reset();
  }
}

void CursorTracker::add_text(std::uint8_t byte) {
  if (missing_ != 0) {
    if ((byte & 0xC0) == 0x80) {
      character_ = character_ << 6 | (byte & 0x3F);
      if (--missing_ == 0) add_character(character_);
      return;
    }
    missing_ = 0;  // it was none
    add_character(U'\uFFFD');
  }
  if (byte >= 0xC2 && byte <= 0xF4) {
    missing_ = byte >= 0xF0 ? 3 : byte >= 0xE0 ? 2 : 1;
    character_ = byte & (0x3FU >> missing_);
  } else if (byte >= 0x20 && byte != 0x7F) {
    add_character(byte < 0x80 ? byte : U'\uFFFD');
  } else if (byte == '\n') {
    fresh_ = true;
    column_ = 0;
  } else if (byte == '\r') {
    column_ = 0;
  } else if (byte == '\b') {
    if (column_ && *column_ != 0) --*column_;
  } else if (byte == '\t') {
    fresh_ = false;
    if (column_) *column_ = (*column_ / kTabColumns + 1) * kTabColumns;
  } else if (byte == kEscapeByte) {
    state_ = State::kEscape;
  } else if (byte == '\v' || byte == '\f') {
    fresh_ = false;
  }
}

void CursorTracker::add_character(char32_t character) {
  fresh_ = false;
  if (column_) *column_ += columns_of(character);
}

}  // namespace drone::cli
