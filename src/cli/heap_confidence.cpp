// SPDX-License-Identifier: MIT
#include "cli/heap_confidence.hpp"

#include <charconv>
#include <system_error>
#include <variant>

#include "support/error.hpp"

namespace drone::cli {
namespace {

constexpr double kLeastPercent = 50;
constexpr double kMostPercent = 100 * layout::kMostConfidence;

}  // namespace

double parse_confidence(const std::string& text) {
  double percent = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, percent, std::chars_format::fixed);
  const bool is_number =
      failure == std::errc() && (stop == end || (*stop == '%' && stop + 1 == end));
  if (!is_number || !(percent >= kLeastPercent && percent <= kMostPercent)) {
    throw Error(ExitStatus::kUsage, "'" + text + "' is no confidence from 50% to 99.9%",
                "--confidence 99%; more than 99.9% nobody can promise from one trace");
  }
  return percent / 100;
}

const layout::Exceedance& require_estimate(const layout::Outlook& outlook,
                                           std::span<const heap::PoolSpec> pools) {
  if (const auto* none = std::get_if<layout::NoEstimate>(&outlook)) {
    throw Error(ExitStatus::kNoLayout,
                "pools cannot be sized by a confidence: " + layout::in_words(*none, pools),
                "without --confidence the layout holds what is in the trace, and the heap's spare "
                "bytes become headroom");
  }
  return std::get<layout::Exceedance>(outlook);
}

void LookAhead::end_trace() {
  stretches_.end_trace();
  before_ = stretches_;
}

layout::Outlook look_ahead(const HeapInput& input, const layout::PoolLayout& pools,
                           std::uint32_t base_alignment) {
  LookAhead ahead(pools, base_alignment);
  for (const TraceInput& trace : input.traces) {
    if (trace.is_summary) {
      throw Error(ExitStatus::kUsage,
                  "pools cannot be sized by a confidence: '" + trace.file.string() +
                      "' is a summary, and an estimate needs the course of the trace",
                  "give the traces themselves, or leave out --confidence");
    }
    read_trace(
        trace, [&ahead] { ahead.restart(); },
        [&ahead](std::span<const heaptrace::Event> events) { ahead.add(events); });
    ahead.end_trace();
  }
  return ahead.outlook();
}

}  // namespace drone::cli
