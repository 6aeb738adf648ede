// SPDX-License-Identifier: MIT

// The fuzzers' entry points over random bytes, in every build. A failure names its seed.

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "decode_any_bytes.hpp"
#include "drone/heaptrace/wire_format.hpp"
#include "itm/packet.hpp"

namespace drone::fuzz {
namespace {

constexpr unsigned kSeeds = 300;

/// Even bytes, or such as streams are made of, or a stream with some bytes changed.
std::vector<std::byte> random_bytes(unsigned seed) {
  std::mt19937 random(seed);
  const auto pick = [&random](unsigned n) { return static_cast<unsigned>(random() % n); };
  std::vector<std::byte> bytes;
  const std::size_t size = pick(3000);
  constexpr std::uint8_t kLikely[] = {0,    0,    0,    0,    0,    0x80, 0x70,
                                      0xC0, 0xFA, 0xFB, 0x07, 0x18, 0xB4};
  while (bytes.size() < size) {
    switch (seed % 3) {
      case 0:
        bytes.push_back(static_cast<std::byte>(pick(256)));
        break;
      case 1:
        bytes.push_back(static_cast<std::byte>(
            pick(2) == 0 ? kLikely[pick(sizeof(kLikely))] : static_cast<std::uint8_t>(pick(256))));
        break;
      default: {
        const unsigned width = pick(3) == 0 ? 2 : 4;
        const std::uint32_t value = width == 2 ? pick(64) << 1
                                    : pick(4) == 0
                                        ? 7U | pick(32) << 3 | pick(40) << 8
                                        : 1U | pick(3) << 1 | pick(32) << 3 | (1 + pick(60)) << 18;
        itm::append_instrumentation(bytes, heaptrace::kDefaultPort, value, width);
        if (pick(30) == 0) bytes[pick(static_cast<unsigned>(bytes.size()))] = std::byte{0};
        break;
      }
    }
  }
  return bytes;
}

TEST(AnyBytes, AreDecodedAsPackets) {
  for (unsigned seed = 0; seed != kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    decode_itm(random_bytes(seed));
  }
}

TEST(AnyBytes, AreReadAsTraces) {
  for (unsigned seed = 0; seed != kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    read_heaptrace(random_bytes(seed));
  }
}

}  // namespace
}  // namespace drone::fuzz
