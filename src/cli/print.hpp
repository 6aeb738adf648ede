// SPDX-License-Identifier: MIT
#pragma once

#include "cli/environment.hpp"
#include "support/exit_status.hpp"

namespace drone::cli {

enum class Printable {
  kDevices,  ///< the devices that `drone new` knows
  kProbes,   ///< the probe interfaces
  kHeader,   ///< the C++ header generated from Drone.toml
  kMemory,   ///< the linker's MEMORY command generated from Drone.toml
};

ExitStatus run_print(Printable what, Environment& environment);

}  // namespace drone::cli
