// SPDX-License-Identifier: MIT
#pragma once

// What the program must know of its microcontroller, @device@.

#include <cstdint>

namespace app {

/// After reset. A program that changes the clock tree changes this, and [itm] clock in Drone.toml.
inline constexpr std::uint32_t kCoreClockHz = @core_clock @;

}  // namespace app
