// SPDX-License-Identifier: MIT
#pragma once

// The status line of a recording, from its numbers.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace drone::cli {

/// How a recording stands; of several heaps the sums, and of the times the latest of any heap.
struct RecordingStatus {
  std::chrono::milliseconds elapsed{0};
  std::uint64_t bytes = 0;   ///< of the stream
  std::uint64_t events = 0;  ///< of the heaps' ports
  double events_per_second = 0;
  unsigned heaps = 1;
  std::uint64_t live_bytes = 0;
  std::uint64_t peak_bytes = 0;            ///< of several heaps the sum of their peaks
  std::optional<std::uint64_t> heap_size;  ///< bytes, if it is known of each heap
  std::uint64_t lost_events = 0;           ///< as far as their number is known
  std::uint64_t damaged_places = 0;        ///< where something was lost or could not be read

  // Since when; absent: never.
  std::optional<std::chrono::milliseconds> since_event;
  std::optional<std::chrono::milliseconds> since_growth;    ///< of the peak or any max count
  std::optional<std::chrono::milliseconds> since_new_size;  ///< a size not seen before
  bool enough = false;  ///< as heaptrace::Growth::is_enough(), for each heap
};

/// One line without a newline, at most `columns` wide: what matters least is shortened or left out
/// first. Escape sequences are in it only if `colored`.
std::string status_line(const RecordingStatus& status, unsigned columns, bool colored);

/// "42 s", "1:10", "1:00:00".
std::string format_time(std::chrono::milliseconds time);

/// "1234 B", "12 KB", "3.4 MB": thousands, as of a stream.
std::string format_bytes(std::uint64_t bytes);

}  // namespace drone::cli
