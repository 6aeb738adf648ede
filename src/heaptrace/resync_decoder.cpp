// SPDX-License-Identifier: MIT
#include "heaptrace/resync_decoder.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace drone::heaptrace {
namespace {

constexpr std::size_t kSlice = 1024;      ///< bytes decoded before they are judged
constexpr std::size_t kLookBack = 8;      ///< packets before a surprise in which the damage may be
constexpr std::uint64_t kLookAhead = 48;  ///< bytes behind it that a framing is judged by
constexpr std::uint64_t kMostSkipped = 16;      ///< bytes that one damage may make unreadable
constexpr std::uint64_t kMostSkippedFirst = 6;  ///< bytes before the first packet of a stream

// Description lengths in bits.
constexpr float kDamageBits = 20;  ///< that there is damage here
constexpr float kSkippedBits = 8;  ///< each byte of it
constexpr float kRestBits = 4;     ///< each byte of a packet that is not whole yet
constexpr float kDoubtBits = 6;    ///< what another framing has to be better by
constexpr float kNearBits = 12;    ///< explanations that differ by less are both possible

constexpr float kNoiseBits = 6;  ///< a byte: a framing that needs more explains nothing
/// A framing is believed only if this many bytes can be read in it without a surprise.
constexpr std::uint64_t kEvidence = 20;

/// After so many surprises in a row that no framing explains, the stream is taken for noise.
constexpr unsigned kHopeless = 16;
constexpr std::uint64_t kRest = 4096;  ///< bytes until the next try then

}  // namespace

ResyncDecoder::ResyncDecoder(unsigned port, Sink sink)
    : port_(port), sink_(std::move(sink)), plausibility_(port) {}

void ResyncDecoder::feed(std::span<const std::byte> itm) {
  while (!itm.empty()) {
    const std::span<const std::byte> slice = itm.first(std::min(itm.size(), kSlice));
    itm = itm.subspan(slice.size());
    bytes_.insert(bytes_.end(), slice.begin(), slice.end());
    decode(slice);
    judge(false);
  }
}

void ResyncDecoder::gap(std::uint64_t bytes) {
  if (const std::size_t cut = finish(); cut != 0) {
    itm::Packet rest;
    rest.kind = itm::PacketKind::kMalformed;
    rest.offset = base_ - cut;
    rest.length = static_cast<std::uint32_t>(cut);
    sink_(rest);
  }
  itm::Packet gap;
  gap.kind = itm::PacketKind::kGap;
  gap.value = bytes;
  gap.offset = base_;
  plausibility_.note_loss();
  sink_(gap);
}

std::size_t ResyncDecoder::finish() {
  std::size_t unfinished = 0;
  std::uint64_t decoded_from = 0;
  do {
    judge(true);
    decoded_from = decoder_base_;
    // What the decoder held back may be a surprise as well: then another one goes on.
    itm::Decoder last = decoder_;
    unfinished = last.finish(hold());
    judge(true);
  } while (decoder_base_ != decoded_from);
  release(held_.size());
  base_ = end_offset();
  bytes_.clear();
  decoder_ = itm::Decoder();
  decoder_base_ = base_;
  at_begin_ = true;
  return unfinished;
}

void ResyncDecoder::decode(std::span<const std::byte> bytes) { decoder_.feed(bytes, hold()); }

/// Judges the held packets in order, as far as the bytes behind them suffice, and hands on those
/// that lie far enough behind.
void ResyncDecoder::judge(bool ended) {
  if (at_begin_) {
    begin_stream(ended);
    if (at_begin_) return;
  }
  while (judged_ != held_.size()) {
    if (judged_ > learned_ + kLookBack) plausibility_.learn(held_[learned_++].packet);
    Held& held = held_[judged_];
    const Plausibility::Judgement judgement = plausibility_.take(held.packet, held.undo);
    held.bits = judgement.bits;
    ++judged_;
    if (!judgement.suspicious || held.packet.offset < rest_until_) continue;
    if (held.packet.length > kLookAhead) continue;  // no lost byte makes so long a stretch
    const std::uint64_t end = held.packet.offset + held.packet.length + kLookAhead;
    if (end > end_offset() && !ended) {
      // Comes again when there is more.
      plausibility_.take_back(held.undo);
      --judged_;
      break;
    }
    resolve(judged_ - 1, std::min(end, end_offset()));
  }
  release(learned_);
}

