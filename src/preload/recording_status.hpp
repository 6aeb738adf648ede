// SPDX-License-Identifier: MIT
#pragma once

// What a traced program's tracer tells the `drone` that started it: a few numbers in memory that
// both map, so that they are there however the program ended. The same in 32- and in 64-bit
// programs. And the names of the environment variables by which `drone` tells the tracer what to
// do.

#include <cstddef>
#include <cstdint>

namespace drone::preload {

/// Where to record: an absolute path. Each `%p` in it becomes the process's number, and then every
/// process is recorded, forked and started ones included.
inline constexpr const char* kFileVariable = "DRONE_HEAPTRACE_FILE";
/// The number of the process that is recorded, kPidDigits decimal digits; 0 for the first that
/// comes, which puts its own there. Others of the same environment are left alone.
inline constexpr const char* kPidVariable = "DRONE_HEAPTRACE_PID";
inline constexpr std::size_t kPidDigits = 10;
/// Requests of more bytes are left out of the trace.
inline constexpr const char* kMaxRequestVariable = "DRONE_HEAPTRACE_MAX_REQUEST";
/// "1": a reallocation is a resize of its block, also where it moved.
inline constexpr const char* kResizesVariable = "DRONE_HEAPTRACE_RESIZES";
/// A file to map the RecordingStatus from.
inline constexpr const char* kStatusVariable = "DRONE_HEAPTRACE_STATUS";

enum class RecordingState : std::uint32_t {
  kNotStarted = 0,  ///< no tracer was there
  kRecording,
  kFailed,  ///< `error` says why; what was recorded until then is in the file
};

struct RecordingStatus {
  RecordingState state = RecordingState::kNotStarted;
  std::uint32_t is_closed = 0;         ///< END is in the file, after `bytes`
  alignas(8) std::uint64_t bytes = 0;  ///< of the file, up to the last whole event
  alignas(8) std::uint64_t events = 0;
  alignas(8) std::uint64_t live_bytes = 0;
  alignas(8) std::uint64_t peak_bytes = 0;
  alignas(8) std::uint64_t left_out = 0;        ///< requests above the limit
  alignas(8) std::uint64_t least_left_out = 0;  ///< bytes of the smallest of them
  alignas(8) std::uint64_t dropped = 0;         ///< events that found no block number
  alignas(8) std::uint64_t saturated = 0;       ///< requests of more bytes than the format can say
  char error[256] = {};
};
static_assert(sizeof(RecordingStatus) == 328);

}  // namespace drone::preload
