// SPDX-License-Identifier: MIT
#pragma once

// Takes TPIU frames apart (CoreSight Architecture Specification, chapter D4).
//
// A trace port with its formatter on sends frames of 16 bytes, in which several trace streams take
// turns:
//
//   place 0 2 .. 14   bit 0 set: bits 7:1 are the ID of the stream that comes next
//                     bit 0 clear: data, whose bit 0 is in byte 15
//   place 1 3 .. 13   data
//   place 15          bit i is for place 2i: bit 0 of its data; or, if it is an ID, whether the
//   byte
//                     right behind it is still of the stream before
//
// Stream 0 is nothing: it fills up frames. IDs 1 to 111 are sources. 123 and 125 tell of a flush
// and of a trigger. The others are reserved; no even place holds 0xFF, so the full synchronization
// FF FF FF 7F, which may stand before a frame, is found in any phase. The half synchronization FF
// 7F may stand before any even place. Which stream the first bytes belong to is known only when
// there is an ID; a single source that sends without a pause may never need one.

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <span>

namespace drone::itm {

inline constexpr std::size_t kTpiuFrameBytes = 16;
inline constexpr unsigned kTpiuNullStream = 0;
inline constexpr unsigned kTpiuLastSource = 111;
inline constexpr unsigned kTpiuFlushStream = 0x7B;
inline constexpr unsigned kTpiuTriggerStream = 0x7D;
/// Of bytes that came before the first ID; no ID is like it.
inline constexpr unsigned kTpiuUnnamedStream = 0x80;

constexpr bool is_tpiu_source(unsigned id) { return id >= 1 && id <= kTpiuLastSource; }
constexpr bool is_reserved_tpiu_stream(unsigned id) {
  return id > kTpiuLastSource && id != kTpiuFlushStream && id != kTpiuTriggerStream;
}

/// Takes what was in the frames.
class TpiuSink {
 public:
  virtual ~TpiuSink() = default;
  /// Bytes of one stream, the null stream excepted.
  virtual void stream_bytes(unsigned id, std::span<const std::byte> bytes) = 0;
  /// `bytes` of the frames were lost here: a frame that was cut by a synchronization, or one that
  /// makes no sense.
  virtual void lost(std::uint64_t bytes) = 0;
};

/// Frames in, in chunks of any length; the bytes of each stream out, in their order. Accepts any
/// bytes: frames with a reserved ID are lost as a whole, and a full synchronization begins a frame
/// wherever it stands. What no frame can tell by itself, that bytes were lost and all that follows
/// is read in the wrong phase, shows in frames that are odd: they name a stream that was not there
/// before, or fill up with what is not zero. Whoever can judge them is asked (watch()). A frame
/// that is not whole at the end says nothing for certain.
class TpiuDeframer {
 public:
  /// `place` of the first byte in its frame, 0 to 15; `stream` that it belongs to.
  explicit TpiuDeframer(unsigned place = 0, unsigned stream = kTpiuUnnamedStream);

  /// From now on feed() stops behind a frame that is odd, if `watched`.
  void watch(bool watched) { watched_ = watched; }

  /// These streams are not odd; nor is any that a frame named that was taken.
  void expect(const std::bitset<128>& streams) { expected_ |= streams; }
  const std::bitset<128>& expected() const { return expected_; }

  /// Takes bytes and returns how many: all of them, or those up to the end of an odd frame. That
  /// frame is then held(): drop() it before going on, or feed it again, not watched.
  std::size_t feed(std::span<const std::byte> bytes, TpiuSink& sink);

  bool in_doubt() const { return in_doubt_; }
  /// The bytes of a frame that is not whole yet, or in doubt.
  std::span<const std::byte> held() const {
    return std::span(frame_).subspan(first_, used_ - first_);
  }

  /// Gives up what is held, and returns how many bytes that is. The next byte begins a frame.
  std::size_t drop();

  /// That the next byte of data belongs to.
  unsigned stream() const { return stream_; }
  /// Of the next byte in its frame.
  unsigned place() const { return static_cast<unsigned>(used_); }

 private:
  class Run;

  const std::byte* feed_plain_frames(const std::byte* next, const std::byte* end, Run& run);
  void push(std::byte byte, Run& run);
  void end_frame(Run& run);
  bool has_reserved_stream() const;
  bool is_odd() const;
  void take_frame(Run& run);

  std::array<std::byte, kTpiuFrameBytes> frame_{};
  std::size_t first_;  ///< place of the first byte that came
  std::size_t used_;   ///< place of the next byte
  unsigned stream_;
  unsigned ones_ = 0;  ///< bytes 0xFF that came last, 3 at most
  bool watched_ = false;
  bool in_doubt_ = false;
  std::bitset<128> expected_;
  bool padding_expected_ = false;  ///< the null stream's bytes are not always zero
};

}  // namespace drone::itm
