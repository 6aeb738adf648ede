// SPDX-License-Identifier: MIT
#include "itm/decoder.hpp"

#include <cassert>

namespace drone::itm {
namespace {

/// Malformed stretches and synchronizations longer than this are split: bounded counters, and a
/// line that is stuck low shows before the end of time.
constexpr std::uint32_t kLongestStretch = 1U << 20;

Packet make_malformed(std::uint64_t offset, std::uint32_t length) {
  Packet packet;
  packet.kind = PacketKind::kMalformed;
  packet.offset = offset;
  packet.length = length;
  return packet;
}

/// Whether a continued packet may have this many bytes after its header.
bool is_whole(PacketKind kind, unsigned size) {
  return kind != PacketKind::kGlobalTimestamp2 || size == 4 || size == 6;
}

}  // namespace

void Decoder::push(std::uint8_t byte) {
  switch (state_) {
    case State::kBoundary:
      if (byte == 0) {
        if (++zeros_ == kLongestStretch + kSyncZeros) {
          end_packet(make_malformed(position_ + 1 - zeros_, kLongestStretch), kLongestStretch);
          zeros_ = kSyncZeros;
        }
        break;
      }
      if (zeros_ != 0) {
        end_zeros(byte);
        if (byte == kSyncEnd) break;
      }
      begin_packet(byte);
      break;
    case State::kFixed:
      push_fixed(byte);
      break;
    case State::kContinued:
      push_continued(byte);
      break;
    case State::kSkip:
      ++current_.length;
      current_zeros_ = byte == 0 ? 1 : 0;
      if ((byte & kContinuationBit) == 0) {
        end_skip();
      } else if (current_.length == kLongestStretch) {
        end_packet(current_, 0);
        current_ = make_malformed(position_ + 1, 0);
      }
      break;
  }
  ++position_;
}

/// `byte` is the first one after `zeros_` zero bytes at a boundary, and not zero. If it is 0x80 it
/// belongs to them.
void Decoder::end_zeros(std::uint8_t byte) {
  const std::uint64_t boundary = position_ - zeros_;
  const std::uint32_t zeros = zeros_;
  zeros_ = 0;
  if (byte != kSyncEnd) {
    end_packet(make_malformed(boundary, zeros), zeros);
    return;
  }
  const std::uint32_t before = has_held_ && zeros < kSyncZeros ? held_zeros_ : 0;
  if (zeros + before < kSyncZeros) {
    end_packet(make_malformed(boundary, zeros + 1), 0);  // the end of a synchronization
    return;
  }
  if (before != 0) held_ = make_malformed(held_.offset, held_.length - before);
  release_held();
  Packet sync;
  sync.kind = PacketKind::kSync;
  sync.offset = boundary - before;
  sync.length = before + zeros + 1;
  deliver(sync);
  page_ = 0;
}

void Decoder::begin_packet(std::uint8_t byte) {
  const detail::Header& header = detail::kHeaders[byte];
  if (has_held_ && held_.kind != PacketKind::kMalformed) release_held();
  current_ = Packet();
  current_.kind = header.kind;
  current_.source = header.source;
  current_.detail = header.detail;
  current_.length = 1;
  current_.value = header.value;
  current_.offset = position_;
  current_zeros_ = 0;
  switch (header.form) {
    case detail::Form::kFixed:
      current_.size = header.size;
      missing_ = header.size;
      state_ = State::kFixed;
      if (missing_ == 0) {
        state_ = State::kBoundary;
        if (header.kind == PacketKind::kExtension && header.source == 0) {
          page_ = static_cast<std::uint8_t>(header.value * 32);
        }
        end_packet(current_, 0);
      } else if (header.kind == PacketKind::kInstrumentation) {
        current_.source = static_cast<std::uint8_t>(current_.source + page_);
      }
      break;
    case detail::Form::kContinued:
      missing_ = header.size;
      state_ = State::kContinued;
      break;
    case detail::Form::kZero:
      assert(false);
      break;
    case detail::Form::kReserved:
      state_ = State::kSkip;
      if ((byte & kContinuationBit) == 0) end_skip();
      break;
  }
}

void Decoder::push_fixed(std::uint8_t byte) {
  const unsigned index = current_.length - 1;
  current_.value |= std::uint64_t{byte} << (8 * index);
  ++current_.length;
  current_zeros_ = byte == 0 ? current_zeros_ + 1 : 0;
  if (--missing_ == 0) {
    state_ = State::kBoundary;
    end_packet(current_, current_zeros_);
  }
}

void Decoder::push_continued(std::uint8_t byte) {
  const unsigned index = current_.length - 1;
  ++current_.length;
  --missing_;
  current_zeros_ = byte == 0 ? 1 : 0;
  const bool extension = current_.kind == PacketKind::kExtension;
  // The last byte that an extension can have is all payload.
  const bool full = extension && missing_ == 0;
  const unsigned shift = 7 * index + (extension ? 3 : 0);
  current_.value |= std::uint64_t{full ? byte : byte & 0x7FU} << shift;
  if (full || (byte & kContinuationBit) == 0) {
    if (!is_whole(current_.kind, index + 1)) {
      end_skip();
      return;
    }
    if (current_.kind == PacketKind::kGlobalTimestamp1) {
      current_.detail = static_cast<std::uint8_t>(current_.value >> 26);
      current_.value &= (1U << 26) - 1;
    }
    state_ = State::kBoundary;
    end_packet(current_, current_zeros_);
  } else if (missing_ == 0) {
    current_ = make_malformed(current_.offset, current_.length);
    state_ = State::kSkip;
  }
}

void Decoder::end_skip() {
  state_ = State::kBoundary;
  end_packet(make_malformed(current_.offset, current_.length), current_zeros_);
}

/// A packet has all its bytes: it is delivered, or held back if what follows may tell that it was
/// cut, or that it is part of a longer malformed stretch.
void Decoder::end_packet(Packet packet, std::uint32_t trailing_zeros) {
  const bool malformed = packet.kind == PacketKind::kMalformed;
  if (malformed && has_held_ && held_.kind == PacketKind::kMalformed &&
      held_.length + packet.length <= kLongestStretch) {
    held_.length += packet.length;
    held_zeros_ = trailing_zeros;
    return;
  }
  release_held();
  if (malformed || trailing_zeros != 0) {
    held_ = packet;
    held_zeros_ = trailing_zeros;
    has_held_ = true;
  } else {
    deliver(packet);
  }
}

void Decoder::push_gap(std::uint64_t bytes) {
  const std::uint32_t cut = state_ == State::kBoundary ? zeros_ : current_.length;
  if (cut != 0) end_packet(make_malformed(position_ - cut, cut), 0);
  release_held();
  state_ = State::kBoundary;
  zeros_ = 0;
  page_ = 0;
  Packet gap;
  gap.kind = PacketKind::kGap;
  gap.value = bytes;
  gap.offset = position_;
  deliver(gap);
}

std::size_t Decoder::end_stream() {
  std::size_t unfinished = zeros_;
  if (state_ == State::kSkip) {
    if (current_.length != 0) end_packet(current_, 0);
  } else if (state_ != State::kBoundary) {
    unfinished = current_.length;
  }
  release_held();
  return unfinished;
}

void Decoder::release_held() {
  if (has_held_) deliver(held_);
  has_held_ = false;
}

void Decoder::deliver(const Packet& packet) { ready_[ready_count_++] = packet; }

}  // namespace drone::itm
