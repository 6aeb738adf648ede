// SPDX-License-Identifier: MIT

// libFuzzer's entry point. DRONE_FUZZ_TARGET is the function that the program fuzzes.

#include <cstdint>

#include "targets.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  drone::fuzz::DRONE_FUZZ_TARGET(std::as_bytes(std::span(data, size)));
  return 0;
}
