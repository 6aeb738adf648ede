// SPDX-License-Identifier: MIT
#include "itm/port_demux.hpp"

#include <algorithm>

namespace drone::itm {

void PortDemux::add_route(unsigned port, ByteSink& sink) {
  routes_.at(port).push_back(&sink);
  scatter_.add_route(port, sink);
}

void PortDemux::feed(std::span<const std::byte> bytes) {
  // Behind what is taken here byte by byte, packets are looked for again.
  constexpr std::size_t kRareBytes = 8;
  while (!bytes.empty()) {
    std::size_t rare = scatter_.serves_all() ? 1 : bytes.size();
    if (decoder_.at_packet_start() && scatter_.serves_all()) {
      const std::size_t taken = scatter_.take(bytes);
      decoder_.skip(taken);
      bytes = bytes.subspan(taken);
      rare = std::min(bytes.size(), kRareBytes);
    }
    decoder_.feed(bytes.first(rare), [this](const Packet& packet) { write(packet); });
    bytes = bytes.subspan(rare);
  }
  count_scattered();
}

void PortDemux::count_scattered() {
  const PacketScatter::Counts& counts = scatter_.counts();
  for (std::size_t header = 0; header != counts.size(); ++header) {
    const detail::Header& kind = detail::kHeaders[header];
    if (kind.kind == PacketKind::kInstrumentation) packets_[kind.source] += counts[header];
  }
  losses_.overflows += counts[kOverflowHeader];
  scatter_.clear_counts();
}

void PortDemux::feed(std::span<const std::byte> bytes, std::vector<Packet>& packets) {
  decoder_.feed(bytes, [this, &packets](const Packet& packet) {
    write(packet);
    packets.push_back(packet);
  });
}

void PortDemux::gap(std::uint64_t bytes, std::vector<Packet>* packets) {
  decoder_.gap(bytes, [this, packets](const Packet& packet) {
    write(packet);
    if (packets != nullptr) packets->push_back(packet);
  });
}

std::size_t PortDemux::finish(std::vector<Packet>* packets) {
  return decoder_.finish([this, packets](const Packet& packet) {
    write(packet);
    if (packets != nullptr) packets->push_back(packet);
  });
}

void PortDemux::write(std::span<const Packet> packets) {
  for (const Packet& packet : packets) write(packet);
}

void PortDemux::write(const Packet& packet) {
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
  if (packet.kind != PacketKind::kInstrumentation || packet.source >= kPortCount) return;
  ++packets_[packet.source];
  std::array<std::byte, 4> payload;
  for (unsigned i = 0; i != payload.size(); ++i) {
    payload[i] = static_cast<std::byte>((packet.value >> (8 * i)) & 0xFF);
  }
  for (ByteSink* sink : routes_[packet.source]) {
    sink->write(std::span(payload).first(packet.size));
  }
}

bool PortDemux::any_packet() const {
  return std::any_of(packets_.begin(), packets_.end(), [](std::uint64_t n) { return n != 0; });
}

}  // namespace drone::itm
