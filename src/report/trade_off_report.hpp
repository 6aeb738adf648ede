// SPDX-License-Identifier: MIT
#pragma once

// What `drone heap generate` prints without a number of pools: what each number costs.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "layout/suggest.hpp"

namespace drone::report {

struct TradeOffReport {
  std::vector<layout::TradeOff> rows;      ///< at least one
  std::optional<std::uint32_t> heap_size;  ///< bytes
  bool tight = false;                      ///< which of the two is recommended by
  bool is_searched = true;                 ///< the tight ones, with spill: not exact
  std::string options = {};                ///< of the command, to be given again: " -f run -s 10K"
  std::string tight_options = {};          ///< those that only go with --tight: " --seed 7"
};

/// A table, a chart and a recommendation. 80 columns; `is_utf8` says what bars are made of.
std::string render_trade_off(const TradeOffReport& report, bool is_utf8);

}  // namespace drone::report
