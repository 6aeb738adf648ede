// SPDX-License-Identifier: MIT

// `drone heap generate`: reads the traces twice, for what it asks and for the proof.

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <optional>
#include <ostream>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/heap.hpp"
#include "cli/heap_confidence.hpp"
#include "cli/heap_input.hpp"
#include "cli/progress.hpp"
#include "cli/utf8_output.hpp"
#include "cli/write_layout.hpp"
#include "heaptrace/reader.hpp"
#include "layout/exceedance.hpp"
#include "layout/replay.hpp"
#include "layout/suggest.hpp"
#include "layout/survey.hpp"
#include "project/manifest.hpp"
#include "report/layout_report.hpp"
#include "report/trade_off_report.hpp"
#include "support/error.hpp"
#include "support/interrupts.hpp"

namespace drone::cli {
namespace {

using heaptrace::Event;
using heaptrace::Summary;

/// What the traces ask of a heap with that base alignment.
struct Asked {
  std::vector<Summary> traces;  ///< as the input has them
  std::vector<DescribedTrace> said;
  layout::Survey survey;
};

/// Reads all traces, for a heap with that base alignment.
Asked read_traces(const HeapInput& input, std::uint32_t base_alignment,
                  layout::Survey::Depth depth) {
  Asked asked{{}, {}, layout::Survey(base_alignment, depth)};
  for (const TraceInput& trace : input.traces) {
    if (trace.is_summary) {
      const layout::HeapSummary summary = read_summary(trace);
      asked.survey.add(summary);
      asked.traces.push_back(as_trace_summary(summary));
      describe(trace, summary, asked.said);
      continue;
    }
    asked.survey.tell_progress(joint_peaks_progress(trace));
    asked.traces.push_back(read_trace(
        trace, [&] { asked.survey.restart_trace(); },
        [&](std::span<const Event> events) { asked.survey.add(events); }));
    asked.survey.end_trace();
    asked.said.push_back(described(trace, asked.traces.back()));
  }
  return asked;
}

/// The base alignment is Drone.toml's, because the layout is for the next build; else the traces'
/// own. That is known only when they have been read: if it is not the usual one, again.
Asked survey_traces(const HeapInput& input, layout::Survey::Depth depth, Environment& environment) {
  const std::uint32_t assumed = input.base_alignment.value_or(4);
  Asked asked = read_traces(input, assumed, depth);
  for (std::size_t i = 0; i != input.traces.size(); ++i) {
    if (input.traces[i].is_summary) continue;
    note_format(asked.traces[i], input.traces[i], environment);
  }
  warn_of_alignments(asked.said, environment);
  if (input.base_alignment) return asked;
  const std::uint32_t said = base_alignment(input, asked.said);
  return said == assumed ? std::move(asked) : read_traces(input, said, depth);
}

/// "25%" in thousandths, rounded up.
std::uint32_t parse_headroom(const std::string& text) {
  double percent = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, percent, std::chars_format::fixed);
  const bool is_number =
      failure == std::errc() && (stop == end || (*stop == '%' && stop + 1 == end));
  constexpr double kMost = 1000;
  if (!is_number || !(percent >= 0 && percent <= kMost)) {
    throw Error(ExitStatus::kUsage, "'" + text + "' is no headroom from 0% to 1000%",
                "--headroom 25% gives each pool a quarter more blocks than the trace needs");
  }
  return static_cast<std::uint32_t>(std::ceil(percent * 10));
}

struct Proof {
  layout::ReplayResult replay;
  layout::Outlook outlook;
  std::vector<std::uint64_t> peaks;  ///< by pool: most blocks that belong there alive at one time
};

/// Every trace on its own; of their figures the largest high-water marks, and the sums of the rest.
Proof prove(const HeapInput& input, const Asked& asked, const layout::PoolLayout& pools) {
  layout::ReplayResult all = layout::Replay(pools, asked.survey.base_alignment()).result();
  LookAhead ahead(pools, asked.survey.base_alignment());
  for (std::size_t i = 0; i != input.traces.size(); ++i) {
    const TraceInput& trace = input.traces[i];
    if (trace.is_summary) continue;
    layout::Replay run(pools, asked.survey.base_alignment());
    const Summary again = read_trace(
        trace,
        [&] {
          run = layout::Replay(pools, asked.survey.base_alignment());
          ahead.restart();
        },
        [&](std::span<const Event> events) {
          run.add(events);
          ahead.add(events);
        });
    ahead.end_trace();
    if (again.bytes != asked.traces[i].bytes) {
      throw Error(ExitStatus::kInput, "'" + trace.file.string() + "' changed while it was read",
                  "stop the recording first");
    }
    merge(all, run.result());
  }
  if (all.failed != all.unservable) {
    throw std::logic_error("the layout found does not run the trace: please report this");
  }
  return {std::move(all), ahead.outlook(), ahead.peaks()};
}

/// Bytes that the layout's own blocks would take if each pool held the most that belongs in it at
/// one time, if that is at least 5 % less: a tight layout takes no more.
std::optional<std::uint64_t> tighter(const layout::Suggestion& suggestion,
                                     std::span<const std::uint64_t> peaks) {
  std::uint64_t safe = 0;
  std::uint64_t tight = 0;
  for (std::size_t i = 0; i != suggestion.pools.size(); ++i) {
    safe += std::uint64_t{suggestion.pools[i].block_size} * suggestion.needed[i];
    tight += suggestion.pools[i].block_size * peaks[i];
  }
  if (tight == 0 || tight * 100 > safe * 95) return std::nullopt;
  return tight;
}

layout::SuggestOptions suggest_options(const GenerateOptions& options) {
  layout::SuggestOptions result;
  result.tight = options.tight;
  // What is said of longer runs holds for pools that serve their own requests alone.
  result.spill = !options.no_spill && !options.confidence;
  if (options.headroom) result.headroom_permille = parse_headroom(*options.headroom);
  result.contexts = options.contexts;
  if (options.seed) result.seed = *options.seed;
  result.prove = options.prove;
  return result;
}

/// As a shell takes it for one word.
std::string quoted(const std::string& word) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./,:+=@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + '\'';
}