/// A stream may begin in the middle of a packet.
void ResyncDecoder::begin_stream(bool ended) {
  if (end_offset() - base_ < kLookAhead && !ended) return;
  at_begin_ = false;
  const std::uint64_t end = std::min(base_ + kLookAhead, end_offset());
  float best = describe(base_, end, std::numeric_limits<float>::max()).bits - kDoubtBits;
  std::uint64_t begin = base_;
  for (std::uint64_t q = base_ + 1; q <= base_ + kMostSkippedFirst && q < end; ++q) {
    const float damage = kSkippedBits * static_cast<float>(q - base_);
    const Description framing = describe(q, end, best - damage);
    if (damage + framing.bits < best && is_credible(framing, q, end)) {
      best = damage + framing.bits;
      begin = q;
    }
  }
  if (begin == base_) return;
  held_.insert(held_.begin(), Held{});  // what the damage takes the place of
  held_.front().packet.offset = base_;
  judged_ = 0;
  apply({0, begin});
}

/// Looks for a better framing around the packet `suspect`, the last one judged. Returns whether
/// there was one; it is applied then.
bool ResyncDecoder::resolve(std::size_t suspect, std::uint64_t end) {
  const std::size_t first = suspect > kLookBack ? suspect - kLookBack : 0;
  Repair repair;
  if (!find_repair(first, suspect, end, repair)) return false;
  apply(repair);
  return true;
}

bool ResyncDecoder::find_repair(std::size_t first, std::size_t suspect, std::uint64_t end,
                                Repair& repair) {
  struct Candidate {
    std::size_t index;
    std::uint64_t resume;
    float bits;
  };
  std::vector<Candidate> candidates;
  float before = 0;  // of the packets from `first` to the one at hand
  for (std::size_t i = first; i <= suspect; ++i) before += held_[i].bits;
  float best = std::numeric_limits<float>::max();
  for (std::size_t i = suspect + 1; i-- > first;) {
    plausibility_.take_back(held_[i].undo);
    before -= held_[i].bits;
    const std::uint64_t p = held_[i].packet.offset;
    for (std::uint64_t q = p + 1; q <= p + kMostSkipped && q < end; ++q) {
      const float damage = before + kDamageBits + kSkippedBits * static_cast<float>(q - p);
      const float limit = best + kNearBits - damage;
      if (limit <= 0) break;
      const Description framing = describe(q, end, limit);
      const float bits = damage + framing.bits;
      if (bits >= best + kNearBits || !is_credible(framing, q, end)) continue;
      best = std::min(best, bits);
      candidates.push_back({i, q, bits});
    }
  }
  const float as_is = describe(held_[first].packet.offset, end, best + kDoubtBits).bits;
  for (std::size_t i = first; i <= suspect; ++i) {
    held_[i].bits = plausibility_.take(held_[i].packet, held_[i].undo).bits;
  }
  if (as_is < best + kDoubtBits) {
    const auto bytes = static_cast<float>(end - held_[first].packet.offset);
    hopeless_ = as_is > kNoiseBits * bytes ? hopeless_ + 1 : 0;
    if (hopeless_ >= kHopeless) rest_until_ = held_[suspect].packet.offset + kRest;
    return false;
  }
  hopeless_ = 0;

  std::uint64_t agreed = 0;
  repair.first = suspect;
  const Candidate* winner = nullptr;
  for (const Candidate& candidate : candidates) {
    if (candidate.bits >= best + kNearBits) continue;
    if (candidate.bits == best) winner = &candidate;
    repair.first = std::min(repair.first, candidate.index);
    agreed = std::max(agreed, candidate.resume);
  }
  repair.resume = boundary_from(winner->resume, agreed, end);
  return !agrees_on_events(repair);
}

