// SPDX-License-Identifier: MIT
#include "command.hpp"

namespace app {
namespace {

constexpr std::int32_t kMost = 1'000'000;  // before the last digit is added

/// Takes the first word off a line.
std::string_view take_word(std::string_view& line) {
  while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(word.size());
  return word;
}

std::optional<Verb> parse_verb(std::string_view word) {
  if (word == "watch") return Verb::kWatch;
  if (word == "forget") return Verb::kForget;
  if (word == "limit") return Verb::kLimit;
  if (word == "history") return Verb::kHistory;
  if (word == "status") return Verb::kStatus;
  return std::nullopt;
}

}  // namespace

std::optional<std::int32_t> parse_hundredths(std::string_view text) {
  const bool is_negative = text.starts_with('-');
  if (is_negative) text.remove_prefix(1);
  std::int32_t value = 0;
  int digits = 0;
  int decimals = -1;  // until the point
  for (const char c : text) {
    if (c == '.' && decimals < 0) {
      decimals = 0;
    } else if (c >= '0' && c <= '9' && decimals < 2 && value < kMost) {
      value = 10 * value + (c - '0');
      ++digits;
      if (decimals >= 0) ++decimals;
    } else {
      return std::nullopt;
    }
  }
  if (digits == 0 || decimals == 0) return std::nullopt;
  for (int i = decimals < 0 ? 0 : decimals; i != 2; ++i) value *= 10;
  return is_negative ? -value : value;
}

std::optional<Command> parse_command(std::string_view line) {
  const std::optional<Verb> verb = parse_verb(take_word(line));
  if (!verb) return std::nullopt;
  Command command{*verb, {}, 0};
  if (*verb != Verb::kStatus) {
    command.topic = take_word(line);
    if (command.topic.empty()) return std::nullopt;
  }
  if (*verb == Verb::kLimit) {
    const std::optional<std::int32_t> value = parse_hundredths(take_word(line));
    if (!value) return std::nullopt;
    command.value = *value;
  }
  return take_word(line).empty() ? std::optional(std::move(command)) : std::nullopt;
}

}  // namespace app
