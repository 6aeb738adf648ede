// SPDX-License-Identifier: MIT
#pragma once

// What the beginning of an SWO stream is: ITM as it is, or TPIU frames; in which phase these are,
// and which of their streams is the ITM. Told from the bytes alone.
//
// Neither format says its name. A full synchronization may never come, and any bytes at all can be
// read as ITM, and most as frames. So every reading is charged what it would cost to write the
// bytes down, in bits, if it were true, with models that learn as they go (minimum description
// length):
//
//   bare ITM    a header costs little if its like was seen before, a payload byte what is usual at
//               its place; what no target sends (reserved headers, zeros that are no
//               synchronization) costs a fine
//   no reading  each byte what is usual anywhere; so that something that is no trace at all is not
//               taken for frames because it is not ITM either
//   frames in   the IDs, that are few and recur; a fine for those that are reserved or name the
//   phase 0-15  stream that it is already, and for a null stream that is not zero; the bytes of
//   each
//               stream what is usual in it, those of the one that gains most by it as ITM
//
// In the wrong phase half of the bytes at even places are IDs, of a hundred kinds; as bare ITM,
// frames have headers of all kinds. So the right reading is ahead by some bits every few bytes, and
// the choice is made once it is ahead of all others by a margin; bare ITM, by far the most common,
// is believed sooner than frames are.

#include <bitset>
#include <cstddef>
#include <optional>
#include <span>

#include "itm/input_stage.hpp"
#include "itm/tpiu_deframer.hpp"

namespace drone::itm {

/// What is known of a stream of frames before its bytes are looked at.
struct FramesBefore {
  std::bitset<128> streams;              ///< that were named
  unsigned stream;                       ///< of the last data
  unsigned itm_stream;                   ///< perhaps kTpiuUnnamedStream
  std::span<const std::byte> itm;        ///< its last bytes
  std::optional<unsigned> likely_place;  ///< of the first byte in its frame
};

/// How many bytes are before the first frame that is whole.
constexpr std::size_t bytes_to_frame(unsigned place) {
  return (kTpiuFrameBytes - place) % kTpiuFrameBytes;
}

struct InputGuess {
  InputKind kind = InputKind::kItm;
  unsigned place = 0;           ///< of the first byte in its frame, 0 to 15
  unsigned stream_id = 0;       ///< of the ITM; 0: no ID came
  bool unnamed_is_itm = false;  ///< what comes before the first ID is the ITM's
  bool sure = false;            ///< more bytes would hardly change it
};

/// The best guess from these bytes. Its cost grows with their number: some microseconds for 100,
/// some ten milliseconds for 64 KB.
InputGuess guess_input(std::span<const std::byte> bytes, const InputOptions& options);

/// The best guess for bytes that go on behind frames, of which some were lost before these bytes or
/// within the first frame; unless it is odd but whole, and then the phase is `before.likely_place`.
InputGuess guess_phase(std::span<const std::byte> bytes, const InputOptions& options,
                       const FramesBefore& before);

}  // namespace drone::itm
