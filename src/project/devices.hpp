// SPDX-License-Identifier: MIT
#pragma once

// The microcontrollers that `drone new` knows: what a project needs to know of them, as their
// vendors' data sheets state it.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace drone::project {

struct Device {
  std::string_view name;  ///< part number without package and temperature range, lower case
  std::string_view core;  ///< "cortex-m3" or "cortex-m4"
  bool fpu;               ///< has the single-precision FPU
  std::uint32_t flash_origin;
  std::uint32_t flash_size;  ///< bytes
  std::uint32_t ram_origin;
  std::uint32_t ram_size;        ///< bytes of the contiguous RAM at ram_origin
  std::uint32_t core_clock_hz;   ///< after reset, when no program has touched the clock tree
  std::uint32_t trace_clock_hz;  ///< what the trace port divides, at that time
  std::string_view source;       ///< the vendor and the document with these facts
};

/// All devices, by name within each vendor's families.
std::span<const Device> devices();

/// The device called `name`, in any case; null if there is none.
const Device* find_device(std::string_view name);

/// What to say to someone who named a device that there is not: the nearest names, and how to see
/// all of them.
std::string unknown_device_hint(std::string_view name);

}  // namespace drone::project
