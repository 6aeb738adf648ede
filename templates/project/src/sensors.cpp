// SPDX-License-Identifier: MIT
#include "sensors.hpp"

#include <new>

namespace app {
namespace {

constexpr std::uint32_t kFramePeriodMs = 250;

/// Goes up from `low` to `high` and down again once in `period_ms`.
std::int32_t wave(std::uint32_t time_ms, std::uint32_t period_ms, std::int32_t low,
                  std::int32_t high) {
  const std::uint32_t half = period_ms / 2;
  const std::uint32_t phase = time_ms % period_ms;
  const std::uint32_t height = phase < half ? phase : period_ms - phase;
  return low + static_cast<std::int32_t>(static_cast<std::int64_t>(high - low) * height / half);
}

}  // namespace

std::int32_t Sensors::noise(std::int32_t amplitude) {
  // Marsaglia's xorshift.
  random_ ^= random_ << 13;
  random_ ^= random_ >> 17;
  random_ ^= random_ << 5;
  return static_cast<std::int32_t>(random_ % static_cast<std::uint32_t>(2 * amplitude + 1)) -
         amplitude;
}

bool Sensors::fill_frame(Reading& reading) {
  // Frames are 24 to 48 samples long, as a real trigger would have it.
  const std::uint16_t count = static_cast<std::uint16_t>(24 + 8 * (frames_++ % 4));
  reading.samples.reset(static_cast<std::int16_t*>(std::malloc(count * sizeof(std::int16_t))));
  if (!reading.samples) return false;
  reading.sample_count = count;
  for (std::uint16_t i = 0; i != count; ++i) {
    reading.samples[i] = static_cast<std::int16_t>(noise(300));
  }
  return true;
}

std::unique_ptr<Reading> Sensors::sample(std::uint32_t time_ms) {
  std::unique_ptr<Reading> reading(new (std::nothrow) Reading);
  if (!reading) return nullptr;
  reading->time_ms = time_ms;
  if (time_ms % kFramePeriodMs == 0) {
    reading->sensor = Sensor::kVibration;
    return fill_frame(*reading) ? std::move(reading) : nullptr;
  }
  switch (time_ms / kPeriodMs % 3) {
    case 0:
      reading->sensor = Sensor::kTemperature;
      reading->value = wave(time_ms, 6000, 1850, 2650) + noise(20);
      break;
    case 1:
      reading->sensor = Sensor::kHumidity;
      reading->value = wave(time_ms, 3000, 4200, 6300) + noise(50);
      break;
    default:
      reading->sensor = Sensor::kLight;
      reading->value = wave(time_ms, 2000, 100, 90000) + noise(400);
      break;
  }
  return reading;
}

}  // namespace app
