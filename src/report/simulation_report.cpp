// SPDX-License-Identifier: MIT
#include "report/simulation_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <string_view>
#include <tuple>
#include <utility>

#include "support/counted.hpp"

namespace drone::report {
namespace {

using layout::InUse;

constexpr std::size_t kWidth = 80;
constexpr std::size_t kMostFailedRows = 20;

template <class... Arguments>
void print(std::string& text, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  fmt::format_to(std::back_inserter(text), format, std::forward<Arguments>(arguments)...);
}

double percent(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

/// Rows of text, each column as wide as its widest; `left` columns from the end stand at the left.
void print_table(std::string& text, const std::vector<std::vector<std::string>>& rows,
                 std::size_t left = 0) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i != row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i != row.size(); ++i) {
      if (i + left >= row.size()) {
        print(line, " {:<{}}", row[i], widths[i]);
      } else {
        print(line, " {:>{}}", row[i], widths[i]);
      }
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  }
}

/// All traces together: the largest high-water marks, the sums of the rest.
struct Together {
  layout::ReplayResult replay;
  std::vector<std::uint64_t> served;
  std::uint64_t failed_in_both = 0;
};

Together together(const SimulationReport& report) {
  Together all{report.traces.front().result.replay, report.traces.front().result.served,
               report.traces.front().result.failed_in_both};
  for (const SimulatedTrace& trace : std::span(report.traces).subspan(1)) {
    merge(all.replay, trace.result.replay);
    for (std::size_t i = 0; i != all.served.size(); ++i) all.served[i] += trace.result.served[i];
    all.failed_in_both += trace.result.failed_in_both;
  }
  return all;
}

void print_failed(std::string& text, const SimulationReport& report) {
  struct Row {
    std::uint64_t count = 0;
    const SimulatedTrace* first = nullptr;
    std::uint64_t first_event = 0;
  };
  std::map<std::pair<std::uint32_t, std::uint32_t>, Row> failed;
  bool is_aligned = false;
  for (const SimulatedTrace& trace : report.traces) {
    for (const layout::FailedInReplay& each : trace.result.failed) {
      Row& row = failed[{each.size, each.alignment}];
      if (row.first == nullptr) {
        row.first = &trace;
        row.first_event = each.first_event;
      }
      row.count += each.count;
      if (each.alignment > report.base_alignment) is_aligned = true;
    }
  }
  if (failed.empty()) return;

  std::vector<std::vector<std::string>> rows = {{"<size>"}};
  if (is_aligned) rows[0].emplace_back("<aligned to>");
  rows[0].insert(rows[0].end(), {"<failed>", "<first at event>"});
  if (report.traces.size() != 1) rows[0].emplace_back("<of trace>");
  std::uint64_t others = 0;
  for (const auto& [request, row] : failed) {
    if (rows.size() > kMostFailedRows) {
      others += row.count;
      continue;
    }
    std::vector<std::string> cells = {fmt::to_string(request.first)};
    if (is_aligned) {
      cells.push_back(request.second > report.base_alignment ? fmt::to_string(request.second) : "");
    }
    cells.push_back(fmt::to_string(row.count));
    cells.push_back(fmt::format("{} of {}", row.first_event, row.first->result.events));
    if (report.traces.size() != 1) cells.push_back(row.first->name);
    rows.push_back(std::move(cells));
  }
  text += '\n';
  print_table(text, rows, report.traces.size() == 1 ? 0 : 1);
  if (others != 0) print(text, " and {} of larger sizes\n", others);
}

void print_pools(std::string& text, const Together& all) {
  std::vector<std::vector<std::string>> rows = {
      {"<block>", "<capacity>", "<in use>", "<free>", "<requests>", "<spills>"}};
  for (std::size_t i = 0; i != all.replay.pools.size(); ++i) {
    const layout::PoolReplay& pool = all.replay.pools[i];
    rows.push_back({fmt::to_string(pool.pool.block_size), fmt::to_string(pool.pool.capacity),
                    fmt::to_string(pool.high_water_mark),
                    fmt::to_string(pool.pool.capacity - pool.high_water_mark),
                    fmt::to_string(all.served[i] - pool.spills), fmt::to_string(pool.spills)});
  }
  text += '\n';
  print_table(text, rows);
  text +=
      "\n"
      "in use: most blocks in use at one time; free: those that never were\n"
      "requests: served by the pool that they belong in; spills: served here because\n"
      "that was empty\n";
}

std::string moment(const InUse& at, std::uint64_t events) {
  return fmt::format("{} bytes of {} in use, {:.2f}%, at event {} of {}", at.lost(), at.block_bytes,
                     percent(at.lost(), at.block_bytes), at.event, events);
}

/// The trace whose `at` is the greatest by `value`; the first of several.
template <class Value>
const SimulatedTrace& most(const std::vector<SimulatedTrace>& traces, Value value) {
  return *std::max_element(traces.begin(), traces.end(), [&](const auto& a, const auto& b) {
    return value(a.result) < value(b.result);
  });
}

void print_fragmentation(std::string& text, const SimulationReport& report, bool is_utf8) {
  const auto named = [&report](const SimulatedTrace& trace) {
    return report.traces.size() == 1 ? std::string() : " of " + trace.name;
  };
  const SimulatedTrace& peak =
      most(report.traces, [](const auto& result) { return result.peak.block_bytes; });
  if (peak.result.peak.block_bytes == 0) return;
  const SimulatedTrace& worst =
      most(report.traces, [](const auto& result) { return result.worst.lost(); });
  if (worst.result.worst.lost() == 0) {
    text += "\nNothing is lost inside blocks: each is as large as what was requested.\n\n";
  } else {
    print(text, "\nLost inside blocks, at the peak:  {}{}\n",
          moment(peak.result.peak, peak.result.events), named(peak));
    print(text, "Lost inside blocks, at the worst: {}{}\n\n",
          moment(worst.result.worst, worst.result.events), named(worst));
  }
  constexpr std::size_t kColumns = 60;
  constexpr std::size_t kRows = 8;
  print(text, "Bytes in use over {}{}:  {} requested  {} lost inside blocks\n",
        counted(peak.result.events, "event"), named(peak), is_utf8 ? "\u2588" : "#",
        is_utf8 ? "\u2591" : ":");
  text += render_timeline(peak.result.timeline, kColumns, kRows, is_utf8);
}

/// `words` in lines of at most kWidth columns.
void print_paragraph(std::string& text, std::string_view words) {
  text += '\n';
  while (words.size() > kWidth) {
    const std::size_t space = words.rfind(' ', kWidth);
    print(text, "{}\n", words.substr(0, space));
    words.remove_prefix(space + 1);
  }
  print(text, "{}\n", words);
}

}  // namespace

