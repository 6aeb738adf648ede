// SPDX-License-Identifier: MIT
#include "heaptrace/writer.hpp"

#include <algorithm>

#include "drone/heaptrace/wire_format.hpp"

namespace drone::heaptrace {
namespace {

constexpr std::uint64_t kMaxArgument = 0xFFFFFF;  ///< what one EXT event carries

}  // namespace

void Writer::write(std::span<const itm::Packet> packets) {
  begin();
  for (const itm::Packet& packet : packets) append(packet);
  hand_over();
}

void Writer::describe(std::span<const itm::Packet> packets) {
  const std::uint64_t events = events_;
  write(packets);
  events_ = events;
}

void Writer::gap(std::uint64_t bytes) {
  begin();
  append_gap(bytes);
  hand_over();
}

void Writer::close() {
  begin();
  const Write end = encode({Op::kEnd});
  itm::append_instrumentation(buffer_, port_, end.value, end.size);
  hand_over();
  sink_.flush();
}

void Writer::begin() {
  if (begun_) return;
  begun_ = true;
  itm::append_sync(buffer_);
}

void Writer::append(const itm::Packet& packet) {
  switch (packet.kind) {
    case itm::PacketKind::kInstrumentation:
      if (packet.source != port_) break;
      ++events_;
      itm::append_instrumentation(buffer_, port_, static_cast<std::uint32_t>(packet.value),
                                  packet.size);
      break;
    case itm::PacketKind::kLocalTimestamp:
      itm::append_local_timestamp(buffer_, static_cast<std::uint32_t>(packet.value), packet.detail);
      break;
    case itm::PacketKind::kGlobalTimestamp1:
      // As long as it was: written longer, it would say that the bits it left out are zero.
      itm::append_global_timestamp1(buffer_, static_cast<std::uint32_t>(packet.value),
                                    (packet.detail & 2) != 0, (packet.detail & 1) != 0,
                                    packet.length - 1);
      break;
    case itm::PacketKind::kGlobalTimestamp2:
      itm::append_global_timestamp2(buffer_, packet.value, packet.length > 5);
      break;
    case itm::PacketKind::kOverflow:
      itm::append_overflow(buffer_);
      break;
    case itm::PacketKind::kMalformed:
      append_gap(packet.length);
      break;
    case itm::PacketKind::kGap:
      append_gap(packet.value);
      break;
    case itm::PacketKind::kSync:
    case itm::PacketKind::kExtension:
    case itm::PacketKind::kHardware:
      break;
  }
}

void Writer::append_gap(std::uint64_t bytes) {
  do {
    const std::uint64_t part = std::min(bytes, kMaxArgument);
    const Write write = encode({Op::kGap, 0, static_cast<std::uint32_t>(part)});
    itm::append_instrumentation(buffer_, port_, write.value, write.size);
    bytes -= part;
  } while (bytes != 0);
}

void Writer::hand_over() {
  bytes_ += buffer_.size();
  std::vector<std::byte> out;
  out.swap(buffer_);
  sink_.write(out);
  out.clear();
  buffer_.swap(out);  // its memory again, unless the sink threw
}

}  // namespace drone::heaptrace
