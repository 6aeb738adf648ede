// SPDX-License-Identifier: MIT
#pragma once

// A stimulus port that counts what is written to it, at the point where it is written: in the same
// section with interrupts masked. Knows the trace format from its text, and shares no code with it.

#include <cstdint>

#include "drone/cortex_m/stimulus_port.hpp"

namespace audit {

/// Counts one write of 2 or 4 bytes.
void count(std::uint32_t value, unsigned bytes) noexcept;

/// Once `kEvents` writes were counted: prints the counts on port 0 and ends the program.
void end_when_done() noexcept;

struct Port : drone::cortex_m::StimulusPort<31> {
  static void write16(std::uint16_t value) noexcept {
    count(value, 2);
    drone::cortex_m::StimulusPort<31>::write16(value);
  }
  static void write32(std::uint32_t value) noexcept {
    count(value, 4);
    drone::cortex_m::StimulusPort<31>::write32(value);
  }
};

}  // namespace audit
