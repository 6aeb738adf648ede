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
#include <utility>

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

  /// Takes the line away for something else that is printed; the step may go on.
  void hide();

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

/// How far a file is that is read from its start to its end, perhaps several times. Where what was
/// read is worked on, which may take longer than reading it, what is done with counts.
class FileProgress {
 public:
  /// `file` is its name for people. `environment` must outlive it.
  FileProgress(std::string file, const Environment& environment)
      : file_(std::move(file)), environment_(environment), progress_(environment) {}
  FileProgress(std::string file, const Environment& environment, Progress::Clock clock)
      : file_(std::move(file)),
        environment_(environment),
        progress_(environment, std::move(clock)) {}

  /// A source that reads the same, from the file's start on, and shows it until it is destroyed.
  /// `total` bytes, 0 if nobody knows how many. This must outlive it.
  std::unique_ptr<ByteSource> watch(std::unique_ptr<ByteSource> source, std::uint64_t total);

  /// Work of one kind ("finding joint peaks") on what was read since it was last done: from 0 to 1,
  /// where it is done. It may go on when the file has been read.
  void work(std::string_view what, double done);

 private:
  class Source;

  void show(std::uint64_t done) { progress_.step(what_, done, total_, Progress::Unit::kBytes); }

  std::string file_;
  const Environment& environment_;
  Progress progress_;
  std::string what_;
  std::uint64_t total_ = 0;
  std::uint64_t read_ = 0;
  std::uint64_t worked_on_ = 0;  ///< of these
  bool has_work_ = false;
  bool is_open_ = false;
};

}  // namespace drone::cli
