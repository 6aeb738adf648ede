// SPDX-License-Identifier: MIT
#pragma once

// Bytes of trace streams into TPIU frames, as a formatter may do it (CoreSight Architecture
// Specification, chapter D4): for tests and benchmarks. Written for itself, apart from the emulated
// board's formatter.

#include <array>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace drone::test {

struct TpiuFramerOptions {
  unsigned frames_per_sync = 0;  ///< a full synchronization before every so many frames; 0: none
  unsigned frames_per_id = 0;    ///< an ID that has not changed is told again; 0: it is not
  unsigned first_stream = 0x80;  ///< of which no ID is needed, as its ID came before
};

class TpiuFramer {
 public:
  explicit TpiuFramer(const TpiuFramerOptions& options = {})
      : options_(options), stream_(options.first_stream) {}

  void put(unsigned stream, std::byte byte) {
    if (next_) place(next_->first, next_->second, stream);
    next_ = {stream, byte};
  }

  template <class Bytes>
  void put_all(unsigned stream, const Bytes& bytes) {
    for (const std::byte byte : bytes) put(stream, byte);
  }

  /// What was put is sent, and its last frame filled up with the null stream.
  void flush() {
    if (next_) place(next_->first, next_->second, kNull);
    next_.reset();
    while (used_ != 0) place(kNull, std::byte{0}, kNull);
  }

  /// A frame of nothing.
  void idle() {
    flush();
    do place(kNull, std::byte{0}, kNull);
    while (used_ != 0);
  }

  /// Whole frames so far.
  const std::vector<std::byte>& bytes() const { return out_; }
  std::vector<std::byte> take() { return std::exchange(out_, {}); }

 private:
  static constexpr unsigned kNull = 0;

  /// `following` is the stream of the byte after this one.
  void place(unsigned stream, std::byte byte, unsigned following) {
    if (used_ % 2 != 0) {  // an odd place has data, of the stream that its ID says
      frame_[used_] = byte;
      advance();
      return;
    }
    const bool repeat = options_.frames_per_id != 0 && frames_since_id_ >= options_.frames_per_id;
    if (stream != stream_ || repeat) {
      place_id(stream, false);
      place(stream, byte, following);
    } else if (following != stream && used_ != 14) {
      // The other half of the pair has to be this byte, so the next one's ID goes before it.
      place_id(following, true);
      frame_[used_] = byte;
      advance();
    } else {
      frame_[used_] = byte & std::byte{0xFE};
      if ((byte & std::byte{1}) != std::byte{0}) set_auxiliary();
      advance();
    }
  }

  void place_id(unsigned stream, bool late) {
    stream_ = stream;
    frames_since_id_ = 0;
    frame_[used_] = static_cast<std::byte>(stream << 1 | 1);
    if (late) set_auxiliary();
    advance();
  }

  void set_auxiliary() { frame_[15] |= std::byte{1} << static_cast<int>(used_ / 2); }

  void advance() {
    if (++used_ != 15) return;
    if (options_.frames_per_sync != 0 && frames_++ % options_.frames_per_sync == 0) {
      for (const unsigned sync : {0xFFU, 0xFFU, 0xFFU, 0x7FU}) {
        out_.push_back(static_cast<std::byte>(sync));
      }
    }
    out_.insert(out_.end(), frame_.begin(), frame_.end());
    frame_ = {};
    used_ = 0;
    ++frames_since_id_;
  }

  TpiuFramerOptions options_;
  unsigned stream_;
  unsigned frames_since_id_ = 0;
  unsigned frames_ = 0;
  std::optional<std::pair<unsigned, std::byte>> next_;
  std::array<std::byte, 16> frame_{};
  unsigned used_ = 0;
  std::vector<std::byte> out_;
};

}  // namespace drone::test
