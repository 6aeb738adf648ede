// SPDX-License-Identifier: MIT
#pragma once

// The registers as GDB numbers them, and the description that tells it so.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace drone::board {

class Cpu;

/// A target description (GDB manual, "Target Descriptions") for the core.
std::string target_description(const Cpu& cpu);

/// GDB's numbers of all registers that the core has, ascending: the order of a `g` packet.
std::vector<unsigned> gdb_registers(const Cpu& cpu);

/// A register's value in the target's byte order, 4 or 8 bytes; none if there is no such register.
std::optional<std::string> read_gdb_register(const Cpu& cpu, unsigned number);
/// False if there is no such register or `bytes` has another length.
bool write_gdb_register(Cpu& cpu, unsigned number, const std::string& bytes);

}  // namespace drone::board
