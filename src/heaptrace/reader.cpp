// SPDX-License-Identifier: MIT
#include "heaptrace/reader.hpp"

#include <algorithm>
#include <string>

#include "heaptrace/event_reader.hpp"
#include "heaptrace/other_files.hpp"
#include "heaptrace/resync_decoder.hpp"
#include "support/error.hpp"

namespace drone::heaptrace {
namespace {

constexpr std::size_t kChunk = 1 << 18;

[[noreturn]] void refuse(const std::string& message, const std::string& hint = kHowToRecord) {
  throw Error(ExitStatus::kInput, message, hint);
}

std::string counted(std::uint64_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

/// Fills the buffer unless the source ends before.
std::size_t read_chunk(ByteSource& source, std::span<std::byte> buffer) {
  std::size_t filled = 0;
  while (filled != buffer.size()) {
    const std::size_t size = source.read(buffer.subspan(filled));
    if (size == 0) break;
    filled += size;
  }
  return filled;
}

std::string list_ports(const std::map<unsigned, std::uint64_t>& packets_per_port) {
  constexpr std::size_t kMost = 8;
  std::string text;
  std::size_t listed = 0;
  for (const auto& [port, packets] : packets_per_port) {
    if (listed == kMost) {
      text += " and " + std::to_string(packets_per_port.size() - kMost) + " more";
      break;
    }
    text += (listed++ == 0 ? "" : ", ") + std::to_string(port) + " (" + counted(packets, "packet") +
            ")";
  }
  return text;
}

/// Whether the bytes are those of another kind of file, or were received at a wrong rate. Of
/// arbitrary bytes about one header in nine is reserved, and the others name any port; a recording
/// has few ports, and few bytes that are no packet.
bool looks_like_no_recording(const Summary& summary) {
  constexpr std::size_t kManyPorts = 12;
  std::uint64_t packets = 0;
  for (const auto& [port, count] : summary.packets_per_port) packets += count;
  const std::uint64_t malformed = summary.losses.malformed;
  return malformed * 8 > packets ||
         (malformed * 32 > packets && summary.packets_per_port.size() >= kManyPorts);
}

/// The stream is no trace of a heap: says what it is.
void refuse_without_events(const EventReader& reader, const Summary& summary, unsigned port) {
  const std::string heap_port = "port " + std::to_string(port);
  if (summary.bytes == 0) refuse("the trace is empty: the capture got nothing");
  const bool carries_something_else = reader.foreign_writes() * 2 > reader.counted_events();
  if ((carries_something_else || reader.counted_events() == 0) &&
      !summary.packets_per_port.empty() && looks_like_no_recording(summary)) {
    refuse("the trace is no ITM recording: in " + counted(summary.losses.malformed, "place") +
               " its " + counted(summary.bytes, "byte") + " are no packet, elsewhere they name " +
               counted(summary.packets_per_port.size(), "port"),
           "a wrong baud rate or trace clock gives such files; else " + std::string(kHowToRecord));
  }
  if (carries_something_else) {
    refuse(heap_port + " carries something else: " + std::to_string(reader.foreign_writes()) +
               " of its " + counted(summary.events, "packet") + " are no heap events",
           "name the heap's port with --port");
  }
  if (reader.counted_events() != 0) return;
  if (summary.packets_per_port.count(port) != 0) {
    refuse("the trace has no event: the capture ran, but the program sent none");
  }
  if (!summary.packets_per_port.empty()) {
    refuse("the trace has no event of the heap's " + heap_port + "; it carries " +
               (summary.packets_per_port.size() == 1 ? "port " : "ports ") +
               list_ports(summary.packets_per_port),
           "build the firmware with the heaptrace feature (`just features=heaptrace flash`), or "
           "name the heap's port with --port");
  }
  refuse("the trace has no packet of any port in its " + counted(summary.bytes, "byte"),
         "a wrong baud rate or trace clock gives such files; else " + std::string(kHowToRecord));
}

/// What an input stage yields, into a decoder.
class DecoderInput final : public itm::ItmBytesSink {
 public:
  explicit DecoderInput(ResyncDecoder& decoder) : decoder_(decoder) {}
  void bytes(std::span<const std::byte> itm) override { decoder_.feed(itm); }
  void gap(std::uint64_t bytes) override { decoder_.gap(bytes); }

 private:
  ResyncDecoder& decoder_;
};

}  // namespace

Summary read_events(const OpenStream& open, const ReadOptions& options,
                    const std::function<void()>& restart,
                    const std::function<void(std::span<const Event>)>& consume) {
  std::vector<std::byte> buffer(kChunk);
  for (bool use_description = true;; use_description = false) {
    const std::unique_ptr<ByteSource> source = open();
    EventReader reader(options.port, use_description, consume);
    ResyncDecoder decoder(options.port,
                          [&reader](const itm::Packet& packet) { reader.add(packet); });
    DecoderInput itm(decoder);
    itm::InputStage input(options.input);
    std::uint64_t bytes = 0;
    while (const std::size_t size = read_chunk(*source, buffer)) {
      const std::span<const std::byte> chunk = std::span(buffer).first(size);
      if (bytes == 0) {
        if (const auto kind = other_kind_of_file(chunk)) refuse("the trace is " + *kind);
      }
      input.feed(chunk, itm);
      bytes += size;
    }
    input.finish(itm);
    decoder.finish();
    reader.finish();
    Summary summary = reader.summary();
    summary.bytes = bytes;
    summary.input = *input.choice();
    refuse_without_events(reader, summary, options.port);
    if (!reader.contradicts_description()) {
      summary.description_ignored = !use_description;
      return summary;
    }
    restart();
  }
}

}  // namespace drone::heaptrace
