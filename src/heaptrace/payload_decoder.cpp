// SPDX-License-Identifier: MIT
#include "heaptrace/payload_decoder.hpp"

#include <algorithm>
#include <limits>

namespace drone::heaptrace {
namespace {

constexpr std::size_t kSlice = 1024;       ///< bytes taken in before they are judged
constexpr std::size_t kHeld = 16;          ///< packets at least that damage may lie back
constexpr std::uint64_t kLookAhead = 64;   ///< bytes behind a surprise that it is judged by
constexpr std::uint64_t kMostSkipped = 9;  ///< bytes that one damage may make unreadable

// Description lengths in bits, as in plausibility.cpp.
constexpr float kDamageBits = 20;  ///< that there is damage here
constexpr float kSkippedBits = 8;  ///< each byte of it
constexpr float kRestBits = 4;     ///< each byte of an event that is not whole
constexpr float kDoubtBits = 6;    ///< what another framing has to be better by

/// After so many surprises in a row that nothing explains, the bytes are taken for noise.
constexpr unsigned kHopeless = 16;
constexpr std::uint64_t kRest = 4096;  ///< bytes until the next try then

}  // namespace

void PayloadDecoder::feed(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const std::span<const std::byte> slice = bytes.first(std::min(bytes.size(), kSlice));
    bytes = bytes.subspan(slice.size());
    bytes_.insert(bytes_.end(), slice.begin(), slice.end());
    judge(false);
  }
}

std::size_t PayloadDecoder::finish() {
  judge(true);
  const auto unfinished = static_cast<std::size_t>(end_offset() - next_);
  release(held_.size());
  return unfinished;
}

/// The event that begins at `offset`, if it is all there.
bool PayloadDecoder::packet_at(std::uint64_t offset, itm::Packet& packet) const {
  const std::span<const std::byte> rest = std::span(bytes_).subspan(offset - base_);
  if (rest.empty()) return false;
  const unsigned size = (std::to_integer<unsigned>(rest.front()) & 1) == 0 ? 2 : 4;
  if (rest.size() < size) return false;
  packet = {};
  packet.kind = itm::PacketKind::kInstrumentation;
  packet.source = static_cast<std::uint8_t>(port_);
  packet.size = static_cast<std::uint8_t>(size);
  packet.length = size;
  packet.offset = offset;
  for (unsigned i = 0; i != size; ++i) {
    packet.value |= std::to_integer<std::uint64_t>(rest[i]) << (8 * i);
  }
  return true;
}

/// Judges what has come, as far as the bytes behind it suffice.
void PayloadDecoder::judge(bool ended) {
  Held next;
  while (packet_at(next_, next.packet)) {
    const Plausibility::Judgement judgement = plausibility_.take(next.packet, next.undo);
    const std::uint64_t end = next_ + next.packet.length + kLookAhead;
    const bool is_surprise = judgement.suspicious && next_ >= rest_until_;
    if (is_surprise && end > end_offset() && !ended) {
      plausibility_.take_back(next.undo);  // comes again when there is more
      break;
    }
    next.bits = judgement.bits;
    held_.push_back(next);
    next_ += next.packet.length;
    if (is_surprise) resolve(std::min(end, end_offset()));
    if (held_.size() >= 4 * kHeld) release(held_.size() - kHeld);
  }
}

/// Looks for damage that explains the last held packet better than its own words do, and takes it
/// out.
void PayloadDecoder::resolve(std::uint64_t end) {
  const float behind = describe(next_, end, std::numeric_limits<float>::max());
  float before = 0;  // of all held packets; later, of those before the damage
  for (const Held& held : held_) before += held.bits;
  const float as_is = before + behind;
  float best = as_is - kDoubtBits;
  std::size_t first = held_.size();
  std::uint64_t resume = 0;
  const std::size_t oldest = held_.size() > kHeld ? held_.size() - kHeld : 0;
  for (std::size_t i = held_.size(); i-- != oldest;) {
    plausibility_.take_back(held_[i].undo);
    before -= held_[i].bits;
    const std::uint64_t p = held_[i].packet.offset;
    for (std::uint64_t q = p + 1; q <= p + kMostSkipped && q < end; ++q) {
      const float damage = before + kDamageBits + kSkippedBits * static_cast<float>(q - p);
      if (damage >= best) break;
      const float bits = damage + describe(q, end, best - damage);
      if (bits >= best) continue;
      best = bits;
      first = i;
      resume = q;
    }
  }
  for (std::size_t i = oldest; i != first; ++i) plausibility_.take(held_[i].packet, held_[i].undo);
  if (first == held_.size()) {
    if (++hopeless_ >= kHopeless) rest_until_ = next_ + kRest;
    return;
  }
  // In noise a better framing is found each time, and is no good either.
  repairs_ = next_ < last_repair_ + kRest ? repairs_ + 1 : 0;
  if (repairs_ >= kHopeless) {
    rest_until_ = next_ + kRest;
    repairs_ = 0;
  }
  last_repair_ = next_;
  hopeless_ = 0;
  itm::Packet damage;
  damage.kind = itm::PacketKind::kMalformed;
  damage.offset = held_[first].packet.offset;
  damage.length = static_cast<std::uint32_t>(resume - damage.offset);
  held_.resize(first);
  release(first);
  plausibility_.learn(damage);
  sink_(damage);
  bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(resume - base_));
  base_ = resume;
  next_ = resume;
}

/// Bits that the events take which begin at `begin`, as far as `end`; at least `limit` if they take
/// that.
float PayloadDecoder::describe(std::uint64_t begin, std::uint64_t end, float limit) {
  scratch_.clear();
  float bits = 0;
  itm::Packet packet;
  while (begin < end && bits < limit && packet_at(begin, packet) && begin + packet.length <= end) {
    bits += plausibility_.take(packet, scratch_.emplace_back()).bits;
    begin += packet.length;
  }
  while (!scratch_.empty()) {
    plausibility_.take_back(scratch_.back());
    scratch_.pop_back();
  }
  return bits + kRestBits * static_cast<float>(end - std::min(begin, end));
}

/// Hands on the first `count` held packets.
void PayloadDecoder::release(std::size_t count) {
  if (count == 0) return;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i != count; ++i) {
    plausibility_.learn(held_[i].packet);
    sink_(held_[i].packet);
    bytes += held_[i].packet.length;
  }
  held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(count));
  bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(bytes));
  base_ += bytes;
}

}  // namespace drone::heaptrace
