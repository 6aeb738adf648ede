// SPDX-License-Identifier: MIT
#include "report/layout_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <variant>
#include <vector>

#include "support/counted.hpp"

namespace drone::report {
namespace {

using Out = std::back_insert_iterator<std::string>;

void render_section(const LayoutReport& report, Out out) {
  const layout::Suggestion& suggestion = report.suggestion;
  const double share = 100.0 * static_cast<double>(suggestion.fragmentation) /
                       static_cast<double>(suggestion.heap_size);
  fmt::format_to(out, "# Fragmentation: {} / {:.2f}%\n\n", suggestion.fragmentation, share);
  fmt::format_to(out, "[{}]\nsize = \"{}\"\n", report.section, report.heap_size);
  // The section replaces the old one, and must not undo what that said.
  if (report.base_alignment != 4) fmt::format_to(out, "alignment = {}\n", report.base_alignment);
  fmt::format_to(out, "{}pools = [\n", report.settings);
  for (const heap::PoolSpec& pool : suggestion.pools) {
    fmt::format_to(out, "    {{ block = \"{}\", capacity = {} }},\n", pool.block_size,
                   pool.capacity);
  }
  fmt::format_to(out, "]\n");
}

void render_pools(const LayoutReport& report, Out out) {
  constexpr std::size_t kColumns = 5;
  constexpr std::array<std::string_view, kColumns> kHeads{"<block>", "<capacity>", "<needed>",
                                                          "<in use>", "<spills>"};
  std::vector<std::array<std::string, kColumns>> rows;
  for (std::size_t i = 0; i != report.replay.pools.size(); ++i) {
    const layout::PoolReplay& pool = report.replay.pools[i];
    rows.push_back({fmt::to_string(pool.pool.block_size), fmt::to_string(pool.pool.capacity),
                    fmt::to_string(report.suggestion.needed[i]),
                    fmt::to_string(pool.high_water_mark), fmt::to_string(pool.spills)});
  }
  std::array<std::size_t, kColumns> widths{};
  for (std::size_t column = 0; column != kColumns; ++column) {
    widths[column] = kHeads[column].size();
    for (const auto& row : rows) widths[column] = std::max(widths[column], row[column].size());
  }
  const auto line = [&widths, out](const auto& cells) {
    fmt::format_to(out, "#");
    for (std::size_t column = 0; column != kColumns; ++column) {
      fmt::format_to(out, " {:>{}}", cells[column], widths[column]);
    }
    fmt::format_to(out, "\n");
  };
  line(kHeads);
  for (const auto& row : rows) line(row);
}

void render_proof(const LayoutReport& report, Out out) {
  const layout::ReplayResult& replay = report.replay;
  const auto replayed = std::count_if(report.traces.begin(), report.traces.end(),
                                      [](const LayoutTrace& each) { return each.is_replayed; });
  if (replayed == 0) {
    fmt::format_to(out,
                   "# Not proven by replay: a summary has no events. So nothing was in use here,\n"
                   "# and nothing spilled. Each pool has the blocks that {}\n# needs.\n#\n",
                   report.suggestion.tight ? "the joint peak of its sizes"
                                           : "every mix of the summed-up peaks");
  } else {
    fmt::format_to(
        out, "# Proof: {} replayed on these pools.\n# {}, failed: {}\n#\n",
        replayed == 1 ? "the trace was" : fmt::format("each of the {} traces was", replayed),
        counted(replay.requests, "request"), replay.failed);
  }
  render_pools(report, out);
  const char* const needed =
      !report.suggestion.tight ? "blocks that every mix of the trace's peaks can take at once"
      : report.suggestion.tight->spills ? "blocks without which a request would fail"
                                        : "most blocks that belong here alive at one time";
  fmt::format_to(out,
                 "#\n"
                 "# needed: {}\n"
                 "# in use: most blocks that the replay had in use at one time\n"
                 "# spills: requests served here because a smaller pool was empty\n",
                 needed);
}

/// How good a tight layout is, and what it rests on.
std::string tight_in_words(const LayoutReport& report) {
  const layout::TightSearch& tight = *report.suggestion.tight;
  const std::string pools = counted(report.suggestion.pools.size(), "pool");
  std::string text = fmt::format("Tight: it takes {}", counted(tight.bytes, "byte"));
  if (report.contexts != 0 || report.suggestion.headroom_asked) text += " before what was added";
  text += ". ";
  if (tight.was_ended) {
    text +=
        "The search was interrupted: this is the best until then, and the whole search may find "
        "better. ";
  }
  const std::string most_pools = counted(tight.most_pools, "pool");
  if (tight.is_best) {
    text += fmt::format("Proved: no layout of at most {} takes fewer.", most_pools);
  } else {
    const std::uint64_t bound = std::max(tight.lower_bound, tight.tried_below);
    const double gap =
        100.0 * static_cast<double>(tight.bytes - bound) / static_cast<double>(bound);
    text += fmt::format(
        "Proved: no layout of at most {} can take fewer than {}{}. So it is within {:.2f}% of the "
        "best there can be.",
        most_pools, counted(bound, "byte"),
        bound == tight.lower_bound ? ", whatever rule places the requests"
                                   : ": all that would were tried",
        std::ceil(gap * 100) / 100);
    if (tight.untried >= layout::kManyLayouts) {
      text += " Very many layouts that take fewer bytes were not tried.";
    } else if (tight.untried != 0) {
      text += fmt::format(" {} that {} fewer bytes {} not tried{}.",
                          counted(tight.untried, "layout"), tight.untried == 1 ? "takes" : "take",
                          tight.untried == 1 ? "was" : "were", tight.was_ended ? "" : " (--prove)");
    }
  }
  if (tight.spills) {
    text += fmt::format(
        " Larger pools serve what overflows from smaller ones; without that it would take {} "
        "(--no-spill).",
        counted(tight.without_spill, "byte"));
  } else if (report.bars_spill && !tight.is_best) {
    text +=
        " Spill was not searched: --confidence is about pools that serve their own requests alone.";
  } else if (tight.was_workload_missing) {
    const auto summary = std::find_if(report.traces.begin(), report.traces.end(),
                                      [](const LayoutTrace& each) { return !each.is_replayed; });
    text += summary != report.traces.end()
                ? fmt::format(
                      " Spill was not tried: '{}' is a summary, which has no requests in "
                      "order. Give the traces themselves to have it tried.",
                      summary->name)
                : " Spill was not tried: that takes the traces' events in memory, and they are too "
                  "many.";
  }
  return text;
}

/// `text`, in which no word is as long as a line, as a paragraph of comments, an empty one before
/// it.
void render_comment(std::string_view text, Out out) {
  constexpr std::size_t kWidth = 78;  // and "# "
  fmt::format_to(out, "#\n");
  while (text.size() > kWidth) {
    const std::size_t space = text.rfind(' ', kWidth);
    fmt::format_to(out, "# {}\n", text.substr(0, space));
    text.remove_prefix(space + 1);
  }
  fmt::format_to(out, "# {}\n", text);
}

/// Rounded up, so that it is not less than it says.
std::string chance_in_words(double chance) {
  const double percent = std::ceil(1000 * chance) / 10;
  return fmt::format("{:g}%", percent);
}

/// How likely a run ten times as long needs more than the pools have.
std::string outlook_in_words(const LayoutReport& report) {
  const layout::PoolLayout& pools = report.suggestion.pools;
  const bool several = report.traces.size() > 1;
  if (const auto* none = std::get_if<layout::NoEstimate>(&*report.outlook)) {
    return fmt::format(
        "How likely a longer run needs more than these pools have cannot be told from {}: {}.",
        several ? "these traces together" : "this trace", layout::in_words(*none, pools));
  }
  std::vector<std::uint64_t> capacities;
  for (const heap::PoolSpec& pool : pools) capacities.push_back(pool.capacity);
  const double chance = std::get<layout::Exceedance>(*report.outlook).chance(capacities);
  std::string text;
  if (report.confidence) {
    text = fmt::format("The pools are sized by a confidence of {:g}%. ", 100 * *report.confidence);
  }
  if (chance > 0.5) {
    return text +
           "A run ten times as long may well need more than these pools have, even if the program "
           "goes on as in the trace. --confidence 99% sizes the pools for it.";
  }
  return text + fmt::format(
                    "A run ten times as long needs more than these pools have with a chance of at "
                    "most {}, if the program goes on as in the trace.",
                    chance_in_words(chance));
}

/// What is to be known of one of the traces.
void add_trace_notes(const LayoutReport& report, const LayoutTrace& trace,
                     std::vector<std::string>& notes) {
  const heaptrace::Summary& summary = trace.summary;
  const bool one = report.traces.size() == 1;
  if (!trace.is_replayed) {
    notes.push_back(fmt::format(
        "'{}' is a summary and could not be replayed: its peaks are in the blocks needed.",
        trace.name));
  }
  for (std::string& doubt : doubts(trace, one)) notes.push_back(std::move(doubt));
  if (summary.description.base_alignment.value_or(0) > report.base_alignment) {
    notes.push_back(
        fmt::format("{} is of a heap with alignment = {}, so every request in it asks for that. "
                    "Record it again with alignment = {} to see which really do.",
                    one ? "The trace" : "'" + trace.name + "'", *summary.description.base_alignment,
                    report.base_alignment));
  }
}

/// What the user should know before relying on the section, and what else there is to choose.
void render_notes(const LayoutReport& report, Out out) {
  std::vector<std::string> notes;
  if (report.replay.moves != 0) {
    notes.push_back(fmt::format("{} did not fit {} block and took another one.",
                                counted(report.replay.moves, "resize"),
                                report.replay.moves == 1 ? "its" : "their"));
  }
  if (report.failed.count != 0) {
    notes.push_back(fmt::format(
        "The layout also serves what failed in the trace: {}, the largest of {}.",
        counted(report.failed.count, "request"), counted(report.failed.largest, "byte")));
  }
  for (const LayoutTrace& trace : report.traces) add_trace_notes(report, trace, notes);
  const layout::Suggestion& suggestion = report.suggestion;
  if (suggestion.tight) {
    notes.push_back(tight_in_words(report));
    std::string caution =
        "It is safe for the timing observed, not for every mix of the peaks: other timing can need "
        "more than it has.";
    if (suggestion.tight->spills) {
      caution += " With spill even one block of another life can change which pool serves whom.";
    }
    if (report.contexts == 0) {
      caution +=
          " A trace shows lives a little too short: --contexts N adds a block to each pool for "
          "each "
          "thread or interrupt that may be preempted inside the heap.";
    }
    notes.push_back(caution);
  }
  if (report.contexts != 0) {
    notes.push_back(
        fmt::format("Each pool has {} more for {} that may be preempted inside the heap.",
                    counted(report.contexts, "block"), counted(report.contexts, "context")));
  }
  if (report.headroom_permille != 0) {
    notes.push_back(fmt::format("Each pool has at least {:g}% more blocks than {} (--headroom).",
                                report.headroom_permille / 10.0,
                                report.confidence ? "that confidence takes" : "it needs"));
  }
  if (suggestion.tight_bytes) {
    notes.push_back(
        fmt::format("--tight would take {} or less, before headroom: safe for the timing observed, "
                    "not for every mix of the "
                    "peaks.",
                    counted(*suggestion.tight_bytes, "byte")));
  }
  if (suggestion.has_idle_bytes) {
    notes.push_back(
        "Not all of the heap's bytes are in pools: with more blocks a request of the trace would "
        "have failed.");
  }
  if (report.fit && !suggestion.headroom_asked) {
    notes.push_back(
        "No headroom: a program that asks for more than the trace did may fail. Without "
        "--fit the spare bytes of the heap are given out among the pools.");
  }
  if (report.outlook) notes.push_back(outlook_in_words(report));
  if (report.suggestion.more_pools) {
    notes.push_back(fmt::format("Hint: --pools {} lowers the fragmentation to {}.",
                                report.suggestion.more_pools->pool_count,
                                counted(report.suggestion.more_pools->fragmentation, "byte")));
  }
  for (const std::string& note : notes) render_comment(note, out);
}

}  // namespace

std::string unservable_in_words(std::uint64_t requests) {
  return fmt::format(
      "No layout can serve {} of the trace: a heap aligns to at most {} bytes, and has less than 4 "
      "GB. There the program fails.",
      counted(requests, "request"), heap::kMaxAlignment);
}

std::vector<std::string> doubts(const LayoutTrace& trace, bool is_only) {
  const heaptrace::Summary& summary = trace.summary;
  const std::string the_trace = is_only ? "the trace" : "'" + trace.name + "'";
  const std::string begin = is_only ? "The trace" : "'" + trace.name + "'";
  std::vector<std::string> notes;
  if (summary.losses.on_the_way()) {
    notes.push_back(
        fmt::format("Parts of {} were lost (`drone heap` says which): counts are too low where an "
                    "allocation is missing, too high where the end of one is.",
                    the_trace));
  } else if (summary.losses.any() && heaptrace::is_import(summary.format)) {
    notes.push_back(fmt::format(
        "{} lacks the end of some blocks (`drone heap` says more): counts are too high.", begin));
  } else if (summary.losses.any()) {
    notes.push_back(
        fmt::format("{} contradicts itself though nothing was lost: most likely the program frees "
                    "blocks twice (`drone heap` says more). The counts are not to be relied on.",
                    begin));
  }
  if (summary.began_midway && heaptrace::is_import(summary.format)) {
    notes.push_back(fmt::format(
        "These are lower bounds: {} lacks allocations (`drone heap` says more).", the_trace));
  } else if (summary.began_midway) {
    notes.push_back(fmt::format(
        "These are lower bounds: {} does not begin with a reset, and blocks from "
        "before its beginning are not in it. `drone itm --reset` records from the reset on.",
        the_trace));
  }
  if (!summary.ended_in_order) {
    notes.push_back(fmt::format("{} was not closed in order: its end may be missing.", begin));
  }
  return notes;
}

std::string render_layout(const LayoutReport& report) {
  std::string text;
  const Out out(text);
  // Before all else: the program will fail there.
  if (report.unservable != 0) {
    render_comment("WARNING: " + unservable_in_words(report.unservable), out);
    fmt::format_to(out, "\n");
  }
  render_section(report, out);
  fmt::format_to(out, "\n");
  render_proof(report, out);
  render_notes(report, out);
  return text;
}

}  // namespace drone::report
