// SPDX-License-Identifier: MIT

// The first byte of an input says how the rest is read and what is made of it:
//   bits 1:0  chunks of 1, 3, 64 or 1000 bytes
//   bit 2     the base alignment of the layout: 4 or 8
//   bits 4:3  the most pools: 1, 2, 5 or 64
//   bits 7:5  the format: inferred (0, 6 and 7), ITM, TPIU frames, TPIU frames with the ITM on
//             stream 1, a Drone OS file, payload only

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "heaptrace/input_format.hpp"
#include "heaptrace/payload_decoder.hpp"
#include "heaptrace/reader.hpp"
#include "heaptrace/resync_decoder.hpp"
#include "heaptrace/usage.hpp"
#include "layout/replay.hpp"
#include "layout/suggest.hpp"
#include "layout/survey.hpp"
#include "lives.hpp"
#include "report/heap_report.hpp"
#include "report/layout_report.hpp"
#include "require.hpp"
#include "support/byte_stream.hpp"
#include "support/decompress.hpp"
#include "support/error.hpp"
#include "targets.hpp"

namespace drone::fuzz {
namespace {

struct Trace {
  std::vector<heaptrace::Event> events;
  heaptrace::Summary summary;
};

/// The trace, or why it is none.
struct Outcome {
  std::optional<Trace> trace;
  std::string refusal;
};

/// What comes out of a decoder tiles what went in, and is the same whatever the chunks.
template <class Decoder>
void check_decoder(std::span<const std::byte> bytes, std::size_t chunk) {
  const auto decode = [bytes](std::size_t size) {
    std::vector<itm::Packet> packets;
    Decoder decoder(31, [&packets](const itm::Packet& packet) { packets.push_back(packet); });
    for (std::size_t at = 0; at < bytes.size(); at += size) {
      decoder.feed(bytes.subspan(at, std::min(size, bytes.size() - at)));
    }
    const std::size_t unfinished = decoder.finish();
    std::uint64_t offset = 0;
    for (const itm::Packet& packet : packets) {
      require(packet.offset == offset && packet.length != 0, "packets tile the stream");
      offset += packet.length;
    }
    require(offset + unfinished == bytes.size(), "nothing is left over");
    return packets;
  };
  require(decode(chunk) == decode(std::max<std::size_t>(bytes.size(), 1)),
          "packets do not depend on chunks");
}

Outcome read(const std::vector<std::byte>& bytes, const heaptrace::ReadOptions& options) {
  Outcome outcome;
  Trace trace;
  try {
    trace.summary = heaptrace::read_events([&] { return std::make_unique<MemorySource>(bytes); },
                                           options, [&trace] { trace.events.clear(); },
                                           [&trace](std::span<const heaptrace::Event> events) {
                                             trace.events.insert(trace.events.end(), events.begin(),
                                                                 events.end());
                                           });
    outcome.trace = std::move(trace);
  } catch (const Error& error) {
    require(error.status() == ExitStatus::kInput, "bad input is an error of input");
    require(!error.hint().empty(), "bad input comes with a hint");
    outcome.refusal = error.message();
  }
  return outcome;
}

void check_losses(const heaptrace::Summary& summary) {
  const heaptrace::Losses& losses = summary.losses;
  require(losses.lost_allocs <= losses.unknown_deallocs, "lost allocations are unknown ones");
  require(std::is_sorted(losses.places.begin(), losses.places.end()), "places ascend");
  // A place may be the end of the stream.
  require(losses.places.empty() || losses.places.back() <= summary.bytes, "places are in the file");
  require(!losses.any() || !losses.places.empty() || losses.lost_events != 0,
          "what is lost has a place");
}

void check_usage(const Trace& trace) {
  heaptrace::UsageCollector collector;
  Lives lives;
  for (const heaptrace::Event& event : trace.events) lives.add(event);
  collector.add(trace.events);
  const heaptrace::Usage usage = collector.usage();
  require(usage.peak_bytes <= usage.maximum_bytes, "the peak is no more than the maximum");
  for (const heaptrace::SizeUsage& size : usage.sizes) {
    require(size.max_count != 0 && size.max_count <= size.allocations, "blocks were allocated");
  }
  const std::string text = report::render_text(report::make_heap_report(
      usage, trace.summary, trace.summary.description.heap_size.value_or(10240), 4));
  require(text.ends_with('\n') && text.find('\0') == std::string::npos, "a report is text");
}

/// As `drone heap generate` does it.
void check_layout(const Trace& trace, std::uint32_t base_alignment, std::size_t most_pools,
                  std::optional<std::uint32_t> heap_size, bool is_tight) {
  layout::Survey survey(base_alignment, layout::Survey::Depth::kWorkload);
  survey.add(trace.events);
  survey.end_trace();
  const layout::DemandCollector& demands = survey.demands();
  layout::SuggestOptions options;
  options.max_pools = most_pools;
  options.heap_size = heap_size;
  options.tight = is_tight;
  options.steps = 2000;
  report::LayoutReport report;
  try {
    report.suggestion = layout::suggest(survey, options);
  } catch (const Error& error) {
    require(error.status() == ExitStatus::kInput || error.status() == ExitStatus::kNoLayout,
            "there may be no layout");
    require(!error.hint().empty(), "what has no layout comes with a hint");
    return;
  }
  require(report.suggestion.pools.size() <= most_pools, "no more pools than asked for");
  require(layout::layout_bytes(report.suggestion.pools) <= report.suggestion.heap_size,
          "a layout fits its heap");
  layout::Replay replay(report.suggestion.pools, base_alignment);
  replay.add(trace.events);
  require(replay.result().failed == demands.unservable(), "a trace runs on its layout");
  report.replay = replay.result();
  report.traces = {{"heaptrace", trace.summary}};
  report.failed = demands.failed();
  report.unservable = demands.unservable();
  report.base_alignment = base_alignment;
  report.heap_size = std::to_string(report.suggestion.heap_size);
  report.fit = !heap_size;
  require(!report::render_layout(report).empty(), "a layout is printed");
}

}  // namespace

void fuzz_heaptrace(std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  const auto selector = static_cast<unsigned>(bytes.front());
  const std::vector<std::byte> file(bytes.begin() + 1, bytes.end());
  constexpr std::array<std::size_t, 4> kChunks{1, 3, 64, 1000};
  constexpr std::array<std::size_t, 4> kPools{1, 2, 5, 64};

  heaptrace::ReadOptions options;
  constexpr std::array<const char*, 8> kFormats{"auto",     "itm",     "tpiu", "tpiu:1",
                                                "drone-os", "payload", "auto", "auto"};
  const heaptrace::InputFormat format = heaptrace::parse_input_format(kFormats[selector >> 5]);
  options.format = format.file;
  options.input = format.itm;
  const std::size_t chunk = kChunks[selector & 3];
  const bool is_decoder_checked = (selector & 0x1C) == 0;  // that takes most of the time
  if (!is_decoder_checked) {
  } else if (options.format == heaptrace::FileFormat::kPayload) {
    check_decoder<heaptrace::PayloadDecoder>(file, chunk);
  } else if (options.format != heaptrace::FileFormat::kDroneOs) {
    check_decoder<heaptrace::ResyncDecoder>(file, chunk);
  }
  // A few bytes may stand for gigabytes: that is for the target `imports`.
  if (compression_of(file) != Compression::kNone) return;
  const Outcome outcome = read(file, options);
  if (!outcome.trace) return;
  require(outcome.trace->summary.bytes == file.size(), "all bytes are read");
  require(!heaptrace::is_import(outcome.trace->summary.format) ||
              outcome.trace->summary.packets_per_port.empty(),
          "text has no packets");
  check_losses(outcome.trace->summary);
  check_usage(*outcome.trace);
  const unsigned base_alignment = (selector >> 2 & 1) != 0 ? 8 : 4;
  const std::size_t most_pools = kPools[selector >> 3 & 3];
  for (const bool is_tight : {false, true}) {
    check_layout(*outcome.trace, base_alignment, most_pools, std::nullopt, is_tight);
    check_layout(*outcome.trace, base_alignment, most_pools,
                 outcome.trace->summary.description.heap_size.value_or(10240), is_tight);
  }
}

}  // namespace drone::fuzz
