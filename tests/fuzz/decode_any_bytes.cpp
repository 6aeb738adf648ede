// SPDX-License-Identifier: MIT
#include "decode_any_bytes.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <unordered_map>
#include <vector>

#include "heaptrace/reader.hpp"
#include "heaptrace/usage.hpp"
#include "itm/decoder.hpp"
#include "support/byte_stream.hpp"
#include "support/error.hpp"

namespace drone::fuzz {
namespace {

void require(bool holds, const char* promise) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

struct Decoded {
  std::vector<itm::Packet> packets;
  std::size_t unfinished = 0;
};

Decoded decode(std::span<const std::byte> bytes, std::size_t chunk) {
  Decoded decoded;
  itm::Decoder decoder;
  for (std::size_t at = 0; at < bytes.size(); at += chunk) {
    decoder.feed(bytes.subspan(at, std::min(chunk, bytes.size() - at)), decoded.packets);
  }
  decoded.unfinished = decoder.finish(decoded.packets);
  return decoded;
}

/// Lives as a consumer of events sees them.
class Lives {
 public:
  void add(const heaptrace::Event& event) {
    using heaptrace::EventKind;
    const auto life = sizes_.find(event.block);
    const bool live = life != sizes_.end();
    switch (event.kind) {
      case EventKind::kAlloc:
        require(!live && event.size != 0, "no block is live twice");
        sizes_[event.block] = event.size;
        break;
      case EventKind::kDealloc:
        require(live && life->second == event.size, "only what is live is freed");
        sizes_.erase(life);
        break;
      case EventKind::kResize:
        require(live && life->second == event.old_size && event.size != event.old_size,
                "only what is live is resized");
        life->second = event.size;
        break;
      case EventKind::kRealign:
        require(live && life->second == event.size, "only what is live is realigned");
        break;
      case EventKind::kFailed:
        require(event.size != 0, "requests have a size");
        break;
      case EventKind::kReset:
        sizes_.clear();
        break;
    }
  }
  void clear() { sizes_.clear(); }

 private:
  std::unordered_map<std::uint32_t, std::uint32_t> sizes_;
};

}  // namespace

void decode_itm(std::span<const std::byte> bytes) {
  const Decoded whole = decode(bytes, std::max<std::size_t>(bytes.size(), 1));
  std::uint64_t offset = 0;
  for (const itm::Packet& packet : whole.packets) {
    require(packet.offset == offset && packet.length != 0, "packets tile the stream");
    offset += packet.length;
  }
  require(offset + whole.unfinished == bytes.size(), "nothing is left over");
  for (const std::size_t chunk : {std::size_t{1}, std::size_t{7}, std::size_t{64}}) {
    const Decoded parts = decode(bytes, chunk);
    require(parts.packets == whole.packets && parts.unfinished == whole.unfinished,
            "packets do not depend on chunks");
  }
}

void read_heaptrace(std::span<const std::byte> bytes) {
  const std::vector<std::byte> copy(bytes.begin(), bytes.end());
  Lives lives;
  heaptrace::UsageCollector collector;
  try {
    const heaptrace::Summary summary =
        heaptrace::read_events([&copy] { return std::make_unique<MemorySource>(copy); }, {},
                               [&] {
                                 lives.clear();
                                 collector = {};
                               },
                               [&](std::span<const heaptrace::Event> events) {
                                 for (const heaptrace::Event& event : events) lives.add(event);
                                 collector.add(events);
                               });
    require(summary.bytes == bytes.size(), "all bytes are read");
    const heaptrace::Usage usage = collector.usage();
    require(usage.peak_bytes <= usage.maximum_bytes, "the peak is no more than the maximum");
  } catch (const Error& error) {
    require(error.status() == ExitStatus::kInput, "bad input is an error of input");
  }
}

}  // namespace drone::fuzz
