// SPDX-License-Identifier: MIT
#include "cli/trace_recorder.hpp"

#include <utility>

#include "drone/heaptrace/wire_format.hpp"

namespace drone::cli {

namespace {

/// Whether the target itself says what its heap is like, or has begun to before it could be heard.
bool is_introduction(const itm::Packet& event) {
  using heaptrace::Op;
  const auto [record, valid] =
      heaptrace::decode({static_cast<std::uint32_t>(event.value), event.size});
  return valid && (record.op == Op::kVersion ||
                   (record.op >= Op::kPoolBlock && record.op <= Op::kHeapAlignment));
}

}  // namespace

TraceRecorder::TraceRecorder(const HeaptraceFile& file, EventLimit& limit)
    : limit_(limit),
      file_(file.file),
      sink_(file_),
      writer_(sink_, file.port),
      decoder_(file.port, [this](const itm::Packet& packet) {
        decoded_.push_back(packet);
        last_offset_ = packet.offset;
      }) {}

bool TraceRecorder::is_event(const itm::Packet& packet) const {
  return packet.kind == itm::PacketKind::kInstrumentation && packet.source == writer_.port();
}

/// The packet, if it is none that a capture wrote; a GAP as what it says; or nothing.
std::optional<itm::Packet> TraceRecorder::without_marks(const itm::Packet& packet) const {
  if (!is_event(packet)) return packet;
  const auto [record, valid] =
      heaptrace::decode({static_cast<std::uint32_t>(packet.value), packet.size});
  if (!valid) return packet;
  if (record.op == heaptrace::Op::kEnd) return std::nullopt;
  if (record.op != heaptrace::Op::kGap) return packet;
  itm::Packet gap;
  gap.kind = itm::PacketKind::kGap;
  gap.value = record.argument;
  gap.offset = packet.offset;
  return gap;
}

void TraceRecorder::take_one() {
  const std::optional<itm::Packet> packet = without_marks(decoded_[taken_]);
  if (++taken_ > decoded_.size() / 2 && (taken_ == decoded_.size() || taken_ > kMostTaken)) {
    decoded_.erase(decoded_.begin(), decoded_.begin() + static_cast<std::ptrdiff_t>(taken_));
    taken_ = 0;
  }
  if (!packet || complete_) return;
  if (limit_.is_reached()) {
    complete_ = true;
    if (packet->kind != itm::PacketKind::kLocalTimestamp) return;
  } else if (is_event(*packet)) {
    limit_.count();
  }
  if (std::exchange(delivered_, false)) recorded_.clear();
  recorded_.push_back(*packet);
}

std::span<const itm::Packet> TraceRecorder::deliver() {
  if (std::exchange(delivered_, true)) recorded_.clear();
  if (begun()) {
    writer_.write(recorded_);
  } else {
    prove(recorded_);
  }
  return recorded_;
}

/// Takes packets before it is certain that they are a heap's.
void TraceRecorder::prove(std::span<const itm::Packet> packets) {
  for (const itm::Packet& packet : packets) {
    const bool event = is_event(packet);
    if (unproven_.empty() && !event) {
      head_.add({&packet, 1});
      continue;
    }
    unproven_.push_back(packet);
    if (!event) continue;
    ++events_;
    const auto [record, valid] =
        heaptrace::decode({static_cast<std::uint32_t>(packet.value), packet.size});
    if (!valid) ++foreign_;
    proven_ = proven_ || (valid && record.op == heaptrace::Op::kVersion &&
                          record.argument == heaptrace::kFormatVersion);
  }
  if (proven_ || (events_ >= kProof && is_plausible())) {
    begin();
  } else if (events_ >= kProof) {
    for (const itm::Packet& packet : std::exchange(unproven_, {})) {
      if (!is_event(packet)) head_.add({&packet, 1});
    }
    events_ = foreign_ = 0;
  }
}

void TraceRecorder::begin() {
  if (!is_introduction(unproven_.front())) writer_.describe(description_);
  writer_.write(head_.packets());
  writer_.write(std::exchange(unproven_, {}));
}

void TraceRecorder::close() {
  if (!begun() && events_ != 0 && is_plausible()) begin();
  if (begun()) writer_.close();
}

}  // namespace drone::cli
