// SPDX-License-Identifier: MIT
#pragma once

// The one exception type of the host tools: thrown where a problem is known, caught in `main`.

#include <exception>
#include <string>
#include <utility>

#include "support/exit_status.hpp"

namespace drone {

/// A problem the user must hear about. `message` says what is wrong, in the user's words and with
/// the file it concerns; `hint` what to do about it (may be empty); neither ends in a newline.
class Error : public std::exception {
 public:
  Error(ExitStatus status, std::string message, std::string hint = {})
      : status_(status), message_(std::move(message)), hint_(std::move(hint)) {}

  const char* what() const noexcept override { return message_.c_str(); }
  const std::string& message() const noexcept { return message_; }
  const std::string& hint() const noexcept { return hint_; }
  ExitStatus status() const noexcept { return status_; }

 private:
  ExitStatus status_;
  std::string message_;
  std::string hint_;
};

}  // namespace drone
