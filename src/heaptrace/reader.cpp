// SPDX-License-Identifier: MIT
#include "heaptrace/reader.hpp"

#include <algorithm>
#include <string>

#include "heaptrace/drone_os_reader.hpp"
#include "heaptrace/event_reader.hpp"
#include "heaptrace/heaptrack_reader.hpp"
#include "heaptrace/mtrace_reader.hpp"
#include "heaptrace/other_files.hpp"
#include "heaptrace/payload_decoder.hpp"
#include "heaptrace/resync_decoder.hpp"
#include "heaptrace/text_reader.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"

namespace drone::heaptrace {
namespace {

constexpr std::size_t kChunk = 1 << 17;

[[noreturn]] void refuse(const std::string& message, const std::string& hint = kHowToRecord) {
  throw Error(ExitStatus::kInput, message, hint);
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

/// The stream is no trace of a heap: says what it is.
void refuse_without_events(const EventReader& reader, const Summary& summary, unsigned port) {
  const std::string heap_port = "port " + std::to_string(port);
  const bool carries_something_else = reader.foreign_writes() * 2 > reader.counted_events();
  if ((carries_something_else || reader.counted_events() == 0) &&
      !summary.packets_per_port.empty() && looks_like_no_recording(summary)) {
    refuse("the trace is no ITM recording: in " + counted(summary.losses.malformed, "place") +
               " its " + counted(summary.bytes, "byte") + " are no packet, elsewhere they name " +
               counted(summary.packets_per_port.size(), "port"),
           "a wrong baud rate or trace clock gives such files; if it is the bytes of one port, say "
           "--input-format payload; else " +
               std::string(kHowToRecord));
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

/// What an input stage yields, decoded into events: as it stands, or with doubt.
class DecoderInput final : public itm::ItmBytesSink {
  /// A sink of packets.
  auto add() {
    return [this](const itm::Packet& packet) { events_.add(packet); };
  }

 public:
  DecoderInput(unsigned port, bool trust_framing, EventReader& events) : events_(events) {
    if (!trust_framing) doubting_.emplace(port, add());
  }
  void bytes(std::span<const std::byte> itm) override {
    if (doubting_) {
      doubting_->feed(itm);
    } else {
      plain_.feed(itm, add(),
                  [this](std::span<const std::byte> bytes) { return events_.take(bytes); });
    }
  }
  void gap(std::uint64_t bytes) override {
    doubting_ ? doubting_->gap(bytes) : plain_.gap(bytes, add());
  }
  void finish() { doubting_ ? doubting_->finish() : plain_.finish(add()); }

 private:
  EventReader& events_;
  itm::Decoder plain_;
  std::optional<ResyncDecoder> doubting_;
};

}  // namespace

// Of arbitrary bytes about one header in nine is reserved, and the others name any port; a
// recording has few ports, and few bytes that are no packet.
bool looks_like_no_recording(const Summary& summary) {
  constexpr std::size_t kManyPorts = 12;
  std::uint64_t packets = 0;
  for (const auto& [port, count] : summary.packets_per_port) packets += count;
  const std::uint64_t malformed = summary.losses.malformed;
  return malformed * 8 > packets ||
         (malformed * 32 > packets && summary.packets_per_port.size() >= kManyPorts);
}

/// A whole file in one format: bytes in, then what it was like.
class TraceReader::Format {
 public:
  virtual ~Format() = default;
  virtual void feed(std::span<const std::byte> bytes) = 0;
  /// The file has ended after `bytes` bytes. Throws Error (kInput) if it is no trace.
  virtual Summary finish(std::uint64_t bytes) = 0;
  /// Before finish(): there were more bytes, which are lost.
  virtual void note_cut() {}
  /// Whether its framing can be doubted.
  virtual bool has_framing() const { return true; }
  /// Hands on the events that came, where they are kept back for a batch.
  virtual void flush() {}
  /// What the file was like until now, but for `bytes`.
  virtual Summary summary() const = 0;
  /// Whether the trace is to be read again, without its description.
  virtual bool contradicts_description() const { return false; }
};

namespace {

class ItmReader final : public TraceReader::Format {
 public:
  ItmReader(const ReadOptions& options, Trust trust, EventReader::Consume consume)
      : port_(options.port),
        events_(options.port, trust.description, std::move(consume)),
        itm_(options.port, trust.framing, events_),
        input_(options.input) {}

  void feed(std::span<const std::byte> bytes) override { input_.feed(bytes, itm_); }
  Summary finish(std::uint64_t bytes) override {
    input_.finish(itm_);
    itm_.finish();
    events_.finish();
    Summary summary = this->summary();
    summary.bytes = bytes;
    refuse_without_events(events_, summary, port_);
    return summary;
  }
  void flush() override { events_.flush(); }
  Summary summary() const override {
    Summary summary = events_.summary();
    if (input_.choice()) summary.input = *input_.choice();
    return summary;
  }
  bool contradicts_description() const override { return events_.contradicts_description(); }

 private:
  unsigned port_;
  EventReader events_;
  DecoderInput itm_;
  itm::InputStage input_;
};

class PayloadReader final : public TraceReader::Format {
 public:
  PayloadReader(const ReadOptions& options, Trust trust, EventReader::Consume consume)
      : port_(options.port),
        events_(options.port, trust.description, std::move(consume)),
        decoder_(options.port, [this](const itm::Packet& packet) { events_.add(packet); }) {}

  void feed(std::span<const std::byte> bytes) override { decoder_.feed(bytes); }
  Summary finish(std::uint64_t bytes) override {
    decoder_.finish();
    events_.finish();
    Summary summary = this->summary();
    summary.bytes = bytes;
    refuse_without_events(events_, summary, port_);
    summary.ended_in_order = true;  // END is of the capture, and not in the port's bytes
    return summary;
  }
  void flush() override { events_.flush(); }
  Summary summary() const override {
    Summary summary = events_.summary();
    summary.format = FileFormat::kPayload;
    return summary;
  }
  bool contradicts_description() const override { return events_.contradicts_description(); }

 private:
  unsigned port_;
  EventReader events_;
  PayloadDecoder decoder_;
};

class DroneOsFileReader final : public TraceReader::Format {
 public:
  explicit DroneOsFileReader(DroneOsReader::Consume consume) : reader_(std::move(consume)) {}

  void feed(std::span<const std::byte> bytes) override { reader_.feed(bytes); }
  Summary finish(std::uint64_t bytes) override {
    reader_.finish();
    Summary summary = reader_.summary();
    summary.bytes = bytes;
    if (bytes != 0 && summary.events == 0) refuse("the trace has no record of Drone OS");
    return summary;
  }
  Summary summary() const override { return reader_.summary(); }

 private:
  DroneOsReader reader_;
};

/// The text of another tool.
template <class Reader>
class ImportReader final : public TraceReader::Format {
 public:
  explicit ImportReader(ImportedLives::Consume consume) : reader_(std::move(consume)) {}

  void feed(std::span<const std::byte> bytes) override { reader_.feed(bytes); }
  Summary finish(std::uint64_t bytes) override {
    reader_.finish(is_cut_);
    Summary summary = reader_.summary();
    summary.bytes = bytes;
    if (bytes == 0 || summary.events != 0) return summary;
    if (summary.format == FileFormat::kText) {  // a line that makes no sense was refused before
      refuse("the trace is a text recording without events",
             "an event a line: `a ID SIZE`, `r ID SIZE` or `f ID`; docs/imports.md has the rest");
    }
    refuse("the trace has no event, read as " + describe(summary.format, {}) +
               (summary.losses.malformed == 0
                    ? ""
                    : ": " + counted(summary.losses.malformed, "line") +
                          (summary.losses.malformed == 1 ? " of it makes" : " of it make") +
                          " no sense"),
           "docs/imports.md says how to record one");
  }
  void note_cut() override { is_cut_ = true; }
  bool has_framing() const override { return false; }
  void flush() override { reader_.flush(); }
  Summary summary() const override { return reader_.summary(); }

 private:
  Reader reader_;
  bool is_cut_ = false;
};

std::unique_ptr<TraceReader::Format> make_reader(FileFormat format, const ReadOptions& options,
                                                 Trust trust, const EventReader::Consume& consume) {
  switch (format) {
    case FileFormat::kDroneOs:
      return std::make_unique<DroneOsFileReader>(consume);
    case FileFormat::kPayload:
      return std::make_unique<PayloadReader>(options, trust, consume);
    case FileFormat::kText:
      return std::make_unique<ImportReader<TextReader>>(consume);
    case FileFormat::kMtrace:
      return std::make_unique<ImportReader<MtraceReader>>(consume);
    case FileFormat::kHeaptrack:
    case FileFormat::kHeaptrackRaw:
      return std::make_unique<ImportReader<HeaptrackReader>>(consume);
    default:
      return std::make_unique<ItmReader>(options, trust, consume);
  }
}

}  // namespace

TraceReader::TraceReader(const ReadOptions& options, std::span<const std::byte> head, Trust trust,
                         const Consume& consume)
    : trust_(trust) {
  const FileFormat format =
      options.format ? *options.format : infer_format(head, options.port, options.input);
  if (!is_import(format)) {
    if (const auto kind = other_kind_of_file(head)) {
      if (compression_of(head) != Compression::kNone) {  // read_events() has seen to the first time
        refuse(
            "the trace is " + *kind,
            "decompress it first: nothing is followed that is compressed, or decompressed twice");
      }
      const std::string hint = looks_like_text(head)
                                   ? "if it should be one, an event a line, --input-format text "
                                     "says where it is not; else "
                                   : "";
      refuse("the trace is " + *kind, hint + kHowToRecord);
    }
  }
  format_ = make_reader(format, options, trust, consume);
}

TraceReader::~TraceReader() = default;

void TraceReader::feed(std::span<const std::byte> bytes) {
  format_->feed(bytes);
  bytes_ += bytes.size();
}

void TraceReader::flush() { format_->flush(); }

Summary TraceReader::summary() const {
  Summary summary = format_->summary();
  summary.bytes = bytes_;
  summary.description_ignored = !trust_.description;
  return summary;
}

Summary TraceReader::finish(bool is_cut) {
  if (bytes_ == 0) refuse("the trace is empty: the capture got nothing");
  if (is_cut) format_->note_cut();
  Summary summary = format_->finish(bytes_);
  summary.is_cut = is_cut;
  if (is_cut) summary.ended_in_order = false;
  summary.description_ignored = !trust_.description;
  return summary;
}

bool TraceReader::has_framing() const { return format_->has_framing(); }

bool TraceReader::contradicts_description() const { return format_->contradicts_description(); }

Summary read_events(const OpenStream& open, const ReadOptions& options,
                    const std::function<void()>& restart,
                    const std::function<void(std::span<const Event>)>& consume) {
  std::vector<std::byte> buffer(kChunk);
  for (Trust trust{.description = true, .framing = true};; restart()) {
    DecompressingSource source(open());
    std::span<const std::byte> chunk = std::span(buffer).first(read_chunk(source, buffer));
    TraceReader reader(options, chunk, trust, consume);
    try {
      for (; !chunk.empty(); chunk = std::span(buffer).first(read_chunk(source, buffer))) {
        reader.feed(chunk);
      }
      Summary summary = reader.finish(source.is_cut());
      summary.compression = source.compression();
      const bool contradicts = reader.contradicts_description();
      const bool is_doubtful = trust.framing && reader.has_framing() && summary.losses.any();
      if (!contradicts && !is_doubtful) return summary;
      if (contradicts) trust.description = false;
    } catch (const Error&) {
      if (!trust.framing || !reader.has_framing()) throw;
    }
    trust.framing = false;
  }
}

}  // namespace drone::heaptrace
