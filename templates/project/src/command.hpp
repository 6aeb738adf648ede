// SPDX-License-Identifier: MIT
#pragma once

// The node's commands, one on a line:
//
//   watch TOPIC          begin to publish it
//   forget TOPIC         end that
//   limit TOPIC NUMBER   report values above the number: 24, 24.5, -3.25
//   history TOPIC        publish the latest values
//   status               publish what the node does

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace app {

enum class Verb : std::uint8_t { kWatch, kForget, kLimit, kHistory, kStatus };

struct Command {
  Verb verb;
  std::string topic;       ///< empty for kStatus
  std::int32_t value = 0;  ///< of kLimit, in hundredths
};

/// Null for a line that is no command.
std::optional<Command> parse_command(std::string_view line);

/// A decimal number in hundredths; null for anything else, more than two decimals included.
std::optional<std::int32_t> parse_hundredths(std::string_view text);

}  // namespace app
