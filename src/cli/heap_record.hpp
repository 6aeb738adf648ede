// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/environment.hpp"
#include "support/exit_status.hpp"

namespace drone::cli {

/// Options of `drone heap record`.
struct RecordOptions {
  std::filesystem::path file = "heaptrace";  ///< %p: every process, each into its own
  std::optional<std::uint32_t> max_request;  ///< bytes; larger requests are left out
  bool resizes = false;                      ///< a reallocation that moves is a resize
  std::vector<std::string> command;          ///< the program, and its arguments
};

/// Runs a program of this machine and records what it asks of its heap. The exit status is the
/// program's, 128 and the signal's number if one ended it; kInput if there is no recording.
ExitStatus run_heap_record(const RecordOptions& options, Environment& environment);

}  // namespace drone::cli
