// SPDX-License-Identifier: MIT
#pragma once

// What the sensors measured, on its way from the interrupt handler to the main loop.

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>

namespace app {

enum class Sensor : std::uint8_t { kTemperature, kHumidity, kLight, kVibration };
inline constexpr std::size_t kSensors = 4;

struct FreeMemory {
  void operator()(void* memory) const { std::free(memory); }
};

struct Reading {
  Reading* next = nullptr;  ///< in a ReadingQueue
  std::uint32_t time_ms = 0;
  Sensor sensor = Sensor::kTemperature;
  std::uint16_t sample_count = 0;
  std::int32_t value = 0;  ///< in hundredths of the sensor's unit
  /// A whole frame instead of one value: sample_count samples, from malloc.
  std::unique_ptr<std::int16_t[], FreeMemory> samples;

  std::span<const std::int16_t> frame() const { return {samples.get(), sample_count}; }
};

/// Readings in the order they came. An interrupt handler adds them while the main loop takes them;
/// neither ever waits.
class ReadingQueue {
 public:
  /// From any context. The queue owns the reading until it is taken.
  void push(std::unique_ptr<Reading> reading);

  /// Takes all readings, oldest first, linked by `next`; null if there are none. The caller owns
  /// them.
  Reading* take_all();

 private:
  std::atomic<Reading*> newest_{nullptr};
};

}  // namespace app
