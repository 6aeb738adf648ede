// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/environment.hpp"
#include "support/exit_status.hpp"

namespace drone::cli {

struct ItmOptions {
  std::vector<std::string> ports;  ///< "PORT[,PORT]" to the terminal, "PORT[,PORT]:FILE" to a file
  std::vector<std::string> heaptraces;  ///< "[PORT:]FILE"
  bool heaps = false;                   ///< all of the project's, each into its own file
  std::string from = "probe";           ///< probe, file:PATH, -
  std::string input_format = "auto";    ///< auto, itm, tpiu, tpiu:ID
  std::string speed = "real";           ///< real, max: of the emulated board
  bool reset = false;
  bool allow_gaps = false;              ///< a heap's port that lost something is no failure
  std::optional<std::string> raw;       ///< the file for the untouched stream
  std::optional<std::string> duration;  ///< "10s", "500ms", "2m", "1h", "10"
  std::optional<std::string> events;    ///< a number
};

/// Captures ITM output until the source ends, Ctrl-C, or the end that the options name.
ExitStatus run_itm(const ItmOptions& options, Environment& environment);

}  // namespace drone::cli
