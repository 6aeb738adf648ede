// SPDX-License-Identifier: MIT
#pragma once

// What fuzzers and the tests with random bytes call: whatever is read from outside, fed with
// anything. Each aborts when a promise is broken, so that sanitizers and fuzzers stop there.

#include <cstddef>
#include <span>

namespace drone::fuzz {

/// itm::Decoder: packets tile the stream, and are the same whatever the chunks.
void decode_itm(std::span<const std::byte> bytes);

/// heaptrace::read_events and UsageCollector: lives are whole, and only Error (kInput) is thrown.
void read_heaptrace(std::span<const std::byte> bytes);

}  // namespace drone::fuzz
