// SPDX-License-Identifier: MIT
#pragma once

// The program's log: text on ITM port 0, as `just itm` shows it. Without a listening probe it costs
// next to nothing. Not for interrupt handlers: it waits while the trace port is busy.

#include <string_view>

namespace app {

/// Writes text as it is.
void write_log(std::string_view text);

/// Writes a line.
void log(std::string_view line);

}  // namespace app
