// SPDX-License-Identifier: MIT
#pragma once

// What a terminal's user sees: the bytes that a program writes, applied to a screen.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace drone::test {

/// A small VT100: characters of one column in UTF-8, wrapping as xterm does (the last column is
/// written first, the wrap comes with the next character and is forgotten when the cursor moves),
/// scrolling, and of the escape sequences cursor movement, erasure, save and restore, colours
/// (ignored). What it does not know is an error that `unknown` holds.
class Screen {
 public:
  Screen(std::size_t rows, std::size_t columns)
      : columns_(columns), lines_(rows, std::u32string(columns, U' ')) {}

  void write(std::string_view bytes) {
    for (const char byte : bytes) put(static_cast<std::uint8_t>(byte));
  }

  /// The lines, without the blanks at their ends and without the empty lines at the end.
  std::string text() const {
    std::string text;
    for (const std::u32string& line : lines_) {
      const std::size_t end = line.find_last_not_of(U' ');
      for (const char32_t c : line.substr(0, end == std::u32string::npos ? 0 : end + 1)) {
        append(text, c);
      }
      text += '\n';
    }
    while (text.ends_with("\n\n")) text.pop_back();
    return text == "\n" ? "" : text;
  }

  /// What has left the screen at the top.
  const std::string& scrolled() const { return scrolled_; }
  std::size_t row() const { return row_; }
  std::size_t column() const { return column_; }
  const std::string& unknown() const { return unknown_; }

 private:
  static void append(std::string& text, char32_t c) {
    if (c < 0x80) {
      text += static_cast<char>(c);
    } else if (c < 0x800) {
      text += static_cast<char>(0xC0 | c >> 6);
      text += static_cast<char>(0x80 | (c & 0x3F));
    } else {
      text += static_cast<char>(0xE0 | c >> 12);
      text += static_cast<char>(0x80 | (c >> 6 & 0x3F));
      text += static_cast<char>(0x80 | (c & 0x3F));
    }
  }

  void put(std::uint8_t byte) {
    if (!escape_.empty()) {
      escape_ += static_cast<char>(byte);
      const bool control = escape_[1] == '[';
      if (control ? escape_.size() > 2 && byte >= 0x40 : true) apply_escape();
    } else if (missing_ != 0) {
      if ((byte & 0xC0) != 0x80) {
        missing_ = 0;
        show(U'\uFFFD');
        return put(byte);
      }
      character_ = character_ << 6 | (byte & 0x3F);
      if (--missing_ == 0) show(character_);
    } else if (byte >= 0xC0) {
      missing_ = byte >= 0xE0 ? 2 : 1;
      character_ = byte & (0x3F >> missing_);
    } else if (byte >= 0x20) {
      show(byte);
    } else if (byte == '\x1b') {
      escape_ = "\x1b";
    } else if (byte == '\n') {
      line_feed();
    } else if (byte == '\r') {
      column_ = 0;
      wraps_ = false;
    } else if (byte != '\a') {
      unknown_ += static_cast<char>(byte);
    }
  }

  void show(char32_t c) {
    if (wraps_) {
      column_ = 0;
      line_feed();
    }
    lines_[row_][column_] = c;
    wraps_ = column_ + 1 == columns_;
    if (!wraps_) ++column_;
  }

  void line_feed() {
    wraps_ = false;
    if (row_ + 1 != lines_.size()) {
      ++row_;
      return;
    }
    const std::u32string& top = lines_.front();
    for (const char32_t c : top.substr(0, top.find_last_not_of(U' ') + 1)) append(scrolled_, c);
    scrolled_ += '\n';
    lines_.erase(lines_.begin());
    lines_.emplace_back(columns_, U' ');
  }

  void apply_escape() {
    const std::string sequence = std::exchange(escape_, {}).substr(1);
    const auto erase_line = [this](std::size_t row, std::size_t from) {
      std::fill(lines_[row].begin() + static_cast<std::ptrdiff_t>(from), lines_[row].end(), U' ');
    };
    if (sequence.back() == 'm') return;
    wraps_ = false;
    if (sequence == "7") {
      saved_row_ = row_;
      saved_column_ = column_;
    } else if (sequence == "8") {
      row_ = saved_row_;
      column_ = saved_column_;
    } else if (sequence == "D") {
      line_feed();
    } else if (sequence == "[A") {
      if (row_ != 0) --row_;
    } else if (sequence == "[B") {
      if (row_ + 1 != lines_.size()) ++row_;
    } else if (sequence == "[H") {
      row_ = column_ = 0;
    } else if (sequence == "[K") {
      erase_line(row_, column_);
    } else if (sequence == "[J") {
      erase_line(row_, column_);
      for (std::size_t row = row_ + 1; row != lines_.size(); ++row) erase_line(row, 0);
    } else if (sequence == "[2J") {
      for (std::size_t row = 0; row != lines_.size(); ++row) erase_line(row, 0);
    } else if (sequence == "[?1049h") {
      main_ = lines_;
      main_row_ = row_;
      main_column_ = column_;
    } else if (sequence == "[?1049l") {
      lines_ = main_;
      row_ = main_row_;
      column_ = main_column_;
    } else {
      unknown_ += "ESC" + sequence;
    }
  }

  std::size_t columns_;
  std::vector<std::u32string> lines_;
  std::size_t row_ = 0;
  std::size_t column_ = 0;
  bool wraps_ = false;
  std::size_t saved_row_ = 0;
  std::size_t saved_column_ = 0;
  std::vector<std::u32string> main_;
  std::size_t main_row_ = 0;
  std::size_t main_column_ = 0;
  std::string escape_;
  std::uint8_t missing_ = 0;
  char32_t character_ = 0;
  std::string scrolled_;
  std::string unknown_;
};

}  // namespace drone::test
