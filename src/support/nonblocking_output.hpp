// SPDX-License-Identifier: MIT
#pragma once

// Writing to a terminal or a pipe without ever waiting for whoever reads it.

#include <cstddef>
#include <span>
#include <string>

#include "support/descriptor.hpp"

namespace drone {

/// Writes to a descriptor that this process shares with others (its standard streams), and leaves
/// their way of using it as it is: O_NONBLOCK belongs to what is opened, not to the descriptor, so
/// a terminal or a pipe is opened once more. Where that cannot be, it is asked first, and given
/// little at a time. Files are written whole.
class NonblockingOutput {
 public:
  /// `fd` must outlive this; negative: there is none, and everything is taken and goes nowhere.
  /// `name` is for messages: "standard output".
  NonblockingOutput(int fd, std::string name);

  /// Writes as much of `bytes` as goes at once, and returns how much that was. Throws Error
  /// (kInput) when it cannot be written at all.
  std::size_t write_some(std::span<const std::byte> bytes);

  /// Nobody reads any more.
  bool closed() const { return closed_; }

 private:
  enum class Kind { kNone, kFile, kOther };

  int target() const { return own_ ? own_.get() : fd_; }
  bool is_writable() const;

  int fd_;
  std::string name_;
  Kind kind_ = Kind::kNone;
  Descriptor own_;  ///< opened by us, with O_NONBLOCK
  bool closed_ = false;
};

}  // namespace drone
