// SPDX-License-Identifier: MIT
#pragma once

// The first stage of every input: a stream of SWO bytes may be ITM as it is, or wrapped into TPIU
// frames. Which it is, the phase of the frames and the stream that is the ITM are inferred from the
// bytes (input_guess.hpp), as soon as they leave no doubt, at the latest after kMostUndecidedBytes
// or at the end; in doubt a stream is bare ITM. Text at a few bytes a second is believed to be bare
// after some ten characters. The choice depends on the bytes alone, never on time or chunks.
//
// Later on, frames that make no sense (a byte was lost, so that all are out of phase) are kept
// until those that follow tell the phase; what cannot be told is a gap.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "itm/tpiu_deframer.hpp"

namespace drone::itm {

enum class InputKind : std::uint8_t { kItm, kTpiu };

struct InputOptions {
  std::optional<InputKind> kind;      ///< absent: inferred
  std::optional<unsigned> stream_id;  ///< of the ITM in TPIU frames, 1 to 111; absent: inferred
};

/// "auto", "itm", "tpiu", "tpiu:2": the words of --input-format that name SWO streams. Absent for
/// all others.
std::optional<InputOptions> parse_input_options(std::string_view text);

/// What an input turned out to be, or was said to be.
struct InputChoice {
  InputKind kind = InputKind::kItm;
  unsigned stream_id = 0;  ///< of kTpiu; 0: the frames name none
  bool inferred = true;

  friend bool operator==(const InputChoice&, const InputChoice&) = default;
};

/// "bare ITM", "TPIU frames, the ITM on stream 1".
std::string describe(const InputChoice& choice);

/// Takes the ITM bytes of a stream.
class ItmBytesSink {
 public:
  virtual ~ItmBytesSink() = default;
  virtual void bytes(std::span<const std::byte> itm) = 0;
  /// `bytes` (0: unknown) were lost between what came and what will.
  virtual void gap(std::uint64_t bytes) = 0;
};

struct InputGuess;

/// SWO bytes in, in chunks of any length; ITM bytes out, the same whatever the chunks. Accepts any
/// bytes. What is not decided yet is kept (bounded), and handed on once it is.
class InputStage {
 public:
  /// So many bytes are enough for any choice.
  static constexpr std::size_t kMostUndecidedBytes = 1 << 16;
  /// So many bytes are kept at most to find the phase of frames again.
  static constexpr std::size_t kMostDoubtfulBytes = 1 << 13;

  explicit InputStage(const InputOptions& options = {});

  void feed(std::span<const std::byte> bytes, ItmBytesSink& sink);

  /// `bytes` (0: unknown) of the stream were lost here.
  void gap(std::uint64_t bytes, ItmBytesSink& sink);

  /// The stream has ended: decides if that is still to be done, and hands on what was kept.
  void finish(ItmBytesSink& sink);

  /// Absent as long as nothing is decided. Frames that first named no stream may name one later.
  const std::optional<InputChoice>& choice() const { return choice_; }

 private:
  enum class State : std::uint8_t {
    kUndecided,  ///< `kept_` is all that came since the last gap
    kBare,
    kFrames,
    kDoubtful,  ///< `kept_` begins with the frame that made no sense
  };
  struct KeptPart {
    std::vector<std::byte> bytes;
    std::uint64_t lost_behind;
  };

  void look(bool at_end, ItmBytesSink& sink);
  InputGuess guess_phase() const;
  void decide(const InputGuess& guess, ItmBytesSink& sink);
  void find_phase(const InputGuess& guess, ItmBytesSink& sink);
  std::size_t feed_frames(std::span<const std::byte> bytes, ItmBytesSink& sink);
  void tell_loss(ItmBytesSink& sink);
  void begin_doubt(std::optional<unsigned> likely_place);

  InputOptions options_;
  std::optional<InputChoice> choice_;
  State state_ = State::kUndecided;
  std::vector<std::byte> kept_;
  std::size_t next_look_ = 1;  ///< how much of `kept_` there is to be then
  std::vector<KeptPart> kept_parts_;
  TpiuDeframer deframer_;
  std::vector<std::byte> recent_;  ///< the last of the ITM
  std::uint64_t lost_ = 0;         ///< bytes of frames behind the last of the ITM
  bool unnamed_is_itm_ = false;    ///< what belongs to no stream that was named is the ITM's
  bool unnamed_is_lost_ = false;
  bool phase_may_hold_ = false;  ///< of kDoubtful: `kept_` begins with a frame, if nothing was lost
  std::optional<unsigned> likely_place_;  ///< of the first byte of `kept_` in its frame
};

}  // namespace drone::itm
