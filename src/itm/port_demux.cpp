// SPDX-License-Identifier: MIT
#include "itm/port_demux.hpp"

#include <algorithm>

namespace drone::itm {

void PortDemux::add_route(unsigned port, ByteSink& sink) { routes_.at(port).push_back(&sink); }

void PortDemux::write(std::span<const Packet> packets) {
  for (const Packet& packet : packets) {
    if (packet.kind == PacketKind::kOverflow) {
      ++losses_.overflows;
    } else if (packet.kind == PacketKind::kMalformed) {
      ++losses_.malformed;
      losses_.malformed_bytes += packet.length;
    } else if (packet.kind == PacketKind::kGap) {
      ++losses_.gaps;
      losses_.gap_bytes += packet.value;
    }
    // Ports from 32 on lie on other stimulus pages; nothing here can name them.
    if (packet.kind != PacketKind::kInstrumentation || packet.source >= kPortCount) continue;
    ++packets_[packet.source];
    std::array<std::byte, 4> payload;
    for (unsigned i = 0; i != payload.size(); ++i) {
      payload[i] = static_cast<std::byte>((packet.value >> (8 * i)) & 0xFF);
    }
    for (ByteSink* sink : routes_[packet.source]) {
      sink->write(std::span(payload).first(packet.size));
    }
  }
}

void PortDemux::feed(std::span<const std::byte> bytes) {
  decoder_.feed(bytes, decoded_);
  write(decoded_);
  decoded_.clear();
}

void PortDemux::gap(std::uint64_t bytes) {
  decoder_.gap(bytes, [this](const Packet& packet) { write({&packet, 1}); });
}

std::size_t PortDemux::finish() {
  return decoder_.finish([this](const Packet& packet) { write({&packet, 1}); });
}

bool PortDemux::any_packet() const {
  return std::any_of(packets_.begin(), packets_.end(), [](std::uint64_t n) { return n != 0; });
}

}  // namespace drone::itm