/// Whether what a repair calls damage are events of the heap and nothing else, whatever they say:
/// then the framing is the same, and they are for the reader to judge.
bool ResyncDecoder::agrees_on_events(const Repair& repair) const {
  for (std::size_t i = repair.first; i != held_.size(); ++i) {
    const itm::Packet& packet = held_[i].packet;
    if (packet.offset == repair.resume) return true;
    if (packet.kind != itm::PacketKind::kInstrumentation || packet.source != port_) return false;
  }
  return false;
}

/// Whether enough of a framing that begins at `begin` makes sense for it to be believed.
bool ResyncDecoder::is_credible(const Description& description, std::uint64_t begin,
                                std::uint64_t end) {
  return std::min(description.first_surprise, end) - begin >= kEvidence;
}

/// The packets that begin at `begin`, as far as `end`; given up where they take `limit` bits.
ResyncDecoder::Description ResyncDecoder::describe(std::uint64_t begin, std::uint64_t end,
                                                   float limit) {
  itm::Decoder decoder;
  undo_.clear();
  Description description{0, end};
  std::uint64_t at = begin;
  const auto take = [&](const itm::Packet& packet) {
    if (description.bits >= limit) return;
    const Plausibility::Judgement judgement = plausibility_.take(packet, undo_.emplace_back());
    description.bits += judgement.bits;
    at = begin + packet.offset;
    if (judgement.suspicious) description.first_surprise = std::min(description.first_surprise, at);
    at += packet.length;
  };
  // In pieces, so that a bad framing is given up early.
  for (std::uint64_t next = begin; next != end && description.bits < limit;) {
    const std::uint64_t stop = std::min(next + 12, end);
    decoder.feed(bytes_between(next, stop), take);
    next = stop;
  }
  if (description.bits < limit) decoder.finish(take);
  for (; !undo_.empty(); undo_.pop_back()) plausibility_.take_back(undo_.back());
  description.bits += kRestBits * static_cast<float>(end - std::min(at, end));
  return description;
}

/// The first packet boundary from `least` on in the framing that begins at `begin`.
std::uint64_t ResyncDecoder::boundary_from(std::uint64_t begin, std::uint64_t least,
                                           std::uint64_t end) {
  if (begin >= least) return begin;
  itm::Decoder decoder;
  std::uint64_t boundary = end;
  const auto look = [&](const itm::Packet& packet) {
    const std::uint64_t at = begin + packet.offset + packet.length;
    if (at >= least) boundary = std::min(boundary, at);
  };
  decoder.feed(bytes_between(begin, end), look);
  decoder.finish(look);
  return boundary;
}

/// Hands on what lies before the damage and the damage itself, and decodes again behind it.
void ResyncDecoder::apply(const Repair& repair) {
  while (judged_ > repair.first) plausibility_.take_back(held_[--judged_].undo);
  itm::Packet damage;
  damage.kind = itm::PacketKind::kMalformed;
  damage.offset = held_[repair.first].packet.offset;
  damage.length = static_cast<std::uint32_t>(repair.resume - damage.offset);
  held_.resize(repair.first);
  release(held_.size());
  plausibility_.learn(damage);
  sink_(damage);
  base_ += damage.length;
  bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(damage.length));
  decoder_ = itm::Decoder();
  decoder_base_ = base_;
  decode(bytes_);
}

/// Hands on the first `count` held packets.
void ResyncDecoder::release(std::size_t count) {
  if (count == 0) return;
  std::uint64_t end = base_;
  for (std::size_t i = 0; i != count; ++i) {
    if (i >= learned_) plausibility_.learn(held_[i].packet);
    sink_(held_[i].packet);
    end = held_[i].packet.offset + held_[i].packet.length;
  }
  held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(count));
  judged_ -= std::min(judged_, count);
  learned_ -= std::min(learned_, count);
  bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(end - base_));
  base_ = end;
}

}  // namespace drone::heaptrace