/// The options as they were given, so that another command works on the same heap and traces.
std::string as_given(const HeapOptions& heap) {
  std::string text;
  const auto add = [&text](const char* option, const std::string& value) {
    text += std::string(option) + quoted(value);
  };
  if (heap.heap) add(" --heap ", *heap.heap);
  for (const std::filesystem::path& file : heap.files) add(" -f ", file.string());
  if (heap.size) add(" -s ", *heap.size);
  if (heap.port) add(" --port ", std::to_string(*heap.port));
  if (heap.input_format != HeapOptions().input_format) add(" --input-format ", heap.input_format);
  return text;
}

/// What each number of pools costs, and which to take.
ExitStatus print_trade_off(const HeapInput& input, const HeapOptions& heap,
                           const GenerateOptions& options, Environment& environment) {
  constexpr std::size_t kMostPools = 16;
  layout::SuggestOptions suggest = suggest_options(options);
  using Depth = layout::Survey::Depth;
  const Asked asked =
      survey_traces(input, suggest.spill ? Depth::kWorkload : Depth::kJointPeaks, environment);
  report::TradeOffReport report;
  Progress progress(environment);
  suggest.keep_on = [&progress](layout::SearchPhase, double done) {
    progress.step("trying 1 to 16 pools", static_cast<std::uint64_t>(1000 * done), 1000);
    return true;
  };
  report.rows = layout::trade_off(asked.survey, kMostPools, suggest);
  progress.end();
  const bool knows_size =
      input.size || std::any_of(asked.said.begin(), asked.said.end(),
                                [](const auto& said) { return said.heap_size; });
  if (knows_size) report.heap_size = heap_size(input, asked.said);
  report.tight = options.tight;
  report.is_searched = suggest.spill;
  report.options = as_given(heap);
  if (options.no_spill) report.tight_options += " --no-spill";
  if (options.seed) report.tight_options += " --seed " + std::to_string(*options.seed);
  for (std::size_t i = 0; i != input.traces.size(); ++i) {
    const report::LayoutTrace trace{input.traces[i].file.string(), asked.traces[i]};
    for (const std::string& doubt : report::doubts(trace, input.traces.size() == 1)) {
      environment.err << "warning: " << doubt << '\n';
    }
  }
  environment.out << report::render_trade_off(report, shows_utf8(environment));
  return ExitStatus::kDone;
}

/// Options that are about one layout.
void require_pools(const GenerateOptions& options) {
  if (options.pools) return;
  struct OfOneLayout {
    bool is_given;
    const char* option;
    const char* example;
  };
  const std::array<OfOneLayout, 6> all{
      {{options.write, "--write", "--write"},
       {options.confidence.has_value(), "--confidence", "--confidence 99%"},
       {options.headroom.has_value(), "--headroom", "--headroom 25%"},
       {options.contexts != 0, "--contexts", "--contexts 2"},
       {options.fit, "--fit", "--fit"},
       {options.prove, "--prove", "--tight --prove"}}};
  const auto found =
      std::find_if(all.begin(), all.end(), [](const OfOneLayout& each) { return each.is_given; });
  if (found == all.end()) return;
  throw Error(ExitStatus::kUsage,
              std::string(found->option) + " is about one layout: of how many pools?",
              std::string("drone heap generate --pools 5 ") + found->example +
                  "; without --pools, what each number of pools costs is printed");
}

/// Options that are about a search which does not take place. What each number of pools costs
/// (without --pools) is said of tight layouts too.
void require_search(const GenerateOptions& options) {
  const auto refuse = [](const std::string& message, const std::string& hint) {
    throw Error(ExitStatus::kUsage, message, hint);
  };
  const bool is_tight = options.tight || !options.pools;
  if (!is_tight && (options.no_spill || options.prove || options.seed)) {
    const std::string given = options.no_spill ? "--no-spill"
                              : options.prove  ? "--prove"
                                               : "--seed";
    refuse(given + " says nothing without --tight", "add --tight, or leave out " + given);
  }
  if ((options.seed || options.prove) && (options.no_spill || options.confidence)) {
    refuse(std::string(options.prove ? "--prove" : "--seed") + " says nothing with " +
               (options.no_spill ? "--no-spill" : "--confidence") +
               ": such a layout is found exactly",
           "leave out one of them");
  }
}

}  // namespace

