// SPDX-License-Identifier: MIT
#include "itm/tpiu_deframer.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

namespace drone::itm {
namespace {

constexpr std::size_t kAuxiliaryPlace = 15;
constexpr std::byte kOnes{0xFF};
constexpr std::byte kSyncEnd{0x7F};

bool is_id(std::byte byte) { return (byte & std::byte{1}) != std::byte{0}; }
unsigned id_of(std::byte byte) { return static_cast<unsigned>(byte) >> 1; }

/// For four bits of a frame's last byte, bit 0 of every other one of eight bytes.
constexpr std::array<std::array<std::byte, 8>, 16> kSpread = [] {
  std::array<std::array<std::byte, 8>, 16> spread{};
  for (unsigned bits = 0; bits != 16; ++bits) {
    for (unsigned i = 0; i != 4; ++i) {
      spread[bits][std::size_t{2} * i] = static_cast<std::byte>(bits >> i & 1);
    }
  }
  return spread;
}();

constexpr std::array<std::byte, 8> kEvenBits = kSpread[15];

/// Whether a frame lies here in one piece: no synchronization can be in it.
bool is_whole_frame(const std::byte* next, const std::byte* end) {
  if (static_cast<std::size_t>(end - next) < kTpiuFrameBytes) return false;
  bool ones = false;
  for (std::size_t place = 0; place < kAuxiliaryPlace; place += 2) ones |= next[place] == kOnes;
  return !ones;
}

using Half = std::uint64_t;

Half load_half(const std::byte* bytes) {
  Half half = 0;
  std::memcpy(&half, bytes, sizeof(half));
  return half;
}

}  // namespace

/// Bytes of one stream on their way to the sink: calls are few if frames name few streams.
class TpiuDeframer::Run {
 public:
  explicit Run(TpiuSink& sink) : sink_(sink) {}

  void put(unsigned stream, std::byte byte) {
    select(stream);
    bytes_[used_++] = byte;
    if (used_ > kCapacity) flush();
  }

  /// Where a frame's bytes can be put; used(n) says how many were.
  std::byte* reserve(unsigned stream) {
    select(stream);
    return bytes_.data() + used_;
  }
  void used(std::size_t count) {
    used_ += count;
    if (used_ > kCapacity) flush();
  }

  void lost(std::uint64_t bytes) {
    flush();
    sink_.lost(bytes);
  }

  void flush() {
    if (used_ != 0) sink_.stream_bytes(stream_, std::span(bytes_).first(used_));
    used_ = 0;
  }

 private:
  static constexpr std::size_t kCapacity = 8192;

  void select(unsigned stream) {
    if (stream == stream_) return;
    flush();
    stream_ = stream;
  }

