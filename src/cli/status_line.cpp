// SPDX-License-Identifier: MIT
#include "cli/status_line.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>
#include <vector>

#include "support/counted.hpp"

namespace drone::cli {
namespace {

using std::chrono::milliseconds;

/// From here on it is said that nothing came, or that nothing has grown.
constexpr milliseconds kNotable{5000};

constexpr std::string_view kSeparator = " | ";
constexpr std::string_view kGood = "\x1b[32m";
constexpr std::string_view kBad = "\x1b[33m";
constexpr std::string_view kPlain = "\x1b[0m";

/// A part of the line: what it says, the longest form first. An empty form leaves it out.
struct Part {
  std::vector<std::string> forms;
  std::string_view color = {};
  std::size_t form = 0;

  const std::string& text() const { return forms[form]; }
};

enum PartName { kElapsed, kEvents, kRate, kBytes, kInUse, kPeak, kLosses, kGrowth, kPartCount };

Part peak(const RecordingStatus& status) {
  const std::string bytes =
      fmt::format("{} {}", status.heaps == 1 ? "peak" : "peaks", status.peak_bytes);
  if (!status.heap_size || *status.heap_size == 0) return {{bytes, bytes, bytes, ""}};
  const double share =
      100.0 * static_cast<double>(status.peak_bytes) / static_cast<double>(*status.heap_size);
  return {{fmt::format("{} of {} ({:.0f} %)", bytes, *status.heap_size, share),
           fmt::format("{} ({:.0f} %)", bytes, share), bytes, ""}};
}

Part losses(const RecordingStatus& status) {
  if (status.lost_events == 0 && status.damaged_places == 0) return {{"nothing lost", ""}};
  std::string text;
  if (status.lost_events != 0) text = counted(status.lost_events, "event") + " lost";
  if (status.damaged_places != 0) {
    if (!text.empty()) text += ", ";
    text += "damaged in " + counted(status.damaged_places, "place");
  }
  return {{text, "LOSSES"}, kBad};
}

Part growth(const RecordingStatus& status) {
  if (!status.since_event) return {{"no event yet", "no event yet", "no event yet"}};
  const std::string enough = status.enough ? ": probably enough" : "";
  const std::string_view color = status.enough ? kGood : std::string_view();
  const std::string briefly = status.enough ? ": enough?" : "";
  if (*status.since_event >= kNotable) {
    const std::string text = "no event for " + format_time(*status.since_event);
    return {{text + enough, text + enough, text + briefly}, color};
  }
  if (!status.since_growth || *status.since_growth < kNotable) {
    const bool new_sizes = status.since_new_size && *status.since_new_size < kNotable;
    return {
        {new_sizes ? "still growing, new sizes too" : "still growing", "still growing", "growing"}};
  }
  const std::string unchanged = format_time(*status.since_growth);
  const std::string sizes = format_time(status.since_new_size.value_or(*status.since_growth));
  const std::string all = unchanged == sizes
                              ? "nothing new for " + unchanged
                              : "unchanged for " + unchanged + ", no new size for " + sizes;
  return {{all + enough, "unchanged for " + unchanged + enough, unchanged + " unchanged" + briefly},
          color};
}

std::size_t width(const std::array<Part, kPartCount>& parts) {
  std::size_t columns = 0;
  for (const Part& part : parts) {
    if (part.text().empty()) continue;
    columns += part.text().size() + (columns == 0 ? 0 : kSeparator.size());
  }
  return columns;
}

}  // namespace

std::string format_time(milliseconds time) {
  const auto seconds = std::chrono::round<std::chrono::seconds>(time).count();
  if (seconds < 60) return fmt::format("{} s", seconds);
  if (seconds < 3600) return fmt::format("{}:{:02}", seconds / 60, seconds % 60);
  return fmt::format("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

std::string format_bytes(std::uint64_t bytes) {
  if (bytes < 10'000) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes);
  std::string_view unit;
  for (const std::string_view each : {"KB", "MB", "GB"}) {
    unit = each;
    value /= 1000;
    if (value < 999.5) break;
  }
  return value < 9.95 ? fmt::format("{:.1f} {}", value, unit)
                      : fmt::format("{:.0f} {}", value, unit);
}

std::string status_line(const RecordingStatus& status, unsigned columns, bool colored) {
  std::array<Part, kPartCount> parts;
  parts[kElapsed] = {{format_time(status.elapsed)}};
  parts[kEvents] = {{counted(status.events, "event"), fmt::format("{} ev", status.events), ""}};
  parts[kRate] = {{fmt::format("{:.0f}/s", status.events_per_second), ""}};
  parts[kBytes] = {{format_bytes(status.bytes), ""}};
  parts[kInUse] = {{fmt::format("live {}", status.live_bytes), ""}};
  parts[kPeak] = peak(status);
  parts[kLosses] = losses(status);
  parts[kGrowth] = growth(status);

  // What is given up, in this order, until the line fits. That something was lost is not left out.
  const bool has_losses = !parts[kLosses].color.empty();
  std::vector<PartName> steps = {kBytes};
  if (!has_losses) steps.push_back(kLosses);
  steps.insert(steps.end(), {kPeak, kRate, kInUse, kGrowth, kPeak, kEvents});
  if (has_losses) steps.push_back(kLosses);
  steps.insert(steps.end(), {kGrowth, kPeak, kEvents});
  for (const PartName step : steps) {
    if (width(parts) <= columns) break;
    ++parts[step].form;
  }

  std::string line;
  std::size_t at = 0;
  for (const Part& part : parts) {
    if (part.text().empty()) continue;
    std::string text = at == 0 ? "" : std::string(kSeparator);
    text += part.text();
    text.resize(std::min<std::size_t>(text.size(), columns - at));
    at += text.size();
    const bool paints = colored && !part.color.empty();
    if (paints) line += part.color;
    line += text;
    if (paints) line += kPlain;
  }
  return line;
}

}  // namespace drone::cli
