// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>

#include "support/byte_stream.hpp"
#include "support/error.hpp"

namespace drone::cli {

/// A sink whose failure does not end the capture in the middle: it is kept for later, and what
/// comes after it is dropped.
class GuardedSink final : public ByteSink {
 public:
  explicit GuardedSink(ByteSink& sink) : sink_(sink) {}
  void write(std::span<const std::byte> bytes) override;
  void flush() override;
  const std::optional<Error>& error() const { return error_; }
  std::uint64_t bytes() const { return bytes_; }  ///< taken without a failure

 private:
  ByteSink& sink_;
  std::uint64_t bytes_ = 0;
  std::optional<Error> error_;
};

}  // namespace drone::cli
