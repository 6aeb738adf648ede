// SPDX-License-Identifier: MIT
#include "console.hpp"

#include <cstdlib>

namespace app {
namespace {

// Comes round as the sensors do, so that what happens in six seconds is all that ever does.
constexpr std::string_view kScript =
    "watch greenhouse/temperature\n"
    "watch greenhouse/humidity\n"
    "limit greenhouse/temperature 24.50\n"
    "watch entrance/vibration\n"
    "history greenhouse/temperature\n"
    "watch greenhouse/light\n"
    "status\n"
    "limit greenhouse/humidity 61\n"
    "history greenhouse/humidity\n"
    "forget greenhouse/light\n"
    "forget entrance/vibration\n"
    "status\n";

constexpr std::uint32_t kCharacterMs = 15;
constexpr std::uint32_t kScriptMs = 6000;  // from one beginning to the next

}  // namespace

bool Console::poll(std::uint32_t time_ms) {
  if (is_complete_) {
    line_.reset();
    size_ = capacity_ = 0;
    is_complete_ = false;
  }
  while (!is_complete_ && static_cast<std::int32_t>(time_ms - next_ms_) >= 0) {
    const char c = kScript[position_];
    position_ = (position_ + 1) % kScript.size();
    next_ms_ += kCharacterMs;
    if (position_ == 0) next_ms_ += kScriptMs - next_ms_ % kScriptMs;
    if (c == '\n') {
      is_complete_ = true;
    } else {
      append(c);
    }
  }
  return is_complete_;
}

void Console::append(char c) {
  if (size_ == capacity_) {
    const std::size_t capacity = capacity_ + 8;
    void* grown = std::realloc(line_.get(), capacity);
    if (grown == nullptr) return;  // the line comes out shorter, and is no command
    (void)line_.release();
    line_.reset(static_cast<char*>(grown));
    capacity_ = capacity;
  }
  line_[size_++] = c;
}

}  // namespace app
