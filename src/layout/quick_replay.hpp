// SPDX-License-Identifier: MIT
#pragma once

// Tries layouts on a workload, many a second: would it run, and if not, which request fails?
//
// Time is cut into groups of spans of changes.
//
// - For a span and a pool it is known, whatever the layout's other pools are, how far the number of
//   blocks that belong in the pool rises above that at the span's beginning, and by how much it has
//   changed at its end. So a span in which no pool can run out, and no block that lies in a larger
//   pool than it belongs in (a spilled one) ends, is passed over: each block goes where it belongs.
// - Of each group it is kept which blocks were spilled at its beginning, the most of each pool in
//   use, and which pools refused requests. When other capacities are tried on the same pools, and
//   the same blocks are spilled, and no pool would refuse more or less, the group ends as before.
//   So only what a change of capacities disturbs is replayed, until that has died away.
//
// All else is replayed change by change, by the rule of select_pool.hpp.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "layout/optimize.hpp"
#include "layout/workload.hpp"

namespace drone::layout {

/// Where the pools of a layout end, as indices of Workload::sizes(): pool p belongs to the sizes
/// from the end of the one before to its own end, and its block is the least that serves them.
using PoolEnds = std::vector<std::uint32_t>;

/// A layout to try: a pool for each end.
struct Candidate {
  PoolEnds ends;
  std::vector<std::uint32_t> capacities;
  std::uint64_t bytes = 0;
};

class QuickReplay {
 public:
  /// `workload` must outlive this.
  explicit QuickReplay(const Workload& workload);

  /// The block of a pool for the sizes from `begin` to `end`, in bytes; 0 if it would serve the
  /// next size, too, so that there is no such pool.
  std::uint32_t block(std::uint32_t begin, std::uint32_t end) const;

  /// What came of a try.
  struct Outcome {
    bool runs = true;
    std::uint32_t failed_pool = 0;  ///< if not: the pool that the first request to fail belongs in
    /// Pools below it that have blocks in pools which could have served it, as a set of bits: with
    /// one block more in one of them, it might have been served.
    std::uint64_t overflowing_pools = 0;
  };

  /// Whether all requests are served by these pools, each of which must have a block, with these
  /// capacities, which are not 0. The last pool ends with the last size. It is quickest when the
  /// pools are those that were kept, or those of the try before.
  Outcome run(const PoolEnds& ends, std::span<const std::uint32_t> capacities);

  /// Why a try failed, in terms of capacities: with the same pools it fails as well, whatever the
  /// capacities of those that are not `refusing`, as long as they are not below `most`.
  struct Failure {
    std::uint64_t refusing = 0;  ///< pools that were empty when asked, as a set of bits
    std::vector<std::uint32_t> most;
  };

  /// Of the last try, which has failed.
  Failure failure();

  /// The last try is what the next ones will be like.
  void keep();

  /// What all tries have taken so far, in steps of about the same time: the measure of a search,
  /// because it is the same on every machine.
  std::uint64_t steps() const { return steps_; }
  void count_steps(std::uint64_t steps) { steps_ += steps; }

 private:
  static constexpr std::size_t kSpan = 64;         ///< changes
  static constexpr std::size_t kLeastGroup = 4;    ///< spans
  static constexpr std::size_t kMostGroups = 512;  ///< unless they would be smaller
  static constexpr std::size_t kMostPools = 64;
  static constexpr std::size_t kMostTableBytes = std::size_t{1} << 26;

  /// How a number of blocks moves in a span.
  struct Rise {
    std::int8_t most = 0;    ///< above the beginning
    std::int8_t change = 0;  ///< from the beginning to the end
  };
  /// The blocks that belong in a pool, over time.
  struct Table {
    std::vector<Rise> spans;
    std::vector<std::int32_t> before;  ///< by group: their number at its beginning
  };
  struct ServedBy {
    std::uint64_t pools = 0;  ///< a set of bits
    std::uint32_t home = 0;   ///< the first of them: where the request belongs
  };
  /// A layout's pools, without their capacities.
  struct Pools {
    PoolEnds ends;
    std::vector<const Table*> tables;
    std::vector<ServedBy> served_by;  ///< by class
  };
  struct Spilled {
    std::uint32_t object;
    std::uint32_t next;  ///< its next change
    std::uint8_t pool;
    std::uint8_t home;
  };
  /// How a group went.
  struct Record {
    std::uint64_t begin_hash = 0;  ///< of what was spilled
    std::uint64_t end_hash = 0;
    std::uint64_t refusing = 0;                   ///< pools that were empty when asked
    std::array<std::int32_t, kMostPools> most{};  ///< in use, by pool
    std::vector<Spilled> begin;                   ///< what was spilled
  };
  static constexpr std::uint32_t kNoRecord = UINT32_MAX;
  struct Try {
    Pools pools;
    std::vector<std::uint32_t> records;  ///< by group: index of records_
    std::vector<std::uint32_t> fresh;    ///< groups whose records are not those that were kept
    std::vector<std::uint8_t> is_fresh;  ///< by group
  };

  const Table& table(std::uint32_t begin, std::uint32_t end);
  void set_pools(const PoolEnds& ends);
  void begin_try(const PoolEnds& ends);
  void drop_fresh();
  bool went_so(const Record& record) const;
  void load(std::size_t group, const Record& record);
  bool replay_group(std::size_t group, Record& record, Outcome& outcome);
  bool replay_span(std::size_t span, Record& record, Outcome& outcome);
  void explain(const ServedBy& server, Outcome& outcome) const;
  void spill(const Spilled& spilled);
  void unspill(std::uint32_t object);
  void forget_spilled();

  const Workload& workload_;
  std::size_t span_count_;
  std::size_t group_spans_;
  std::size_t group_count_;
  /// For each alignment that a request names, the largest first: by size, the next one that needs
  /// it or more.
  std::vector<std::pair<std::uint32_t, std::vector<std::uint32_t>>> next_aligned_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Table>> tables_;  ///< by begin, end
  std::size_t table_bytes_ = 0;

  std::vector<Record> records_;
  std::vector<std::uint32_t> free_records_;
  std::vector<std::uint32_t> kept_;  ///< by group: index of records_
  Pools kept_pools_;
  Try try_;
  std::size_t failed_group_ = 0;
  std::uint32_t failed_record_ = 0;  ///< what the last try did there until it failed

  // The moment of the try.
  std::array<std::int32_t, kMostPools> capacity_{};
  std::array<std::int32_t, kMostPools> used_{};
  std::vector<Spilled> spilled_;           ///< in any order
  std::vector<std::uint32_t> spilled_at_;  ///< by object: index of spilled_ + 1, 0 if it is not
  std::vector<std::uint16_t> changes_in_span_;  ///< of spilled objects, by span
  std::uint64_t hash_ = 0;                      ///< of spilled_
  std::uint64_t steps_ = 0;
};

}  // namespace drone::layout
