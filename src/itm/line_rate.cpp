// SPDX-License-Identifier: MIT
#include "itm/line_rate.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <vector>

#include "itm/packet.hpp"

namespace drone::itm {
namespace {

constexpr unsigned kFrameBits = 10;  ///< start, eight of data, stop
constexpr unsigned kStop = 9;

/// A bit of a sent frame, as the byte has it.
constexpr bool frame_bit(unsigned byte, unsigned position) {
  return position == kStop || (position != 0 && (byte >> (position - 1) & 1U) != 0);
}

using ByteWeights = std::array<double, 256>;

/// How often each byte comes in an ITM stream: mixtures of what such streams have in common. Rough,
/// and need not be more: they only have to favour ITM over anything else.
enum class Content : std::uint8_t { kHeap, kText, kMixed };
constexpr Content kContents[] = {Content::kHeap, Content::kText, Content::kMixed};

ByteWeights weights_of(Content content) {
  ByteWeights weights{};
  const auto add = [&weights](double share, unsigned first, unsigned last) {
    for (unsigned byte = first; byte <= last; ++byte) weights[byte] += share / (last - first + 1);
  };
  const auto add_headers = [&](double share, std::initializer_list<unsigned> ports) {
    for (const unsigned port : ports) {
      for (unsigned size = 1; size != 4; ++size) {
        add(share / static_cast<double>(3 * ports.size()), port << 3 | size, port << 3 | size);
      }
    }
  };
  const auto add_timestamps = [&](double share) {
    add(share / 3, kLocalTimestamp1Header, kLocalTimestamp1Header);
    add(share / 3, 0x80, 0xFF);  // ticks, more to come
    add(share / 4, 0, 0x7F);     // the last ones
    for (unsigned ticks = 1; ticks != 7; ++ticks) add(share / 72, ticks << 4, ticks << 4);
  };
  constexpr auto kText = [](const auto& to, double share) {
    to(share * 0.7, 0x61, 0x7A);
    to(share * 0.3, 0x20, 0x5A);
  };
  switch (content) {
    case Content::kHeap:  // events of 4 and 2 bytes
      add_headers(0.05, {30, 31});
      add(0.14, 0xFB, 0xFB);
      add(0.06, 0xFA, 0xFA);
      add(0.18, 0, 0);
      add(0.14, 1, 31);
      add(0.28, 0, 255);
      add_timestamps(0.15);
      break;
    case Content::kText:  // each character in a packet of its own, or four
      add(0.34, 1, 1);
      add_headers(0.06, {0, 1});
      kText(add, 0.44);
      add(0.03, 0, 255);
      add(0.03, 10, 13);
      add_timestamps(0.10);
      break;
    case Content::kMixed:
      add_headers(0.08, {0, 1, 2, 30, 31});
      add(0.05, 1, 1);
      add(0.05, 0xFB, 0xFB);
      kText(add, 0.17);
      add(0.18, 0, 0);
      add(0.10, 1, 31);
      add(0.22, 0, 255);
      add_timestamps(0.15);
      break;
  }
  add(0.005, kOverflowHeader, kOverflowHeader);
  double sum = 0;
  for (const double weight : weights) sum += weight;
  for (double& weight : weights) weight /= sum;
  return weights;
}

/// What is known of a sent byte: the bits of `mask` have those of `value`.
struct KnownBits {
  std::uint8_t mask = 0;
  std::uint8_t value = 0;
};

/// How probable it is that a byte has certain bits.
class BitWeights {
 public:
  explicit BitWeights(const ByteWeights& weights) : table_(256 * 256) {
    for (unsigned mask = 256; mask-- != 0;) {
      for (unsigned value = 0; value != 256; ++value) {
        if ((value & ~mask) != 0) continue;
        const unsigned open = ~mask & 0xFF;
        const unsigned bit = open & (0U - open);
        at(mask, value) =
            open == 0 ? weights[value] : at(mask | bit, value) + at(mask | bit, value | bit);
      }
    }
  }
  double of(KnownBits bits) const { return table_[std::size_t{bits.mask} << 8 | bits.value]; }

