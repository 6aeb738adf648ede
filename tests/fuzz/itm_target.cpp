// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "itm/decoder.hpp"
#include "itm/port_demux.hpp"
#include "require.hpp"
#include "support/byte_stream.hpp"
#include "targets.hpp"

namespace drone::fuzz {
namespace {

struct Decoded {
  std::vector<itm::Packet> packets;
  std::size_t unfinished = 0;
  std::array<std::vector<std::byte>, itm::kPortCount> ports;
};

Decoded decode(std::span<const std::byte> bytes, std::size_t chunk) {
  Decoded decoded;
  itm::Decoder decoder;
  itm::PortDemux demux;
  std::array<MemorySink, itm::kPortCount> sinks;
  for (unsigned port = 0; port != itm::kPortCount; ++port) demux.add_route(port, sinks[port]);
  std::size_t demuxed = 0;
  const auto pass_on = [&] {
    demux.write(std::span(decoded.packets).subspan(demuxed));
    demuxed = decoded.packets.size();
  };
  for (std::size_t at = 0; at < bytes.size(); at += chunk) {
    decoder.feed(bytes.subspan(at, std::min(chunk, bytes.size() - at)), decoded.packets);
    pass_on();
  }
  decoded.unfinished = decoder.finish(decoded.packets);
  pass_on();
  for (unsigned port = 0; port != itm::kPortCount; ++port) {
    decoded.ports[port] = sinks[port].bytes();
  }
  return decoded;
}

/// Bytes of ports, as the packets say.
std::size_t payload_bytes(const std::vector<itm::Packet>& packets) {
  std::size_t bytes = 0;
  for (const itm::Packet& packet : packets) {
    const bool written =
        packet.kind == itm::PacketKind::kInstrumentation && packet.source < itm::kPortCount;
    if (written) bytes += packet.size;
  }
  return bytes;
}

/// The same with a loss at `at`: a gap takes no bytes, and nothing crosses it.
void check_gap(std::span<const std::byte> bytes, std::size_t at) {
  std::vector<itm::Packet> packets;
  itm::Decoder decoder;
  decoder.feed(bytes.first(at), packets);
  decoder.gap(7, [&packets](const itm::Packet& packet) { packets.push_back(packet); });
  decoder.feed(bytes.subspan(at), packets);
  const std::size_t unfinished = decoder.finish(packets);
  std::uint64_t offset = 0;
  std::size_t gaps = 0;
  for (const itm::Packet& packet : packets) {
    require(packet.offset == offset, "packets tile a stream with a gap");
    if (packet.kind == itm::PacketKind::kGap) {
      require(packet.length == 0 && packet.value == 7 && offset == at, "a gap is where it was");
      ++gaps;
    }
    offset += packet.length;
  }
  require(gaps == 1 && offset + unfinished == bytes.size(), "nothing is left over around a gap");
}

}  // namespace

void fuzz_itm(std::span<const std::byte> bytes) {
  const Decoded whole = decode(bytes, std::max<std::size_t>(bytes.size(), 1));
  std::uint64_t offset = 0;
  for (const itm::Packet& packet : whole.packets) {
    require(packet.offset == offset && packet.length != 0, "packets tile the stream");
    offset += packet.length;
  }
  require(offset + whole.unfinished == bytes.size(), "nothing is left over");
  std::size_t ports = 0;
  for (const std::vector<std::byte>& port : whole.ports) ports += port.size();
  require(ports == payload_bytes(whole.packets), "ports get what the packets carry");
  for (const std::size_t chunk : {std::size_t{1}, std::size_t{7}, std::size_t{64}}) {
    const Decoded parts = decode(bytes, chunk);
    require(parts.packets == whole.packets && parts.unfinished == whole.unfinished,
            "packets do not depend on chunks");
    require(parts.ports == whole.ports, "ports do not depend on chunks");
  }
  if (!bytes.empty()) {
    check_gap(bytes, static_cast<std::size_t>(bytes.front()) % (bytes.size() + 1));
  }
}

}  // namespace drone::fuzz
