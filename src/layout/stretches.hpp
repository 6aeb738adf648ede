// SPDX-License-Identifier: MIT
#pragma once

// How many blocks of each pool a trace held at most, stretch by stretch: what an estimate of the
// peaks to come stands on (docs/confidence.md).

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "drone/heap/pool_spec.hpp"
#include "heaptrace/event.hpp"
#include "layout/life_tracker.hpp"

namespace drone::layout {

/// A trace cut into stretches of equally many events. The last events, too few for a whole stretch,
/// are in `peaks` and `events` only.
struct Stretches {
  std::uint64_t events = 0;          ///< of the whole trace
  std::uint64_t stretch = 0;         ///< events in one; a power of two
  std::vector<std::uint64_t> peaks;  ///< by pool: most blocks alive at one time, in all of it
  std::vector<std::vector<std::uint32_t>> most;  ///< by pool and stretch: likewise, within it
  std::vector<std::uint32_t>
      largest;  ///< by stretch: the largest effective size asked for; 0: none
};

/// Collects Stretches from events: counts the blocks that belong in each pool, wherever they would
/// spill to. A block belongs in the first pool that serves its largest size so far, by the heap's
/// own rule; capacities do not matter. A resize that its block does not hold takes the new block
/// before it gives back the old; a failed request counts as one more block at that moment; a reset
/// ends all lives. O(1) an event (amortised); memory by live blocks and kinds of requests: there
/// are always fewer than kMostStretches, for that many become half as many, twice as long.
class StretchCollector {
 public:
  static constexpr std::size_t kMostStretches = 256;

  /// `pools` in ascending block size; `base_alignment` 4 or 8.
  StretchCollector(std::span<const heap::PoolSpec> pools, std::uint32_t base_alignment);
  void add(std::span<const heaptrace::Event> events);
  /// Another trace of the same program follows: all lives end.
  void end_trace();
  Stretches stretches() const;

 private:
  struct Pool {
    std::uint64_t live = 0;
    std::uint64_t most = 0;  ///< in the stretch at hand
    std::uint64_t peak = 0;
  };
  struct Home {
    std::size_t pool;  ///< the number of pools: none serves it
    std::uint32_t effective_size;
  };

  void change(std::uint32_t from, std::uint32_t to);
  const Home& home_of(std::uint32_t kind);
  void end_stretch();

  std::vector<heap::PoolSpec> specs_;
  std::uint32_t base_alignment_;
  LifeTracker lives_;
  std::vector<Home> homes_;  ///< by kind of request
  std::vector<Pool> pools_;  ///< and one for what no pool serves
  std::uint64_t events_ = 0;
  std::uint64_t stretch_ = 1;
  std::uint64_t left_ = 1;  ///< events until the stretch at hand ends
  std::uint32_t largest_ = 0;
  std::vector<std::vector<std::uint32_t>> most_;
  std::vector<std::uint32_t> largest_of_;
};

/// Stretches twice as long, in pairs from the end: an odd one at the beginning is left out.
void pair_up(Stretches& stretches);

}  // namespace drone::layout
