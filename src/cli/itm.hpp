// SPDX-License-Identifier: MIT
#pragma once

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
  std::string speed = "real";           ///< real, max: of the emulated board
  bool reset = false;
};

/// Captures ITM output until the source ends or Ctrl-C.
ExitStatus run_itm(const ItmOptions& options, Environment& environment);

}  // namespace drone::cli
