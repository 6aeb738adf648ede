// SPDX-License-Identifier: MIT
#include <cstdint>

#include "decode_any_bytes.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  drone::fuzz::read_heaptrace(std::as_bytes(std::span(data, size)));
  return 0;
}