  TpiuSink& sink_;
  unsigned stream_ = kTpiuNullStream;
  std::size_t used_ = 0;
  std::array<std::byte, kCapacity + kTpiuFrameBytes + 1> bytes_;
};

TpiuDeframer::TpiuDeframer(unsigned place, unsigned stream)
    : first_(place), used_(place), stream_(stream) {
  expected_.set(kTpiuNullStream);
}

std::size_t TpiuDeframer::feed(std::span<const std::byte> bytes, TpiuSink& sink) {
  assert(!in_doubt_);
  Run run(sink);
  const std::byte* next = bytes.data();
  const std::byte* const end = next + bytes.size();
  while (next != end && !in_doubt_) {
    if (used_ == 0) next = feed_plain_frames(next, end, run);
    if (used_ == 0 && ones_ != 3 && is_whole_frame(next, end)) {
      std::copy_n(next, kTpiuFrameBytes, frame_.data());
      next += kTpiuFrameBytes;
      used_ = kTpiuFrameBytes;
      ones_ = next[-1] == kOnes ? 1 : 0;
      end_frame(run);
    } else if (next != end) {
      push(*next++, run);
    }
  }
  run.flush();
  return static_cast<std::size_t>(next - bytes.data());
}

/// The common case, fast: frames without an ID that lie whole in the chunk.
const std::byte* TpiuDeframer::feed_plain_frames(const std::byte* next, const std::byte* end,
                                                 Run& run) {
  const Half even_bits = load_half(kEvenBits.data());
  const bool null = stream_ == kTpiuNullStream;
  const std::byte* const begin = next;
  while (static_cast<std::size_t>(end - next) >= kTpiuFrameBytes) {
    Half low = load_half(next);
    Half high = load_half(next + 8);
    if (((low | high) & even_bits) != 0) break;
    if (null) {
      if ((low | high) != 0) break;
    } else {
      const auto auxiliary = static_cast<unsigned>(next[kAuxiliaryPlace]);
      low |= load_half(kSpread[auxiliary & 15].data());
      high |= load_half(kSpread[auxiliary >> 4].data());
      std::byte* const out = run.reserve(stream_);
      std::memcpy(out, &low, sizeof(low));
      std::memcpy(out + 8, &high, sizeof(high));
      run.used(kTpiuFrameBytes - 1);
    }
    next += kTpiuFrameBytes;
  }
  if (next != begin) ones_ = next[-1] == kOnes ? 1 : 0;
  return next;
}

void TpiuDeframer::push(std::byte byte, Run& run) {
  if (byte == kSyncEnd) {
    if (ones_ == 3) {
      const std::size_t cut = used_ - first_;
      if (cut > 3) {
        run.lost(cut - 3);
      } else if (cut < 3) {
        run.lost(3 - cut);  // the synchronization began where the frame before it had bytes to come
      }
      first_ = used_ = 0;
      ones_ = 0;
      return;
    }
    if (used_ % 2 != 0 && used_ > first_ && frame_[used_ - 1] == kOnes) {
      --used_;
      ones_ = 0;
      return;
    }
  }
  ones_ = byte == kOnes ? std::min(ones_ + 1, 3U) : 0;
  frame_[used_++] = byte;
  if (used_ == kTpiuFrameBytes) end_frame(run);
}

void TpiuDeframer::end_frame(Run& run) {
  if (watched_ && is_odd()) {
    in_doubt_ = true;
    return;
  }
  take_frame(run);
}

bool TpiuDeframer::has_reserved_stream() const {
  for (std::size_t place = first_ + first_ % 2; place < kAuxiliaryPlace; place += 2) {
    if (is_id(frame_[place]) && is_reserved_tpiu_stream(id_of(frame_[place]))) return true;
  }
  return false;
}

bool TpiuDeframer::is_odd() const {
  unsigned stream = stream_;
  for (std::size_t place = first_; place < kAuxiliaryPlace; ++place) {
    if (place % 2 == 0 && is_id(frame_[place])) {
      const unsigned id = id_of(frame_[place]);
      if (!expected_[id]) return true;
      const bool late = (static_cast<unsigned>(frame_[kAuxiliaryPlace]) >> (place / 2) & 1) != 0;
      if (late && place + 1 < kAuxiliaryPlace) {
        ++place;
        if (stream == kTpiuNullStream && frame_[place] != std::byte{0} && !padding_expected_) {
          return true;
        }
      }
      stream = id;
    } else if (stream == kTpiuNullStream && !padding_expected_) {
      const bool bit = place % 2 == 0 &&
                       (static_cast<unsigned>(frame_[kAuxiliaryPlace]) >> (place / 2) & 1) != 0;
      if (frame_[place] != std::byte{0} || bit) return true;
    }
  }
  return false;
}

void TpiuDeframer::take_frame(Run& run) {
  const bool lost = has_reserved_stream();
  const std::size_t first = first_;
  first_ = used_ = 0;
  if (lost) {
    run.lost(kTpiuFrameBytes - first);
    return;
  }
  const auto auxiliary = static_cast<unsigned>(frame_[kAuxiliaryPlace]);
  const auto put = [&](std::byte byte) {
    if (stream_ != kTpiuNullStream) {
      run.put(stream_, byte);
    } else if (byte != std::byte{0}) {
      padding_expected_ = true;
    }
  };
  for (std::size_t place = first; place < kAuxiliaryPlace; ++place) {
    if (place % 2 != 0) {
      put(frame_[place]);
      continue;
    }
    const std::byte bit = static_cast<std::byte>(auxiliary >> (place / 2) & 1);
    if (!is_id(frame_[place])) {
      put(frame_[place] | bit);
      continue;
    }
    if (bit != std::byte{0} && place + 1 < kAuxiliaryPlace) put(frame_[++place]);
    stream_ = id_of(frame_[place - place % 2]);
    expected_.set(stream_);
  }
}

std::size_t TpiuDeframer::drop() {
  const std::size_t dropped = used_ - first_;
  first_ = used_ = 0;
  ones_ = 0;
  in_doubt_ = false;
  return dropped;
}

}  // namespace drone::itm
