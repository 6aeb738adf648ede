// SPDX-License-Identifier: MIT
#include "report/trade_off_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>

namespace drone::report {
namespace {

using Out = std::back_insert_iterator<std::string>;

/// What a heap of that size has left; nothing where that is unknown.
std::string left(const TradeOffReport& report, std::uint64_t bytes) {
  if (!report.heap_size) return "";
  return fmt::format("{}", std::int64_t{*report.heap_size} - static_cast<std::int64_t>(bytes));
}

void render_table(const TradeOffReport& report, Out out) {
  fmt::format_to(out, "{:-^80}\n", " WHAT POOLS COST ");
  fmt::format_to(out, "{:>7} {:>10} {:>9} {:>10} {:>10} {:>9} {:>10} {:>8}\n", "<pools>",
                 "<default>", "<fragm.>", "<headroom>", "<tight>", "<fragm.>", "<headroom>",
                 "<spills>");
  for (const layout::TradeOff& row : report.rows) {
    fmt::format_to(out, "{:>7} {:>10} {:>9} {:>10}", row.max_pools, row.bytes, row.fragmentation,
                   left(report, row.bytes));
    if (row.tight_bytes) {
      fmt::format_to(out, " {:>10} {:>9} {:>10} {:>7.2f}%", *row.tight_bytes,
                     row.tight_fragmentation, left(report, *row.tight_bytes), 100 * row.spilled);
    }
    fmt::format_to(out, "\n");
  }
}

/// A bar for each number of pools: what tight layouts take, and what the default takes beyond. One
/// pool may take many times what two do: its bar is cut.
void render_chart(const TradeOffReport& report, bool is_utf8, Out out) {
  constexpr std::uint64_t kColumns = 68;
  const std::string_view full = is_utf8 ? "\u2588" : "#";
  const std::string_view light = is_utf8 ? "\u2591" : ":";
  std::uint64_t most = 1;
  for (const layout::TradeOff& row : report.rows) {
    if (row.max_pools == 1 && report.rows.size() != 1) continue;
    most = std::max({most, row.bytes, row.tight_bytes.value_or(0)});
  }
  fmt::format_to(out, "\n {} tight  {} what the default takes more\n", full, light);
  const auto columns = [most](std::uint64_t bytes) { return (bytes * kColumns + most / 2) / most; };
  for (const layout::TradeOff& row : report.rows) {
    const std::uint64_t tight = columns(row.tight_bytes.value_or(0));
    const std::uint64_t all = std::max(columns(row.bytes), tight);
    fmt::format_to(out, "{:>7}  ", row.max_pools);
    for (std::uint64_t i = 0; i != std::min(all, kColumns); ++i) {
      fmt::format_to(out, "{}", i < tight ? full : light);
    }
    fmt::format_to(out, "{}\n", all > kColumns ? ">" : "");
  }
}

/// Whether the heap holds what is recommended.
bool fits(const TradeOffReport& report, std::uint64_t bytes) {
  return !report.heap_size || bytes <= *report.heap_size;
}

void render_advice(const TradeOffReport& report, Out out) {
  fmt::format_to(out,
                 "\ndefault: holds every mix of the observed peaks, whatever the timing.\n"
                 "tight: holds what was alive at one time; with that timing nothing fails.\n"
                 "<fragm.>: bytes lost inside blocks if every size peaks at once.\n");
  if (report.heap_size) {
    fmt::format_to(out, "<headroom>: what the layout leaves of a heap of {} bytes.\n",
                   *report.heap_size);
  }
  fmt::format_to(
      out, "<spills>: share of the requests that a larger pool serves in the tight layout.\n");

  if (report.rows.front().tight_bytes && report.is_searched) {
    fmt::format_to(out,
                   "The search for tight is short here; with --pools N it may find fewer bytes.\n");
  }

  const auto row_of = [&report](bool tight) -> const layout::TradeOff& {
    return report.rows[layout::recommended_pools(report.rows, tight) - 1];
  };
  const auto bytes_of = [&row_of](bool tight) {
    const layout::TradeOff& row = row_of(tight);
    return tight ? row.tight_bytes.value_or(row.bytes) : row.bytes;
  };
  // A default that does not fit helps nobody whom a tight layout would.
  const bool tight =
      report.tight || (!fits(report, bytes_of(false)) && fits(report, bytes_of(true)));
  const std::size_t pools = row_of(tight).max_pools;
  fmt::format_to(out, "\nRecommended: {} {}, the fewest that take at most 5 % more than {}.\n",
                 pools, pools == 1 ? "pool" : "pools", report.rows.size());
  if (tight && !report.tight) {
    fmt::format_to(out, "Tight, for the default does not fit the heap.\n");
  }
  fmt::format_to(out, "  drone heap generate --pools {}{}{}\n", pools,
                 tight ? " --tight" + report.tight_options : "", report.options);
  if (!tight && bytes_of(true) * 2 <= bytes_of(false)) {
    fmt::format_to(out,
                   "Tight, {} pools take {} bytes, for the timing observed: --pools {} --tight\n",
                   row_of(true).max_pools, bytes_of(true), row_of(true).max_pools);
  }
  if (!fits(report, bytes_of(tight))) {
    fmt::format_to(out, "Neither fits: that takes {} bytes more than the heap has.\n",
                   bytes_of(tight) - *report.heap_size);
  }
}

}  // namespace

std::string render_trade_off(const TradeOffReport& report, bool is_utf8) {
  std::string text;
  const Out out(text);
  render_table(report, out);
  render_chart(report, is_utf8, out);
  render_advice(report, out);
  return text;
}

}  // namespace drone::report
