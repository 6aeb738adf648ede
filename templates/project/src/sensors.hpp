// SPDX-License-Identifier: MIT
#pragma once

// The node's sensors. There are none on an emulated board, so these make up plausible values, which
// come round every six seconds but for some noise; real ones would be read here.

#include <cstdint>
#include <memory>

#include "readings.hpp"

namespace app {

class Sensors {
 public:
  /// What falls due at a time in milliseconds, a multiple of kPeriodMs: a temperature, humidity or
  /// light value in turn, and every 250 ms a frame of vibration samples instead. Null when the heap
  /// is exhausted. Made for an interrupt handler.
  std::unique_ptr<Reading> sample(std::uint32_t time_ms);

  static constexpr std::uint32_t kPeriodMs = 10;

 private:
  std::int32_t noise(std::int32_t amplitude);
  bool fill_frame(Reading& reading);

  std::uint32_t random_ = 2'463'534'242U;
  std::uint32_t frames_ = 0;
};

}  // namespace app