ExitStatus run_heap_generate(const HeapOptions& heap, const GenerateOptions& options,
                             Environment& environment) {
  require_pools(options);
  require_search(options);
  std::optional<double> confidence;
  if (options.confidence) confidence = parse_confidence(*options.confidence);
  layout::SuggestOptions suggest = suggest_options(options);
  const HeapInput input = heap_input(heap, environment, OldPools::kReplaced);
  const auto summary = std::find_if(input.traces.begin(), input.traces.end(),
                                    [](const TraceInput& trace) { return trace.is_summary; });
  const bool has_summary = summary != input.traces.end();
  if (confidence && has_summary) {
    throw Error(ExitStatus::kInput,
                "pools cannot be sized by a confidence: '" + summary->file.string() +
                    "' is a summary, and tells nothing of when its peaks came",
                "name the traces themselves, or leave out --confidence");
  }
  if (!options.pools) return print_trade_off(input, heap, options, environment);

  if (options.write) check_writable(input);
  suggest.max_pools = *options.pools;
  using Depth = layout::Survey::Depth;
  const Depth depth = !suggest.tight  ? Depth::kDemands
                      : suggest.spill ? Depth::kWorkload
                                      : Depth::kJointPeaks;
  Asked asked = survey_traces(input, depth, environment);
  if (!options.fit) suggest.heap_size = heap_size(input, asked.said);

  report::LayoutReport report;
  Progress progress(environment);
  // Ctrl-C ends a proof, which may take hours, with the best layout found until then. Before the
  // search there is none, and nobody would heed it: as everywhere else, it ends the process.
  std::optional<Interrupts> interrupts;
  suggest.keep_on = [&](layout::SearchPhase phase, double done) {
    if (suggest.prove && !interrupts) interrupts.emplace();
    progress.step(phase == layout::SearchPhase::kProve
                      ? "trying every layout that takes fewer bytes"
                      : "searching the best of " + std::to_string(*options.pools) + " pools",
                  static_cast<std::uint64_t>(1000 * done), 1000);
    return !interrupts || !interrupts->requested();
  };
  try {
    report.suggestion = layout::suggest(asked.survey, suggest);
  } catch (const Error& error) {
    // What a tight layout would take is worth reading the traces again.
    if (error.status() != ExitStatus::kNoLayout || depth != Depth::kDemands) throw;
    asked.survey = read_traces(input, asked.survey.base_alignment(), Depth::kJointPeaks).survey;
    report.suggestion = layout::suggest(asked.survey, suggest);
  }
  progress.end();
  interrupts.reset();
  if (confidence) {
    const layout::PoolLayout pools = report.suggestion.pools;
    const layout::Outlook outlook = look_ahead(input, pools, asked.survey.base_alignment());
    report.suggestion = layout::with_confidence(
        std::move(report.suggestion), require_estimate(outlook, pools), *confidence, suggest);
  }
  Proof proof = prove(input, asked, report.suggestion.pools);
  report.replay = std::move(proof.replay);
  if (!report.suggestion.tight) {
    report.suggestion.tight_bytes = tighter(report.suggestion, proof.peaks);
  }
  const bool spills = report.suggestion.tight && report.suggestion.tight->spills;
  if (!spills && !has_summary) report.outlook = std::move(proof.outlook);
  report.confidence = confidence;
  report.bars_spill = confidence && !options.no_spill;
  for (std::size_t i = 0; i != input.traces.size(); ++i) {
    report.traces.push_back(
        {input.traces[i].file.string(), asked.traces[i], !input.traces[i].is_summary});
  }
  report.failed = asked.survey.demands().failed();
  report.unservable = asked.survey.demands().unservable();
  report.section = project::section_name(input.section);
  report.base_alignment = asked.survey.base_alignment();
  report.settings = project::heap_settings(input.section);
  report.heap_size = project::format_size(report.suggestion.heap_size);
  report.fit = options.fit;
  report.contexts = options.contexts;
  report.headroom_permille = suggest.headroom_permille;

  environment.err << report::kLayoutHeading << std::endl;
  environment.out << report::render_layout(report);
  if (report.unservable != 0) {
    environment.err << "warning: " << report::unservable_in_words(report.unservable) << '\n';
  }
  if (suggest.prove && report.suggestion.tight->was_ended) {
    environment.err << "note: the search was interrupted: this is the best layout until then"
                    << std::endl;
    if (options.write) {
      throw Error(ExitStatus::kInterrupted, "Drone.toml is left as it was",
                  "leave out --prove, or let it end");
    }
  }
  if (options.write) {
    write_layout(input, report.suggestion.pools, options.fit || heap.size,
                 report.suggestion.heap_size, environment);
  }
  return ExitStatus::kDone;
}

}  // namespace drone::cli
