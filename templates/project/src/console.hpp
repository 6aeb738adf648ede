// SPDX-License-Identifier: MIT
#pragma once

// Where the node's commands come from: characters of a serial line, put together to lines. The
// characters are a script that begins anew at its end, at the pace of someone who types fast; a
// UART's would be received here.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "readings.hpp"

namespace app {

class Console {
 public:
  /// Receives what has come until then. True when a line is complete.
  bool poll(std::uint32_t time_ms);

  /// The line, valid until the next poll.
  std::string_view line() const { return {line_.get(), size_}; }

 private:
  void append(char c);

  std::unique_ptr<char[], FreeMemory> line_;  // grows with realloc, given back after each line
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
  std::size_t position_ = 0;  // in the script
  bool is_complete_ = false;
  std::uint32_t next_ms_ = 0;
};

}  // namespace app
