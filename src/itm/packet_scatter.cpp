// SPDX-License-Identifier: MIT
#include "itm/packet_scatter.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "itm/decoder.hpp"

namespace drone::itm {
namespace {

/// Bytes that are looked at together: their payloads stay in the first-level cache.
constexpr std::size_t kBlockBytes = 4096;
/// A packet's bytes, at most; and as many as are read of any.
constexpr std::size_t kLongestPacket = 5;
constexpr std::size_t kPayloadBytes = 4;
constexpr std::size_t kLaneBytes = kBlockBytes + 64;
/// So many places are computed at a time.
constexpr std::size_t kStride = 16;

/// Sixteen bytes at once. Comparisons yield -1 where they hold, else 0.
using Bytes = std::int8_t __attribute__((vector_size(16)));

Bytes load(const std::byte* bytes) {
  Bytes result;
  std::memcpy(&result, bytes, sizeof(result));
  return result;
}

/// For every place the length of the packet if one begins there, 0 for what is not taken here.
/// Reads four bytes more than `count`, a multiple of kStride.
void find_lengths(const std::byte* bytes, std::size_t count, std::uint8_t* lengths) {
  for (std::size_t at = 0; at != count; at += kStride) {
    const Bytes header = load(bytes + at);
    const Bytes code = header & 3;
    const Bytes of_source = (code + 1 - (code == 3)) & (code != 0);
    // Of a timestamp, each byte says whether another follows, up to four.
    const Bytes two = load(bytes + at + 1) < 0;
    const Bytes three = two & (load(bytes + at + 2) < 0);
    const Bytes four = three & (load(bytes + at + 3) < 0);
    const Bytes too_many = four & (load(bytes + at + 4) < 0);
    const Bytes of_timestamp = (2 - two - three - four) & ~too_many &
                               ((header & static_cast<std::int8_t>(0xCF)) ==
                                static_cast<std::int8_t>(kLocalTimestamp1Header));
    // A timestamp of one byte, or an overflow.
    const Bytes of_one = ((header & static_cast<std::int8_t>(0x8F)) == 0) & (header != 0) & 1;
    const Bytes length = of_source | of_timestamp | of_one;
    std::memcpy(lengths + at, &length, sizeof(length));
  }
}

/// The length of the synchronization that `bytes` begin with, 0 if they begin with none. Five zeros
/// are no packet's, so it cuts none.
std::size_t sync_length(std::span<const std::byte> bytes) {
  std::size_t zeros = 0;
  while (zeros != bytes.size() && bytes[zeros] == std::byte{0}) ++zeros;
  const bool is_sync =
      zeros >= kSyncZeros && zeros != bytes.size() && bytes[zeros] == std::byte{kSyncEnd};
  return is_sync ? zeros + 1 : 0;
}

}  // namespace

void PacketScatter::add_route(unsigned port, ByteSink& sink) {
  auto lane = std::find_if(lanes_.begin() + 1, lanes_.end(),
                           [&sink](const Lane& each) { return each.sink == &sink; });
  if (lane == lanes_.end()) {
    if (lanes_.size() == std::tuple_size_v<Ends>) serves_all_ = false;
    if (!serves_all_) return;
    lane = lanes_.insert(lane, Lane{&sink, 0});
  }
  const auto index = static_cast<std::uint32_t>(lane - lanes_.begin());
  for (unsigned code = 1; code != 4; ++code) {
    Target& target = targets_[port << 3 | code];
    if (target.lane == 0) {
      target.lane = index;
      target.size = static_cast<std::uint16_t>(code == 3 ? 4 : code);
    } else {
      target.has_more = true;
    }
  }
  if (targets_[port << 3 | 1].has_more) other_lanes_[port].push_back(index);
  buffer_.resize(lanes_.size() * kLaneBytes);
}

std::byte* PacketScatter::lane_bytes(std::size_t lane) {
  return buffer_.data() + lane * kLaneBytes;
}

std::size_t PacketScatter::take(std::span<const std::byte> bytes) {
  if (buffer_.empty()) buffer_.resize(kLaneBytes);
  std::size_t taken = 0;
  while (bytes.size() - taken >= kStride + kLongestPacket) {
    // The last packet of a block may be cut, so it begins the next one.
    const std::size_t block = std::min(kBlockBytes, bytes.size() - taken - kLongestPacket);
    const std::size_t size = block / kStride * kStride;
    const std::size_t n = take_block(bytes.data() + taken, size);
    taken += n;
    for (Lane& lane : lanes_) {
      if (lane.used == 0) continue;
      const auto index = static_cast<std::size_t>(&lane - lanes_.data());
      const std::size_t used = std::exchange(lane.used, 0);
      lane.sink->write({lane_bytes(index), used});
    }
    if (n + kLongestPacket < size) break;  // something else
  }
  return taken;
}

void PacketScatter::put_in_other_lanes(std::uint8_t header, const std::byte* payload, Ends& ends) {
  for (const std::uint32_t lane : other_lanes_[header >> 3]) {
    std::memcpy(buffer_.data() + ends[lane], payload, kPayloadBytes);
    ends[lane] += targets_[header].size;
  }
}

std::size_t PacketScatter::take_block(const std::byte* begin, std::size_t size) {
  std::array<std::uint8_t, kBlockBytes> lengths;
  find_lengths(begin, size, lengths.data());
  std::byte* const base = buffer_.data();
  Ends ends;
  for (std::size_t lane = 0; lane != lanes_.size(); ++lane) {
    ends[lane] = static_cast<std::uint32_t>(lane * kLaneBytes);
  }
  std::size_t at = 0;
  std::size_t last = 0;
  while (at < size) {
    const std::uint8_t length = lengths[at];
    if (length == 0) [[unlikely]] {
      const std::size_t sync = sync_length({begin + at, size - at});
      if (sync == 0) break;
      at += sync;
      last = at;
      continue;
    }
    const auto header = static_cast<std::uint8_t>(begin[at]);
    const Target& target = targets_[header];
    std::uint32_t& end = ends[target.lane];
    std::memcpy(base + end, begin + at + 1, kPayloadBytes);
    end += target.size;
    if (target.has_more) [[unlikely]]
      put_in_other_lanes(header, begin + at + 1, ends);
    ++counts_[header];
    last = at;
    at += length;
  }
  // Zeros behind a packet may be a synchronization that cut it; what is behind a block is not
  // known.
  if (at != last && (at >= size || begin[at] == std::byte{0})) {
    const auto header = static_cast<std::uint8_t>(begin[last]);
    const Target target = targets_[header];
    ends[target.lane] -= target.size;
    if (target.has_more) {
      for (const std::uint32_t lane : other_lanes_[header >> 3]) ends[lane] -= target.size;
    }
    --counts_[header];
    at = last;
  }
  for (std::size_t lane = 0; lane != lanes_.size(); ++lane) {
    lanes_[lane].used = ends[lane] - lane * kLaneBytes;
  }
  lanes_[0].used = 0;
  return at;
}

}  // namespace drone::itm
