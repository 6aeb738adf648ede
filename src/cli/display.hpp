// SPDX-License-Identifier: MIT
#pragma once

// What the user sees of a capture while it runs.

#include <vector>

#include "cli/environment.hpp"
#include "support/byte_stream.hpp"
#include "support/interrupts.hpp"

namespace drone::cli {

/// The terminal, or whatever standard output is. Does not wait for a reader that has stopped
/// reading once an end is requested, and knows when the reader has gone.
class Display final : public ByteSink {
 public:
  Display(Environment& environment, const Interrupts& interrupts)
      : environment_(environment), interrupts_(interrupts) {}
  void write(std::span<const std::byte> bytes) override;
  void flush() override;

  /// Nobody reads any more.
  bool closed() const { return closed_; }
  void mark_closed() { closed_ = true; }

 private:
  void write_descriptor(std::span<const std::byte> bytes);

  Environment& environment_;
  const Interrupts& interrupts_;
  std::vector<std::byte> pending_;
  bool closed_ = false;
};

}  // namespace drone::cli
