// SPDX-License-Identifier: MIT
#pragma once

// Traces in the forms that are not ITM: payload only, and Drone OS files.

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "itm/packet.hpp"

namespace drone::heaptrace::test {

/// The bytes that packets carry, without their headers.
inline std::vector<std::byte> payload_of(std::span<const itm::Packet> packets) {
  std::vector<std::byte> bytes;
  for (const itm::Packet& packet : packets) {
    for (unsigned i = 0; i != packet.size; ++i) {
      bytes.push_back(static_cast<std::byte>(packet.value >> (8 * i) & 0xFF));
    }
  }
  return bytes;
}

inline constexpr std::uint16_t kDroneOsAlloc = 0xCDAB;
inline constexpr std::uint16_t kDroneOsDealloc = 0xBADC;
inline constexpr std::uint16_t kDroneOsGrow = 0xDEBC;
inline constexpr std::uint16_t kDroneOsShrink = 0xCBED;

/// Appends a record.
inline void append_drone_os(std::vector<std::byte>& bytes, std::uint16_t tag,
                            std::initializer_list<std::uint32_t> sizes) {
  const auto append = [&bytes](std::uint32_t value, unsigned size) {
    for (unsigned i = 0; i != size; ++i) {
      bytes.push_back(static_cast<std::byte>(value >> (8 * i) & 0xFF));
    }
  };
  append(tag, 2);
  for (const std::uint32_t size : sizes) append(size ^ 0xC5ACCE55, 4);
}

/// The recording of a program that makes and resizes blocks at random, `records` records long.
inline std::vector<std::byte> drone_os_recording(std::uint64_t seed, unsigned records) {
  std::mt19937_64 random(seed);
  const auto below = [&random](std::uint32_t n) {
    return static_cast<std::uint32_t>(random() % n);
  };
  std::vector<std::byte> bytes;
  std::vector<std::uint32_t> live;
  while (records-- != 0) {
    const std::size_t i = live.empty() ? 0 : below(static_cast<std::uint32_t>(live.size()));
    const std::uint32_t choice = below(10);
    if (live.size() < 3 || choice < 5) {
      live.push_back(1 + below(choice == 0 ? 3000 : 60));
      append_drone_os(bytes, kDroneOsAlloc, {live.back()});
    } else if (choice < 9) {
      append_drone_os(bytes, kDroneOsDealloc, {live[i]});
      live.erase(live.begin() + static_cast<std::ptrdiff_t>(i));
    } else {
      const std::uint32_t size = 1 + below(60);
      append_drone_os(bytes, size > live[i] ? kDroneOsGrow : kDroneOsShrink, {live[i], size});
      live[i] = size;
    }
  }
  return bytes;
}

}  // namespace drone::heaptrace::test
