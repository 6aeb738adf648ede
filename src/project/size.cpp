// SPDX-License-Identifier: MIT
#include <charconv>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>

#include "project/manifest.hpp"
#include "support/error.hpp"

namespace drone::project {
namespace {

constexpr std::uint64_t kKilo = 1024;
constexpr std::uint64_t kMega = kKilo * kKilo;

constexpr std::string_view kAccepted = "write bytes, or K or M (1024): 10240, 10K, 1M, 0x2800";

}  // namespace

std::uint32_t parse_size(std::string_view text) {
  std::string_view digits = text;
  std::uint64_t unit = 1;
  int base = 10;
  if (digits.starts_with("0x") || digits.starts_with("0X")) {
    digits.remove_prefix(2);
    base = 16;
  } else if (digits.ends_with('K') || digits.ends_with('k')) {
    digits.remove_suffix(1);
    unit = kKilo;
  } else if (digits.ends_with('M') || digits.ends_with('m')) {
    digits.remove_suffix(1);
    unit = kMega;
  }
  std::uint64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto [rest, error] = std::from_chars(digits.data(), end, value, base);
  const bool is_number = !digits.empty() && rest == end && error != std::errc::invalid_argument;
  if (!is_number) {
    throw Error(ExitStatus::kUsage, '\'' + std::string(text) + "' is not a size",
                std::string(kAccepted));
  }
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
  if (error == std::errc::result_out_of_range || value > kMost / unit) {
    throw Error(ExitStatus::kUsage,
                '\'' + std::string(text) + "' is more than a 32-bit address space holds",
                "the most is " + std::to_string(kMost) + " bytes");
  }
  return static_cast<std::uint32_t>(value * unit);
}

std::string format_size(std::uint64_t bytes) {
  if (bytes != 0 && bytes % kMega == 0) return std::to_string(bytes / kMega) + 'M';
  if (bytes != 0 && bytes % kKilo == 0) return std::to_string(bytes / kKilo) + 'K';
  return std::to_string(bytes);
}

}  // namespace drone::project
