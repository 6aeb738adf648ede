// SPDX-License-Identifier: MIT
#include "cli/trace_head.hpp"

#include <algorithm>

namespace drone::cli {

void TraceHead::add(std::span<const itm::Packet> packets) {
  for (const itm::Packet& packet : packets) {
    switch (packet.kind) {
      case itm::PacketKind::kOverflow:
        ++overflows_;
        break;
      case itm::PacketKind::kMalformed:
        // The rest of a packet that had begun before the stream did is no loss.
        if (packet.offset != 0) malformed_bytes_ += packet.length;
        break;
      case itm::PacketKind::kGap:
        ++gaps_;
        gap_bytes_ += packet.value;
        break;
      case itm::PacketKind::kLocalTimestamp:
        ticks_ += packet.value;
        local_ = packet;
        break;
      case itm::PacketKind::kGlobalTimestamp1:
        add_global_timestamp1(packet);
        break;
      case itm::PacketKind::kGlobalTimestamp2:
        global2_ = packet;
        break;
      case itm::PacketKind::kSync:
      case itm::PacketKind::kExtension:
      case itm::PacketKind::kInstrumentation:
      case itm::PacketKind::kHardware:
        break;
    }
  }
}

void TraceHead::add_global_timestamp1(const itm::Packet& packet) {
  // A short one leaves out the high bytes that did not change.
  itm::Packet whole = packet;
  if (global1_ && packet.length < global1_->length) {
    const std::uint64_t carried = (std::uint64_t{1} << (7 * (packet.length - 1))) - 1;
    whole.value = (global1_->value & ~carried) | (packet.value & carried);
    whole.length = global1_->length;
  }
  global1_ = whole;
}

std::vector<itm::Packet> TraceHead::packets() const {
  std::vector<itm::Packet> packets;
  itm::Packet overflow;
  overflow.kind = itm::PacketKind::kOverflow;
  overflow.length = 1;
  packets.assign(overflows_, overflow);
  for (std::uint64_t left = malformed_bytes_; left != 0;) {
    itm::Packet malformed;
    malformed.kind = itm::PacketKind::kMalformed;
    malformed.length = static_cast<std::uint32_t>(std::min<std::uint64_t>(left, UINT32_MAX));
    packets.push_back(malformed);
    left -= malformed.length;
  }
  if (gaps_ != 0) {
    itm::Packet gap;
    gap.kind = itm::PacketKind::kGap;
    gap.value = gap_bytes_;
    packets.push_back(gap);
  }
  if (global1_) packets.push_back(*global1_);
  if (global2_) packets.push_back(*global2_);
  if (local_) {
    std::uint64_t left = ticks_;
    do {
      itm::Packet local = *local_;
      local.value = std::min<std::uint64_t>(left, itm::kMaxLocalTicks);
      packets.push_back(local);
      left -= local.value;
    } while (left != 0);
  }
  return packets;
}

}  // namespace drone::cli