 private:
  double& at(unsigned mask, unsigned value) { return table_[std::size_t{mask} << 8 | value]; }
  std::vector<double> table_;
};

/// Where the falling edge stands that a received byte begins with: 0 is a start bit, 2 to 8 the bit
/// of data that is the first low one behind a high one. (1 cannot be: a low bit stands before it.)
constexpr unsigned kEdges = 9;
using Edges = std::array<double, kEdges>;

/// The probabilities of the edge that comes next, if the line was seen low or high at a position.
Edges next_edges(const BitWeights& weights, unsigned position, bool level) {
  Edges next{};
  double sum = 0;
  for (unsigned byte = 0; byte != 256; ++byte) {
    if (frame_bit(byte, position) != level) continue;
    const auto whole = static_cast<std::uint8_t>(byte);
    const double weight = weights.of({0xFF, whole});
    unsigned edge = 0;
    bool high = level;
    for (unsigned i = position + 1; i != kFrameBits; ++i) {
      if (high && !frame_bit(byte, i)) {
        edge = i;
        break;
      }
      high = frame_bit(byte, i);
    }
    next[edge] += weight;
    sum += weight;
  }
  if (sum == 0) return {1};  // the line is idle
  for (double& probability : next) probability /= sum;
  return next;
}

/// What lines that carry a certain content have in common, whatever their rate.
struct Frames {
  BitWeights weights;
  std::array<std::array<Edges, 2>, kFrameBits> next;  ///< by position and level

  explicit Frames(Content content) : weights(weights_of(content)) {
    for (unsigned position = 0; position != kFrameBits; ++position) {
      next[position] = {next_edges(weights, position, false), next_edges(weights, position, true)};
    }
  }
};

const Frames& frames_of(Content content) {
  static const std::array<Frames, std::size(kContents)> frames{
      Frames(Content::kHeap), Frames(Content::kText), Frames(Content::kMixed)};
  return frames[static_cast<std::size_t>(content)];
}

constexpr double kIdleShare = 0.15;  ///< of frames, with a gap behind
constexpr double kKeptShare = 0.5;   ///< of bytes with a bad stop bit, handed on
constexpr double kNoiseShare = 0.01;
/// When a receiver looks at the line, later than in the middle of its bit: it looks for the edge
/// sixteen times a bit.
constexpr double kLateness[] = {0.0, 0.05};

/// The model of a line that is `ratio` times as fast as the receiver.
class LineModel {
 public:
  LineModel(const Frames& frames, double ratio) : frames_(frames) {
    for (unsigned edge = 0; edge != kEdges; ++edge) {
      if (edge == 1) continue;
      for (const double late : kLateness) add_edge(edge, ratio, late);
    }
    follow_unseen();
  }

  /// Bits for each byte.
  double fit(std::span<const std::byte> received) const;

 private:
  /// A receiver's ten looks at the line, as numbers of sent bits since the frame of the edge began.
  using Looks = std::array<unsigned, kFrameBits>;
  /// The probabilities of what they see together: the first look is bit 0.
  using Sights = std::array<double, 1U << kFrameBits>;

  /// Looks so far, in a tree of all that they may see.
  struct Seen {
    unsigned looks = 0;
    unsigned levels = 0;
    unsigned frame = 0;
    double frames = 1;  ///< probability of the frames before the last one
    KnownBits known;    ///< of the last one
    double before = 1;  ///< how probable was what was known of it at the edge
  };

  void add_edge(unsigned edge, double ratio, double late);
  void look_on(const Looks& looks, Seen seen, Sights& sights) const;
  void follow_unseen();

