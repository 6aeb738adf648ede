// SPDX-License-Identifier: MIT
#include "cli/guarded_sink.hpp"

namespace drone::cli {

void GuardedSink::write(std::span<const std::byte> bytes) {
  if (error_) return;
  try {
    sink_.write(bytes);
    bytes_ += bytes.size();
  } catch (const Error& error) {
    error_ = error;
  }
}

void GuardedSink::flush() {
  if (error_) return;
  try {
    sink_.flush();
  } catch (const Error& error) {
    error_ = error;
  }
}

}  // namespace drone::cli
