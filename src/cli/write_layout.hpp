// SPDX-License-Identifier: MIT
#pragma once

// `drone heap generate --write`: the layout goes into Drone.toml.

#include <cstdint>
#include <span>

#include "cli/environment.hpp"
#include "cli/heap_input.hpp"
#include "drone/heap/pool_spec.hpp"

namespace drone::cli {

/// Throws the errors that write_layout() would, as far as they do not depend on the layout: before
/// one is searched.
void check_writable(const HeapInput& input);

/// Puts `pools`, and `size` if `with_size`, into the section that `input` is about, after showing
/// the difference on stderr. The file is replaced whole or not at all, and not touched if it says
/// so already. Throws Error (kInput) if there is no such section, if it cannot be edited, or
/// if the file is not what `input` was read from any more, is read-only, or has other hard links.
void write_layout(const HeapInput& input, std::span<const heap::PoolSpec> pools, bool with_size,
                  std::uint32_t size, Environment& environment);

}  // namespace drone::cli
