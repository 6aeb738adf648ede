// SPDX-License-Identifier: MIT
#include <algorithm>
#include <vector>

#include "layout/heap_summary.hpp"
#include "layout/optimize.hpp"
#include "require.hpp"
#include "support/error.hpp"
#include "targets.hpp"

namespace drone::fuzz {
namespace {

using layout::HeapSummary;

std::optional<HeapSummary> decoded(std::span<const std::byte> bytes) {
  try {
    return layout::decode_summary(bytes);
  } catch (const Error& error) {
    require(error.status() == ExitStatus::kInput, "a bad summary is one of input");
    require(!error.hint().empty(), "a bad summary comes with a hint");
    return std::nullopt;
  }
}

/// The bytes behind the magic and before the checksum, with both that they need.
std::vector<std::byte> sealed(std::span<const std::byte> content) {
  std::vector<std::byte> bytes;
  for (const std::uint8_t byte : layout::kSummaryMagic) bytes.push_back(std::byte{byte});
  bytes.insert(bytes.end(), content.begin(), content.end());
  std::uint32_t crc = ~0U;
  for (const std::byte byte : bytes) {
    crc ^= std::to_integer<std::uint32_t>(byte);
    for (int bit = 0; bit != 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
  }
  for (crc = ~crc; bytes.size() != layout::kSummaryMagic.size() + content.size() + 4; crc >>= 8) {
    bytes.push_back(static_cast<std::byte>(crc));
  }
  return bytes;
}

}  // namespace

void fuzz_summary(std::span<const std::byte> bytes) {
  std::optional<HeapSummary> summary = decoded(bytes);
  // Few bytes that are random have the right checksum.
  if (!summary) summary = decoded(sealed(bytes));
  if (!summary) return;
  require(decoded(layout::encode_summary(*summary)) == summary, "a summary reads back the same");
  HeapSummary twice = *summary;
  merge(twice, *summary);
  require(twice.asked == summary->asked, "what was asked twice is asked once");
  require(twice.usage.maximum_bytes == summary->usage.maximum_bytes, "maxima are not added up");
  for (const std::uint32_t alignment : {4U, 8U}) {
    const layout::AskedSummary& asked = summary->asked_with(alignment);
    std::vector<layout::Demand> demands;
    for (const layout::DemandClass& each : asked.classes) demands.push_back(each.demand);
    constexpr std::size_t kPools = 3;
    constexpr std::size_t kFew = 64;
    if (demands.size() <= kFew && layout::demand_bytes(demands) <= UINT32_MAX) {
      require(layout::optimize(demands, kPools).size() <= kPools, "a summary has a layout");
    }
    if (asked.peaks && asked.peaks->sizes().size() <= kFew) {
      require(layout::optimize(*asked.peaks, kPools).size() <= kPools, "peaks have a layout");
    }
  }
}

}  // namespace drone::fuzz
