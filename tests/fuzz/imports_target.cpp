// SPDX-License-Identifier: MIT

// The first byte of an input says how the rest is read:
//   bits 1:0  chunks of 1, 3, 64 or 1000 bytes
//   bits 3:2  text, mtrace, heaptrack, or what compressed data hold
//   bit 4     the file was cut

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "heaptrace/heaptrack_reader.hpp"
#include "heaptrace/mtrace_reader.hpp"
#include "heaptrace/text_reader.hpp"
#include "lives.hpp"
#include "require.hpp"
#include "support/byte_stream.hpp"
#include "support/decompress.hpp"
#include "support/error.hpp"
#include "targets.hpp"

namespace drone::fuzz {
namespace {

using heaptrace::Event;
using heaptrace::EventKind;
using heaptrace::Summary;

/// What comes of a stream: until it is refused, if it is.
struct Outcome {
  std::vector<Event> events;
  std::optional<Summary> summary;
  std::string refusal;
};

template <class Reader>
Outcome read(std::span<const std::byte> bytes, std::size_t chunk, bool is_cut) {
  Outcome outcome;
  Reader reader([&outcome](std::span<const Event> events) {
    outcome.events.insert(outcome.events.end(), events.begin(), events.end());
  });
  try {
    for (std::size_t at = 0; at < bytes.size(); at += chunk) {
      reader.feed(bytes.subspan(at, std::min(chunk, bytes.size() - at)));
    }
    reader.finish(is_cut);
    outcome.summary = reader.summary();
  } catch (const Error& error) {
    require(error.status() == ExitStatus::kInput, "bad input is an error of input");
    require(!error.hint().empty(), "bad input comes with a hint");
    require(error.message().starts_with("line "), "a mistake names its line");
    reader.flush();
    outcome.refusal = error.message();
  }
  return outcome;
}

/// Lives are whole, and as many numbers are used as blocks are live.
void check_lives(const std::vector<Event>& events) {
  Lives lives;
  std::size_t most = 0;
  for (const Event& event : events) {
    lives.add(event);
    most = std::max(most, lives.size());
    require(event.kind != EventKind::kAlloc || event.block < most, "block numbers are used again");
    require(event.kind != EventKind::kRealign, "no tool says an alignment later");
  }
}

void check_summary(const Summary& summary, std::size_t bytes) {
  const heaptrace::Losses& losses = summary.losses;
  require(std::is_sorted(losses.places.begin(), losses.places.end()), "places ascend");
  require(losses.places.empty() || losses.places.back() < bytes, "places are in the file");
  require(losses.any() == !losses.places.empty(), "what is lost has a place");
  require((summary.runs != 0) || summary.events == 0, "events are of a run");
}

template <class Reader>
void check_reader(std::span<const std::byte> bytes, std::size_t chunk, bool is_cut) {
  const Outcome whole = read<Reader>(bytes, std::max<std::size_t>(bytes.size(), 1), is_cut);
  check_lives(whole.events);
  if (whole.summary) check_summary(*whole.summary, bytes.size());
  const Outcome parts = read<Reader>(bytes, chunk, is_cut);
  require(parts.events == whole.events && parts.refusal == whole.refusal,
          "events do not depend on chunks");
  require(!whole.summary || (parts.summary->losses.places == whole.summary->losses.places &&
                             parts.summary->ended_in_order == whole.summary->ended_in_order),
          "losses do not depend on chunks");
}

struct Decompressed {
  std::vector<std::byte> bytes;
  bool is_cut = false;
  bool is_damaged = false;
  bool is_enough = false;  ///< more was not asked for
};

Decompressed decompress(std::span<const std::byte> bytes, std::size_t chunk, std::size_t buffer) {
  constexpr std::size_t kEnough = std::size_t{1} << 20;  // a few bytes may stand for gigabytes
  Decompressed result;
  std::vector<std::byte> out(buffer);
  try {
    DecompressingSource source(
        std::make_unique<MemorySource>(std::vector<std::byte>(bytes.begin(), bytes.end()), chunk));
    while (const std::size_t n = source.read(out)) {
      const std::size_t taken = std::min(n, kEnough - result.bytes.size());
      result.bytes.insert(result.bytes.end(), out.begin(),
                          out.begin() + static_cast<std::ptrdiff_t>(taken));
      result.is_enough = result.bytes.size() == kEnough;
      if (result.is_enough) return result;
    }
    result.is_cut = source.is_cut();
    require(!result.is_cut || source.compression() != Compression::kNone,
            "only what is compressed is cut");
  } catch (const Error& error) {
    require(error.status() == ExitStatus::kInput, "damage is an error of input");
    require(!error.hint().empty(), "damage comes with a hint");
    result.is_damaged = true;
  }
  return result;
}

void check_decompression(std::span<const std::byte> bytes, std::size_t chunk) {
  const Decompressed whole = decompress(bytes, SIZE_MAX, 1 << 16);
  const Decompressed parts = decompress(bytes, chunk, 1 << 12);
  const std::size_t common = std::min(whole.bytes.size(), parts.bytes.size());
  require(std::equal(whole.bytes.begin(), whole.bytes.begin() + static_cast<std::ptrdiff_t>(common),
                     parts.bytes.begin()),
          "bytes do not depend on chunks");
  // How many bytes come before damage is seen does, so that only one of them may have come to it.
  if (whole.is_enough || parts.is_enough) return;
  require(parts.is_damaged == whole.is_damaged && parts.is_cut == whole.is_cut,
          "damage does not depend on chunks");
  require(whole.is_damaged || parts.bytes.size() == whole.bytes.size(),
          "their number does not depend on chunks");
}

}  // namespace

void fuzz_imports(std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  const auto selector = static_cast<unsigned>(bytes.front());
  bytes = bytes.subspan(1);
  constexpr std::array<std::size_t, 4> kChunks{1, 3, 64, 1000};
  const std::size_t chunk = kChunks[selector & 3];
  const bool is_cut = (selector >> 4 & 1) != 0;
  switch (selector >> 2 & 3) {
    case 0:
      return check_reader<heaptrace::TextReader>(bytes, chunk, is_cut);
    case 1:
      return check_reader<heaptrace::MtraceReader>(bytes, chunk, is_cut);
    case 2:
      return check_reader<heaptrace::HeaptrackReader>(bytes, chunk, is_cut);
    default:
      return check_decompression(bytes, chunk);
  }
}

}  // namespace drone::fuzz
