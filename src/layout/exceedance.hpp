// SPDX-License-Identifier: MIT
#pragma once

// Is the trace long enough? How likely a longer run needs more blocks of a pool than a layout has,
// and how many it takes not to; or why the trace does not tell.
//
// The method (docs/confidence.md says more, and what it has been held against):
//
// 1. The trace is cut into stretches. The first eighth is the start of the program; its peaks
//    count, but it says nothing about what comes. The stretches become longer until, for no pool,
//    the most blocks alive in one stretch depend on those in the stretch before.
// 2. If there is no such length, if peaks rise, come in rare bursts or are always the same, there
// is
//    no estimate. What the program will do that it never did cannot be known; these are the signs
//    that it may.
// 3. Otherwise the stretches are a sample of what a stretch can need. The tail of each pool's
// counts
//    is taken to fall at least as fast as a geometric one from the median up, whose ratio is
//    uncertain as the sample leaves it (the mean over its posterior, with a uniform prior). The
//    chances of all stretches of the longer run, and of all pools, are added up.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "layout/stretches.hpp"

namespace drone::layout {

/// The run that is asked about, in lengths of the trace.
inline constexpr double kLongerRun = 10;

/// What the method has been held against; a higher confidence is not to be had.
inline constexpr double kMostConfidence = 0.999;

/// Why there is no estimate.
struct NoEstimate {
  enum class Reason : std::uint8_t {
    kShort,    ///< too few events
    kPhases,   ///< stretches resemble their neighbours however long they are made
    kRising,   ///< the later, the higher
    kSame,     ///< most stretches have the very same peaks: one input again and again
    kBursts,   ///< a few stretches stand out far above the others
    kStart,    ///< the start of the program, seen once, stands out likewise
    kLargest,  ///< the largest request came late and seldom
  };
  Reason reason{};
  std::size_t pool = 0;     ///< of kPhases, kRising, kBursts and kStart
  std::uint64_t count = 0;  ///< kShort: events. kSame, kLargest: stretches that are so
  std::uint64_t of = 0;     ///< kShort: events it takes. kSame, kLargest: stretches

  friend bool operator==(const NoEstimate&, const NoEstimate&) = default;
};

/// What the stretches of a trace say about longer runs.
class Exceedance {
 public:
  /// The chance that a run of `times` the trace's length needs, of some pool, more blocks than its
  /// capacity: an upper bound, at most 1. `capacities` by pool.
  double chance(std::span<const std::uint64_t> capacities, double times = kLongerRun) const;

  /// By pool the blocks it takes for a chance of at most 1 - `confidence`, which is from 0 to
  /// kMostConfidence; never less than the trace's peak. The chance is shared equally among the
  /// pools.
  std::vector<std::uint64_t> capacities(double confidence, double times = kLongerRun) const;

 private:
  friend std::variant<Exceedance, NoEstimate> estimate_exceedance(Stretches);

  /// The tail of one pool's counts: `above` of `stretches` have `floor` blocks or more, and
  /// `steps` more than floor in all.
  struct Tail {
    std::uint64_t floor = 0;
    std::uint64_t above = 0;
    std::uint64_t steps = 0;
    std::uint64_t stretches = 0;
    std::uint64_t peak = 0;  ///< of the whole trace

    explicit Tail(std::span<const std::uint32_t> counts);
    double chance_of_floor() const;
    double chance_of_step(std::uint64_t n) const;
    double mean_excess() const;
    double chance(std::uint64_t capacity) const;
    std::uint64_t capacity(double most_chance) const;
  };

  std::vector<Tail> tails_;
  double stretches_ = 0;  ///< of that length, in a run as long as the trace
};

/// An estimate, or why there is none.
using Outlook = std::variant<Exceedance, NoEstimate>;
Outlook estimate_exceedance(Stretches stretches);

/// Why there is no estimate, as the end of a sentence: "the trace has 100 events: ...". `pools` are
/// those of the stretches.
std::string in_words(const NoEstimate& none, std::span<const heap::PoolSpec> pools);

}  // namespace drone::layout
