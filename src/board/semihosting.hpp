// SPDX-License-Identifier: MIT
#pragma once

// Semihosting (Arm's "Semihosting for AArch32 and AArch64"), as far as a test program needs it:
// text to the console, and the end of the program. No files, no clock.

#include <optional>
#include <ostream>

namespace drone::board {

class Cpu;

/// Does what the operation in r0 asks for and puts its result there. Returns the board's exit
/// status if the program ends: 0 if it says that it succeeded, else 1.
std::optional<int> semihost(Cpu& cpu, std::ostream& console);

}  // namespace drone::board
