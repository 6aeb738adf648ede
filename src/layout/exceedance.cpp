// SPDX-License-Identifier: MIT
#include "layout/exceedance.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include "support/counted.hpp"

namespace drone::layout {
namespace {

using Reason = NoEstimate::Reason;

constexpr std::uint64_t kFewestEvents = 16384;
constexpr std::size_t kFewestStretches = 32;
constexpr std::size_t kStart = 8;   ///< one in so many stretches is the program's start
constexpr std::size_t kSeldom = 8;  ///< fewer stretches than that
constexpr double kDependent = 2.6;  ///< standard deviations of a rank correlation
constexpr double kRising = 3;       ///< likewise
constexpr double kHeavy = 2;        ///< standard deviations of the mean of a geometric tail
constexpr double kUnlikelyPeak = 0.01;
constexpr double kNoChance = 1e-30;  ///< below that, how much less is of no interest

/// Ranks from 0 on, less their mean; equal values have the mean of their ranks.
std::vector<double> centred_ranks(std::span<const std::uint32_t> values) {
  std::vector<std::uint32_t> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  std::vector<double> ranks;
  ranks.reserve(values.size());
  const double mean = (static_cast<double>(values.size()) - 1) / 2;
  for (const std::uint32_t value : values) {
    const auto [first, last] = std::equal_range(sorted.begin(), sorted.end(), value);
    const auto sum = static_cast<double>((first - sorted.begin()) + (last - sorted.begin()) - 1);
    ranks.push_back(sum / 2 - mean);
  }
  return ranks;
}

/// Rank correlation of each value with the one before it; 0 where all are equal.
double correlation_with_previous(std::span<const std::uint32_t> values) {
  const std::vector<double> ranks = centred_ranks(values);
  double squares = 0;
  double products = 0;
  for (std::size_t i = 0; i != ranks.size(); ++i) {
    squares += ranks[i] * ranks[i];
    if (i != 0) products += ranks[i] * ranks[i - 1];
  }
  return squares == 0 ? 0 : products / squares;
}

/// Rank correlation with time (Spearman's); 0 where all are equal.
double correlation_with_time(std::span<const std::uint32_t> values) {
  const std::vector<double> ranks = centred_ranks(values);
  const double mean = (static_cast<double>(values.size()) - 1) / 2;
  double squares = 0;
  double times = 0;
  double products = 0;
  for (std::size_t i = 0; i != ranks.size(); ++i) {
    const double time = static_cast<double>(i) - mean;
    squares += ranks[i] * ranks[i];
    times += time * time;
    products += ranks[i] * time;
  }
  return squares == 0 ? 0 : products / std::sqrt(squares * times);
}

/// The stretches after the program's start.
std::span<const std::uint32_t> after_start(const std::vector<std::uint32_t>& values) {
  return std::span(values).subspan(values.size() / kStart);
}

struct Worst {
  double value = 0;
  std::size_t pool = 0;
};

Worst worst_pool(const Stretches& stretches,
                 const std::function<double(std::span<const std::uint32_t>)>& measure) {
  Worst worst;
  for (std::size_t i = 0; i != stretches.most.size(); ++i) {
    const double value = measure(after_start(stretches.most[i]));
    if (value > worst.value) worst = {value, i};
  }
  return worst;
}

/// How many stretches after the start have the peaks, of all pools, that most of them have.
std::uint64_t same_peaks(const Stretches& stretches) {
  std::map<std::vector<std::uint32_t>, std::uint64_t> counts;
  std::uint64_t most = 0;
  const std::size_t all = stretches.largest.size();
  for (std::size_t i = all / kStart; i != all; ++i) {
    std::vector<std::uint32_t> peaks;
    peaks.reserve(stretches.most.size());
    for (const auto& pool : stretches.most) peaks.push_back(pool[i]);
    most = std::max(most, ++counts[std::move(peaks)]);
  }
  return most;
}

/// Whether the highest eighth of the counts exceed the others by more than they would if the tail
/// fell as a geometric one that exceeds the median by `mean_excess` in the mean.
bool is_heavy(std::span<const std::uint32_t> counts, double mean_excess) {
  std::vector<std::uint32_t> sorted(counts.begin(), counts.end());
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  const std::uint32_t usual = sorted[sorted.size() / 8];
  double above = 0;
  double excess = 0;
  for (const std::uint32_t count : sorted) {
    if (count <= usual) break;
    ++above;
    excess += count - usual;
  }
  return excess > above * mean_excess * (1 + kHeavy / std::sqrt(above));
}

std::optional<NoEstimate> largest_is_seldom(const Stretches& stretches) {
  const std::span<const std::uint32_t> later = after_start(stretches.largest);
  const auto start = stretches.largest.begin();
  const auto begin_later = start + static_cast<std::ptrdiff_t>(stretches.largest.size() / kStart);
  const std::uint32_t before = start == begin_later ? 0 : *std::max_element(start, begin_later);
  const std::uint32_t largest = *std::max_element(later.begin(), later.end());
  const auto times = static_cast<std::uint64_t>(std::count(later.begin(), later.end(), largest));
  if (largest <= before || times >= kSeldom) return std::nullopt;
  return NoEstimate{Reason::kLargest, 0, times, later.size()};
}

}  // namespace

/// From the median up.
Exceedance::Tail::Tail(std::span<const std::uint32_t> counts) : stretches(counts.size()) {
  std::vector<std::uint32_t> sorted(counts.begin(), counts.end());
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  floor = sorted[(sorted.size() - 1) / 2];
  for (const std::uint32_t count : sorted) {
    if (count < floor) break;
    ++above;
    steps += count - floor;
  }
}

/// That a stretch has `floor` blocks or more.
double Exceedance::Tail::chance_of_floor() const {
  return static_cast<double>(above + 1) / static_cast<double>(stretches + 1);
}

/// That a stretch which has floor + `n` blocks or more has one more. With a uniform prior the
/// ratio's posterior is Beta(steps + 1, above + 1); the mean of its n-th power is the product of
/// these.
double Exceedance::Tail::chance_of_step(std::uint64_t n) const {
  return static_cast<double>(steps + 1 + n) / static_cast<double>(steps + above + 2 + n);
}

/// Of the stretches that have `floor` blocks or more, over floor - 1.
double Exceedance::Tail::mean_excess() const {
  return static_cast<double>(steps + above) / static_cast<double>(above);
}

/// That a stretch needs more than `capacity` blocks.
double Exceedance::Tail::chance(std::uint64_t capacity) const {
  if (capacity < floor) return 1;
  double chance = chance_of_floor();
  for (std::uint64_t n = 0; n <= capacity - floor && chance > kNoChance; ++n) {
    chance *= chance_of_step(n);
  }
  return chance;
}

/// The least that is exceeded with a chance of `most_chance` at most.
std::uint64_t Exceedance::Tail::capacity(double most_chance) const {
  std::uint64_t capacity = floor;
  double chance = chance_of_floor() * chance_of_step(0);
  while (chance > most_chance) {
    ++capacity;
    chance *= chance_of_step(capacity - floor);
  }
  return capacity;
}

double Exceedance::chance(std::span<const std::uint64_t> capacities, double times) const {
  double sum = 0;
  for (std::size_t i = 0; i != tails_.size(); ++i) {
    sum +=
        capacities[i] < tails_[i].peak ? 1 : tails_[i].chance(capacities[i]) * times * stretches_;
  }
  return std::min(sum, 1.0);
}

std::vector<std::uint64_t> Exceedance::capacities(double confidence, double times) const {
  const double share = (1 - confidence) / (static_cast<double>(tails_.size()) * times * stretches_);
  std::vector<std::uint64_t> result;
  result.reserve(tails_.size());
  for (const Tail& tail : tails_) result.push_back(std::max(tail.capacity(share), tail.peak));
  return result;
}

Outlook estimate_exceedance(Stretches stretches) {
  if (stretches.events < kFewestEvents) {
    return NoEstimate{Reason::kShort, 0, stretches.events, kFewestEvents};
  }
  for (;;) {
    const auto sample = static_cast<double>(after_start(stretches.largest).size());
    const Worst worst = worst_pool(stretches, correlation_with_previous);
    if (worst.value <= kDependent / std::sqrt(sample)) break;
    if (stretches.largest.size() / 2 < kFewestStretches) {
      return NoEstimate{Reason::kPhases, worst.pool, 0, 0};
    }
    pair_up(stretches);
  }
  const std::size_t sample = after_start(stretches.largest).size();
  const Worst rising = worst_pool(stretches, correlation_with_time);
  if (rising.value > kRising / std::sqrt(static_cast<double>(sample))) {
    return NoEstimate{Reason::kRising, rising.pool, 0, 0};
  }
  const std::uint64_t same = same_peaks(stretches);
  if (2 * same > sample) return NoEstimate{Reason::kSame, 0, same, sample};
  if (const auto seldom = largest_is_seldom(stretches)) return *seldom;

  Exceedance result;
  result.stretches_ =
      static_cast<double>(stretches.events) / static_cast<double>(stretches.stretch);
  for (std::size_t i = 0; i != stretches.most.size(); ++i) {
    const std::span<const std::uint32_t> counts = after_start(stretches.most[i]);
    Exceedance::Tail tail(counts);
    // A peak that the tail does not explain: the other stretches say nothing about the next such
    // one.
    const auto explains = [&](std::uint64_t peak) {
      return peak <= tail.floor ||
             tail.chance(peak - 1) * static_cast<double>(counts.size()) >= kUnlikelyPeak;
    };
    if (!explains(*std::max_element(counts.begin(), counts.end())) ||
        is_heavy(counts, tail.mean_excess())) {
      return NoEstimate{Reason::kBursts, i, 0, 0};
    }
    if (!explains(stretches.peaks[i])) return NoEstimate{Reason::kStart, i, 0, 0};
    tail.peak = stretches.peaks[i];
    result.tails_.push_back(tail);
  }
  return result;
}

std::string in_words(const NoEstimate& none, std::span<const heap::PoolSpec> pools) {
  const auto pool = [&] { return "the pool of " + std::to_string(pools[none.pool].block_size); };
  const std::string share = std::to_string(none.count) + " of " + std::to_string(none.of);
  switch (none.reason) {
    case Reason::kShort:
      return "the trace has " + counted(none.count, "event") + ", and it takes " +
             std::to_string(none.of) + " at least";
    case Reason::kPhases:
      return "the program goes through phases that are long beside the trace (" + pool() +
             " is fuller in some than in others), and the next may be another one";
    case Reason::kRising:
      return "the peaks of " + pool() + " still rise towards the end of the trace";
    case Reason::kSame:
      return share +
             " stretches of the trace have the very same peaks: it shows one input again and "
             "again, which says nothing of another";
    case Reason::kBursts:
      return pool() + " is needed in rare bursts far above its usual, too few to judge by";
    case Reason::kStart:
      return "the peak of " + pool() +
             " is from the start of the program, which the trace shows once";
    case Reason::kLargest:
      return "the largest requests came in " + share +
             " stretches of the trace only, and larger ones may come";
  }
  return {};
}

}  // namespace drone::layout