std::uint64_t failed_requests(const SimulationReport& report) {
  std::uint64_t failed = 0;
  for (const SimulatedTrace& trace : report.traces) {
    for (const layout::FailedInReplay& each : trace.result.failed) failed += each.count;
  }
  return failed;
}

std::string render_timeline(const layout::Timeline& timeline, std::size_t columns, std::size_t rows,
                            bool is_utf8) {
  const std::vector<InUse>& pieces = timeline.pieces();
  if (pieces.empty()) return {};
  // Of the pieces that a column stands for, the one with the most block bytes.
  std::vector<InUse> shown;
  for (std::size_t column = 0; column != columns; ++column) {
    const std::size_t begin = column * pieces.size() / columns;
    const std::size_t end = std::max(begin + 1, (column + 1) * pieces.size() / columns);
    InUse highest = pieces[begin];
    for (std::size_t i = begin + 1; i < end; ++i) {
      if (pieces[i].block_bytes > highest.block_bytes) highest = pieces[i];
    }
    shown.push_back(highest);
  }
  std::uint64_t top = 1;
  for (const InUse& each : shown) top = std::max(top, each.block_bytes);

  // What is in use at all is seen.
  const auto height = [&](std::uint64_t bytes) {
    return bytes == 0 ? 0 : std::max<std::uint64_t>(1, (bytes * rows + top / 2) / top);
  };
  const std::size_t width = fmt::formatted_size("{}", top);
  std::string text;
  for (std::size_t row = rows; row-- != 0;) {
    std::string line;
    if (row + 1 == rows || row == 0) {
      print(line, " {:>{}} ", row == 0 ? 0 : top, width);
    } else {
      line.append(width + 2, ' ');
    }
    line += is_utf8 ? "\u2502" : "|";
    for (const InUse& each : shown) {
      if (row < height(each.requested_bytes)) {
        line += is_utf8 ? "\u2588" : "#";
      } else if (row < height(each.block_bytes)) {
        line += is_utf8 ? "\u2591" : ":";
      } else {
        line += ' ';
      }
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  }
  return text;
}

std::string render_simulation(const SimulationReport& report, bool is_utf8) {
  const Together all = together(report);
  const std::uint64_t failed = failed_requests(report);
  std::uint64_t bytes = 0;
  for (const layout::PoolReplay& pool : all.replay.pools) {
    bytes += std::uint64_t{pool.pool.block_size} * pool.pool.capacity;
  }
  std::string text = fmt::format("{:-^80}\n", " SIMULATION ");
  print(text, "Layout: {}, {}, {} of {} bytes\n", report.layout,
        counted(all.replay.pools.size(), "pool"), bytes, report.heap_size);
  if (report.traces.size() != 1) {
    print(text, "Traces: {}, each on an empty heap; sums and largest figures of all\n",
          report.traces.size());
  }
  print(text, "Requests: {}, failed: {}\n", all.replay.requests, failed);
  if (all.failed_in_both != 0) {
    print(text, "Failed as in the trace: {}\n", all.failed_in_both);
  }
  print_failed(text, report);
  print_pools(text, all);
  print_fragmentation(text, report, is_utf8);

  for (const std::string& note : report.notes) print_paragraph(text, note);
  if (all.replay.moves != 0) {
    print_paragraph(text, fmt::format("{} in place did not fit the block and had to move.",
                                      counted(all.replay.moves, "resize")));
  }
  if (failed != 0) {
    print_paragraph(text, fmt::format("The program would have failed on this layout. `drone heap "
                                      "generate --pools {}` makes one that serves every request.",
                                      all.replay.pools.size()));
  } else if (report.better) {
    print_paragraph(
        text,
        fmt::format("If every size peaked at once, {} would be lost inside blocks. `drone "
                    "heap generate --pools {}` makes a layout that loses {}.",
                    counted(report.better->fragmentation_now, "byte"), report.better->pool_count,
                    counted(report.better->fragmentation, "byte")));
  }
  return text;
}

}  // namespace drone::report
