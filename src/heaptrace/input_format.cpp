// SPDX-License-Identifier: MIT
#include "heaptrace/input_format.hpp"

#include <algorithm>
#include <utility>

#include "heaptrace/drone_os_reader.hpp"
#include "heaptrace/event_reader.hpp"
#include "heaptrace/heaptrack_reader.hpp"
#include "heaptrace/mtrace_reader.hpp"
#include "heaptrace/other_files.hpp"
#include "heaptrace/payload_decoder.hpp"
#include "heaptrace/text_reader.hpp"
#include "itm/decoder.hpp"
#include "support/error.hpp"

namespace drone::heaptrace {
namespace {

/// Whether a DWT sends packets of `id` with `size` bytes (ARMv7-M ARM, D4.3, and ARMv8-M's).
bool is_dwt_packet(unsigned id, unsigned size) {
  switch (id) {
    case 0:  // counters that wrapped
    case 3:  // the same of ARMv8.1-M's performance monitor
      return size == 1;
    case 1:  // exceptions
      return size == 2;
    case 2:  // PC samples, and sleep
      return size != 2;
    default:  // what comparators saw
      return id >= 8 && id <= 23;
  }
}

/// Counts the bytes of an ITM stream that no Cortex-M would send.
class OddBytes final : public itm::ItmBytesSink {
 public:
  void bytes(std::span<const std::byte> itm) override {
    decoder_.feed(itm, [this](const itm::Packet& packet) { add(packet); });
  }
  void gap(std::uint64_t bytes) override {
    decoder_.gap(bytes, [this](const itm::Packet& packet) { add(packet); });
  }
  void finish() {
    decoder_.finish([this](const itm::Packet& packet) { add(packet); });
  }

  /// A stream of which more is odd is something else, or so damaged that nothing can be said.
  bool few() const { return odd_ * 8 <= bytes_; }

 private:
  void add(const itm::Packet& packet) {
    bytes_ += packet.length;
    if (is_odd(packet)) odd_ += packet.length;
  }

  bool is_odd(const itm::Packet& packet) const {
    switch (packet.kind) {
      case itm::PacketKind::kMalformed:
      case itm::PacketKind::kExtension:
        return true;
      case itm::PacketKind::kHardware:
        return !is_dwt_packet(packet.source, packet.size);
      case itm::PacketKind::kInstrumentation:
        return packet.source >= 32;  // no Cortex-M has a second page of ports
      default:
        return false;
    }
  }

  itm::Decoder decoder_;
  std::uint64_t bytes_ = 0;
  std::uint64_t odd_ = 0;
};

bool is_plausible_itm(std::span<const std::byte> head, const itm::InputOptions& options) {
  OddBytes odd;
  itm::InputStage stage(options);
  stage.feed(head, odd);
  stage.finish(odd);
  odd.finish();
  return odd.few();
}

bool is_plausible_drone_os(std::span<const std::byte> head) {
  if (!begins_drone_os_record(head)) return false;
  DroneOsReader reader([](std::span<const Event>) {});
  reader.feed(head);
  reader.finish();
  return reader.summary().events != 0 && reader.damaged_bytes() * 4 <= head.size();
}

/// Of arbitrary bytes, most would free what nobody allocated.
bool is_plausible_payload(std::span<const std::byte> head, unsigned port) {
  constexpr std::uint64_t kLeastEvents = 4;
  std::uint64_t damaged_bytes = 0;
  EventReader reader(port, true, [](std::span<const Event>) {});
  PayloadDecoder decoder(port, [&](const itm::Packet& packet) {
    if (packet.kind == itm::PacketKind::kMalformed) damaged_bytes += packet.length;
    reader.add(packet);
  });
  try {
    decoder.feed(head);
    decoder.finish();
    reader.finish();
  } catch (const Error&) {
    return false;  // a version that nobody wrote
  }
  const Summary summary = reader.summary();
  const Losses& losses = summary.losses;
  const std::uint64_t odd = losses.damaged_events + losses.unknown_deallocs + losses.double_allocs +
                            summary.unknown_operations + damaged_bytes / 4;
  return summary.events >= kLeastEvents && odd * 3 <= summary.events;
}

/// The lines at its beginning that are text.
std::span<const std::byte> text_lines(std::span<const std::byte> head) {
  std::size_t size = 0;
  while (size != head.size()) {
    const auto rest = head.subspan(size);
    const auto newline = std::find(rest.begin(), rest.end(), std::byte{'\n'});
    if (newline == rest.end()) break;
    const auto length = static_cast<std::size_t>(newline - rest.begin()) + 1;
    if (!looks_like_text(rest.first(length))) break;
    size += length;
  }
  return head.first(size);
}

std::optional<FileFormat> infer_import(std::span<const std::byte> head) {
  if (!looks_like_text(head)) {
    // Of a text that is damaged further on the reader says where.
    if (begins_text_trace(text_lines(head)) == TextBegin::kEntry) return FileFormat::kText;
    return std::nullopt;
  }
  if (begins_heaptrack(head)) return FileFormat::kHeaptrack;
  if (begins_mtrace(head)) return FileFormat::kMtrace;
  if (begins_text_trace(head) != TextBegin::kOther) return FileFormat::kText;
  return std::nullopt;
}

}  // namespace

InputFormat parse_input_format(std::string_view name) {
  InputFormat format;
  constexpr std::pair<std::string_view, FileFormat> kFormats[] = {
      {"drone-os", FileFormat::kDroneOs},
      {"payload", FileFormat::kPayload},
      {"text", FileFormat::kText},
      {"mtrace", FileFormat::kMtrace},
      {"heaptrack", FileFormat::kHeaptrack}};
  for (const auto& [known, file] : kFormats) {
    if (name != known) continue;
    format.file = file;
    return format;
  }
  if (const auto options = itm::parse_input_options(name)) {
    format.itm = *options;
    if (options->kind) format.file = FileFormat::kItm;
    return format;
  }
  throw Error(ExitStatus::kUsage, "'" + std::string(name) + "' is no format of input",
              "one of: " + std::string(kInputFormats) + "; ID, the ITM's stream, is from 1 to 111");
}

std::string describe(FileFormat format, const itm::InputChoice& itm) {
  switch (format) {
    case FileFormat::kDroneOs:
      return "a file of Drone OS";
    case FileFormat::kPayload:
      return "payload only";
    case FileFormat::kText:
      return "text, an event a line";
    case FileFormat::kMtrace:
      return "a recording of mtrace";
    case FileFormat::kHeaptrack:
      return "a recording of heaptrack, interpreted";
    case FileFormat::kHeaptrackRaw:
      return "a raw recording of heaptrack";
    default:
      return itm::describe(itm);
  }
}

FileFormat infer_format(std::span<const std::byte> head, unsigned port,
                        const itm::InputOptions& itm) {
  head = head.first(std::min(head.size(), kFormatSample));
  if (const auto format = infer_import(head)) return *format;
  if (is_plausible_itm(head, itm)) return FileFormat::kItm;
  if (is_plausible_drone_os(head)) return FileFormat::kDroneOs;
  if (is_plausible_payload(head, port)) return FileFormat::kPayload;
  return FileFormat::kItm;
}

}  // namespace drone::heaptrace
