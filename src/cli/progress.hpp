// SPDX-License-Identifier: MIT
#pragma once

// A line on stderr that says how far a long step is:
//
//   reading heaptrace: 42 % (1.2 GB/s, 7 s left)

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "cli/environment.hpp"
#include "support/byte_stream.hpp"

namespace drone::cli {

/// Shows nothing before a step has taken a second, nor where stderr is no terminal: who reads a log
/// has no use for it. The line is drawn again a few times a second, and is gone when the step has
/// ended.
class Progress {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;

  /// `environment` must outlive it.
  explicit Progress(
      const Environment& environment,
      Clock clock = [] { return std::chrono::steady_clock::now(); });
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() { end(); }

  enum class Unit { kNone, kBytes };

  /// `what` ("searching 5 pools") is at `done` of `total`, 0 if nobody knows that. Another `what`,
  /// or less done than before, begins another step. Costs a look at the clock, so some thousand
  /// calls a second do no harm.
  void step(std::string_view what, std::uint64_t done, std::uint64_t total,
            Unit unit = Unit::kNone);

  /// The step has ended: takes the line away. Needs to be called before anything else is printed.
  void end();

 private:
  std::string line(std::chrono::duration<double> elapsed, std::uint64_t done, std::uint64_t total,
                   Unit unit) const;

  const Environment& environment_;
  Clock clock_;
  std::string what_;  ///< empty: no step
  std::uint64_t done_ = 0;
  std::uint64_t began_with_ = 0;  ///< done by then
  std::chrono::steady_clock::time_point began_;
  std::chrono::steady_clock::time_point next_line_;
  bool shown_ = false;
};

/// Opens as `open` does, with sources that show how much of `total` bytes (0: nobody knows) was
/// read, until they are destroyed. `environment` must outlive them.
std::function<std::unique_ptr<ByteSource>()> with_progress(
    std::function<std::unique_ptr<ByteSource>()> open, std::string what, std::uint64_t total,
    const Environment& environment);

}  // namespace drone::cli
