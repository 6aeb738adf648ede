// SPDX-License-Identifier: MIT
#pragma once

// Why a UART receives bytes that are no ITM, from these bytes alone: the line is faster or slower
// than the receiver takes it to be, or it is coded in Manchester.
//
// A UART waits for a falling edge, looks at the line once for each bit it expects, and has a byte.
// At the wrong rate the bits it sees are others than were sent: a slow line shows it each bit more
// than once, a fast one hides some. What it makes of a byte then depends on which of the sent bits
// the falling edge was at. So the received bytes are the output of a hidden Markov model: its state
// is the position, in a sent frame (start bit, eight of data, stop bit), of the edge at which a
// byte began; for a given ratio of the rates, each state has its probability for every byte and for
// the position of the next edge. All follow from what ITM streams are made of, byte by byte, not
// from what a certain program sends. The ratio whose model makes the bytes most probable is the
// answer, if no other comes near it.
//
// Bytes with a bad stop bit are dropped by some receivers and handed on by others; the model allows
// for both. It allows for gaps on the line only between a received byte and the next.

#include <cstddef>
#include <cstdint>
#include <span>

namespace drone::itm {

enum class LineKind : std::uint8_t {
  kUnclear,     ///< nothing fits, or several things do
  kRight,       ///< UART at the rate of the receiver, or within a few percent of it
  kOtherRate,   ///< UART at `ratio` times the receiver's rate
  kManchester,  ///< half-bits at `ratio` times the receiver's rate
};

struct LineFinding {
  LineKind kind = LineKind::kUnclear;
  double ratio = 1;  ///< of the line's rate to the receiver's

  friend bool operator==(const LineFinding&, const LineFinding&) = default;
};

/// Ratios that can be found. Of a faster line too little is seen.
inline constexpr double kLeastLineRatio = 0.2;
inline constexpr double kMostLineRatio = 3.5;

/// What a receiver reports that takes an idle line for bytes, or has none to report, is for the
/// caller to judge: fewer than kLeastLineSample bytes are always kUnclear. Of more than
/// kMostLineSample only the first are looked at. Takes about a tenth of a second.
inline constexpr std::size_t kLeastLineSample = 64;
inline constexpr std::size_t kMostLineSample = 2048;
LineFinding find_line(std::span<const std::byte> received);

/// How probable a ratio makes the bytes: bits for each byte, the closer to 0 the better.
double line_fit(std::span<const std::byte> received, double ratio);

}  // namespace drone::itm