  struct State {
    std::array<std::array<double, 256>, 2> byte{};  ///< with a bad stop bit, with a good one
    std::array<Edges, 2> next{};                    ///< the edge of the next byte then
    Edges unseen{};  ///< the next edge, nothing having been received at this one
  };
  const Frames& frames_;
  std::array<State, kEdges> states_;
};

void LineModel::look_on(const Looks& looks, Seen seen, Sights& sights) const {
  const auto last_frame = [&] { return frames_.weights.of(seen.known) / seen.before; };
  if (seen.looks == kFrameBits) {
    sights[seen.levels] += seen.frames * last_frame();
    return;
  }
  const unsigned look = looks[seen.looks];
  if (look / kFrameBits != seen.frame) {
    seen.frames *= last_frame();
    const unsigned high_from_here = (1U << kFrameBits) - (1U << seen.looks);
    sights[seen.levels | high_from_here] += seen.frames * kIdleShare;
    seen.frames *= 1 - kIdleShare;
    seen.frame = look / kFrameBits;
    seen.known = {};
    seen.before = 1;
  }
  const unsigned position = look % kFrameBits;
  const auto bit = static_cast<std::uint8_t>(position == 0 ? 0 : 1U << (position - 1));
  for (const bool high : {false, true}) {
    Seen next = seen;
    if (position == 0 || position == kStop) {
      if (high != (position == kStop)) continue;
    } else if ((seen.known.mask & bit) != 0) {
      if (high != ((seen.known.value & bit) != 0)) continue;
    } else {
      next.known.mask |= bit;
      if (high) next.known.value |= bit;
    }
    if (high) next.levels |= 1U << seen.looks;
    ++next.looks;
    look_on(looks, next, sights);
  }
}

void LineModel::add_edge(unsigned edge, double ratio, double late) {
  constexpr double kShare = 1.0 / std::size(kLateness);
  Looks looks{};
  for (unsigned i = 0; i != kFrameBits; ++i) {
    looks[i] = edge + static_cast<unsigned>((i + 0.5 + late) * ratio);
  }
  Seen start;
  if (edge >= 2) {
    start.known.mask = static_cast<std::uint8_t>(3U << (edge - 2));
    start.known.value = static_cast<std::uint8_t>(1U << (edge - 2));
    start.before = frames_.weights.of(start.known);
  }
  Sights sights{};
  look_on(looks, start, sights);

  State& state = states_[edge];
  double none = 0;  // a start bit that is high in its middle
  double bad = 0;
  for (unsigned levels = 0; levels != sights.size(); ++levels) {
    const double p = kShare * sights[levels];
    const bool good = (levels >> kStop & 1U) != 0;
    if ((levels & 1U) != 0) {
      none += p;
      continue;
    }
    state.byte[good ? 1 : 0][levels >> 1 & 0xFF] += (good ? 1 : kKeptShare) * p;
    if (!good) bad += p;
  }
  const auto& after_start = frames_.next[looks[0] % kFrameBits][1];
  const auto& after_stop = frames_.next[looks[kStop] % kFrameBits];
  for (unsigned i = 0; i != kEdges; ++i) {
    state.unseen[i] += none * after_start[i] + (1 - kKeptShare) * bad * after_stop[0][i];
    for (unsigned good = 0; good != 2; ++good) state.next[good][i] += kShare * after_stop[good][i];
  }
}

/// Goes on from each next edge to that where something is received, however many are passed over.
void LineModel::follow_unseen() {
  constexpr int kMostUnseen = 12;
  std::array<Edges, kEdges> reached{};
  for (unsigned edge = 0; edge != kEdges; ++edge) {
    Edges now{};
    now[edge] = 1;
    for (int round = 0; round != kMostUnseen; ++round) {
      Edges next{};
      for (unsigned i = 0; i != kEdges; ++i) {
        reached[edge][i] += now[i];
        for (unsigned j = 0; j != kEdges; ++j) next[j] += now[i] * states_[i].unseen[j];
      }
      now = next;
    }
  }
  for (State& state : states_) {
    for (Edges& next : state.next) {
      Edges received{};
      for (unsigned i = 0; i != kEdges; ++i) {
        for (unsigned j = 0; j != kEdges; ++j) received[j] += next[i] * reached[i][j];
      }
      next = received;
    }
  }
}

double LineModel::fit(std::span<const std::byte> received) const {
  Edges now{};
  now.fill(1.0 / kEdges);
  double bits = 0;
  for (const std::byte each : received) {
    const auto byte = std::to_integer<unsigned>(each);
    Edges edges{};
    for (unsigned i = 0; i != kEdges; ++i) {
      for (unsigned good = 0; good != 2; ++good) {
        const double p = now[i] * states_[i].byte[good][byte];
        if (p == 0) continue;
        for (unsigned j = 0; j != kEdges; ++j) edges[j] += p * states_[i].next[good][j];
      }
    }
    double sum = 0;
    for (double& p : edges) {
      p = (1 - kNoiseShare) * p + kNoiseShare / 256 / kEdges;
      sum += p;
    }
    bits += std::log2(sum);
    for (double& p : edges) p /= sum;
    now = edges;
  }
  return bits / static_cast<double>(received.size());
}

/// The ratios that are tried, 2 % apart; one of them is 1.
std::vector<double> ratios() {
  constexpr double kStep = 1.02;
  constexpr double kMostTried = 5;  // beyond what is told: there, too, might be the answer
  std::vector<double> ratios;
  const int first = static_cast<int>(std::ceil(std::log(kLeastLineRatio) / std::log(kStep)));
  const int last = static_cast<int>(std::floor(std::log(kMostTried) / std::log(kStep)));
  for (int i = first; i <= last; ++i) ratios.push_back(std::pow(kStep, i));
  return ratios;
}

bool is_near(double a, double b, double distance) { return std::abs(std::log(a / b)) < distance; }

// A receiver takes a line that is a few percent off as if it were not, and makes about the same of
// several rates close together: they are one answer.
constexpr double kRightRate = 0.065;
constexpr double kSameRate = 0.08;

/// The indices of the ratios around the best one that are about as good.
struct Answer {
  std::size_t first;
  std::size_t last;
};
Answer answer_around(std::size_t best, const std::vector<double>& tried,
                     const std::vector<double>& fits) {
  constexpr double kAboutAsGood = 0.4;
  constexpr double kWidest = 0.13;
  const auto as_good = [&](std::size_t i) {
    return fits[i] > fits[best] - kAboutAsGood && is_near(tried[i], tried[best], kWidest);
  };
  Answer answer{best, best};
  while (answer.first != 0 && as_good(answer.first - 1)) --answer.first;
  while (answer.last + 1 != tried.size() && as_good(answer.last + 1)) ++answer.last;
  return answer;
}

/// How far apart two fits must be to tell them apart, in bits for each byte: for long samples, in
/// which any difference is significant, because the model is rough; for short ones by chance.
double clear_difference(std::size_t bytes, double model) {
  constexpr double kChanceBits = 50;
  return std::max(model, kChanceBits / static_cast<double>(bytes));
}

/// Whether there are different bytes among them, more than now and then: nothing else tells.
bool is_varied(std::span<const std::byte> received) {
  std::array<std::size_t, 256> counts{};
  for (const std::byte each : received) ++counts[std::to_integer<unsigned>(each)];
  constexpr double kLeastEntropy = 0.5;
  double entropy = 0;
  for (const std::size_t count : counts) {
    if (count == 0) continue;
    const double share = static_cast<double>(count) / static_cast<double>(received.size());
    entropy -= share * std::log2(share);
  }
  return entropy >= kLeastEntropy;
}

/// Whether the line changes after one or two half-bits, ever, as in Manchester coding: in UART
/// frames of ITM it often stays as it is for longer. A half-bit takes `half_bit` of the receiver's
/// bits; beyond about two, a byte does not show enough of the line.
bool is_manchester(std::span<const std::byte> received, double half_bit) {
  std::array<std::size_t, kFrameBits> runs{};  ///< by half-bits, those that a byte has both ends of
  std::size_t count = 0;
  std::size_t cut_long = 0;  ///< bytes at whose end the line stays as it is for longer
  const auto half_bits = [half_bit](unsigned bits) { return std::lround(bits / half_bit); };
  for (const std::byte each : received) {
    const unsigned levels = std::to_integer<unsigned>(each) << 1;
    unsigned edge = 0;
    for (unsigned i = 1; i != kStop; ++i) {
      if ((levels >> i & 1U) == (levels >> (i - 1) & 1U)) continue;
      ++runs[static_cast<std::size_t>(std::min<long>(half_bits(i) - half_bits(edge), kStop))];
      ++count;
      edge = i;
    }
    if (kStop - edge > 2 * half_bit + 1) ++cut_long;
  }
  constexpr std::size_t kLeastRuns = 100;
  if (count < kLeastRuns || 4 * cut_long > received.size()) return false;
  const auto share = [&](std::size_t run) {
    return static_cast<double>(runs[run]) / static_cast<double>(count);
  };
  constexpr double kNearlyAll = 0.97;
  constexpr double kSome = 0.1;
  return share(1) + share(2) > kNearlyAll && share(1) > kSome && share(2) > kSome;
}

/// How well each ratio explains the bytes. The whole sample is only spent on those that a part of
/// it does not rule out.
std::vector<double> fits_of(const std::vector<double>& tried, std::span<const std::byte> received) {
  constexpr std::size_t kPart = 384;
  constexpr double kRuledOut = 1.5;
  const auto part = received.first(std::min(received.size(), kPart));
  std::vector<double> fits(tried.size(), -HUGE_VAL);
  for (const Content content : kContents) {
    std::vector<double> rough;
    rough.reserve(tried.size());
    std::vector<LineModel> models;
    models.reserve(tried.size());
    for (const double ratio : tried) {
      rough.push_back(models.emplace_back(frames_of(content), ratio).fit(part));
    }
    const double best = *std::max_element(rough.begin(), rough.end());
    for (std::size_t i = 0; i != tried.size(); ++i) {
      const bool is_open = rough[i] > best - kRuledOut && part.size() != received.size();
      fits[i] = std::max(fits[i], is_open ? models[i].fit(received) : rough[i]);
    }
  }
  return fits;
}

}  // namespace

double line_fit(std::span<const std::byte> received, double ratio) {
  double best = -HUGE_VAL;
  for (const Content content : kContents) {
    best = std::max(best, LineModel(frames_of(content), ratio).fit(received));
  }
  return best;
}

LineFinding find_line(std::span<const std::byte> received) {
  if (received.size() < kLeastLineSample) return {};
  received = received.first(std::min(received.size(), kMostLineSample));
  if (!is_varied(received)) return {};
  if (is_manchester(received, 1) || is_manchester(received, 2)) return {LineKind::kManchester};

  const std::vector<double> tried = ratios();
  const std::vector<double> fits = fits_of(tried, received);
  const auto best =
      static_cast<std::size_t>(std::max_element(fits.begin(), fits.end()) - fits.begin());
  const Answer answer = answer_around(best, tried, fits);
  const double ratio = std::sqrt(tried[answer.first] * tried[answer.last]);
  double right = -HUGE_VAL;
  double other = -HUGE_VAL;
  for (std::size_t i = 0; i != tried.size(); ++i) {
    if (is_near(tried[i], 1, kRightRate)) right = std::max(right, fits[i]);
    const std::size_t nearest = std::clamp(i, answer.first, answer.last);
    if (!is_near(tried[i], tried[nearest], kSameRate)) other = std::max(other, fits[i]);
  }
  const std::size_t bytes = received.size();
  // A slow line shows each of its bits, and leaves little doubt.
  const double clear = ratio < 0.5 ? 0.6 : ratio < 0.85 ? 0.4 : 0.3;
  if (fits[best] - other < clear_difference(bytes, clear)) return {};
  if (is_near(tried[best], 1, kRightRate)) return {LineKind::kRight};
  if (fits[best] - right < clear_difference(bytes, 0.3)) return {};
  constexpr double kLongestHalfBit = 2.5;
  if (ratio < 1 && ratio * kLongestHalfBit > 1 && is_manchester(received, 1 / ratio)) {
    return {LineKind::kManchester};
  }
  if (ratio > kMostLineRatio) return {};
  return {LineKind::kOtherRate, ratio};
}

}  // namespace drone::itm
