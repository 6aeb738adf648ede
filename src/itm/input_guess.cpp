// SPDX-License-Identifier: MIT
#include "itm/input_guess.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "itm/decoder.hpp"
#include "itm/tpiu_deframer.hpp"

namespace drone::itm {
namespace {

/// Costs, in 1/256 bit: whole numbers, so that a choice is the same on every machine.
using Cost = std::int64_t;
constexpr Cost bits(double n) { return static_cast<Cost>(n * 256); }

// What no target sends, but what damage may make.
constexpr Cost kFine = bits(12);
constexpr Cost kReservedStreamFine = bits(16);
/// Formatters repeat an ID that has not changed once in some frames, at most.
constexpr Cost kSameStream = bits(6);
/// Each further stream is less likely.
constexpr Cost kFurtherStream = bits(2);
constexpr Cost kNullZero = bits(1.0 / 16);
constexpr Cost kSyncBetweenFrames = bits(4);
constexpr Cost kHalfSync = bits(8);
constexpr Cost kSyncInFrame = bits(24);

// Margins of a choice.
constexpr Cost kFramesAreRare = bits(8);
constexpr Cost kSureOfItm = bits(40);
constexpr Cost kSureOfFrames = bits(32);
constexpr Cost kSureOfPhase = bits(40);
constexpr Cost kSureOfStream = bits(16);
constexpr Cost kLooksLikeItm = bits(10);
constexpr Cost kLikelyPlace = bits(8);
/// Fewer bytes never leave no doubt that they are frames: four of them.
constexpr std::size_t kLeastFrameBytes = 64;

constexpr unsigned kSymbols = 256;
constexpr unsigned kMostWeight = 8192;

Cost log2_of(unsigned n) {
  static const auto table = [] {
    std::array<std::uint16_t, kMostWeight + 1> logarithms{};
    for (unsigned i = 1; i <= kMostWeight; ++i) {
      logarithms[i] = static_cast<std::uint16_t>(std::lround(256 * std::log2(i)));
    }
    return logarithms;
  }();
  return table[n];
}

/// What a byte costs after those before it: the usual ones less. Many are made that are hardly
/// used, so its table is filled when the first byte is learnt.
class ByteCost {
 public:
  /// `step`: how fast it learns; `most`: what the unusual costs.
  ByteCost(unsigned step, Cost most) : step_(step), most_(most) {}
  ByteCost(const ByteCost& other) { *this = other; }
  ByteCost& operator=(const ByteCost& other) {
    if (other.total_ != 0) weights_ = other.weights_;
    total_ = other.total_;
    step_ = other.step_;
    most_ = other.most_;
    return *this;
  }
  ~ByteCost() = default;

  Cost cost(unsigned symbol) const {
    if (total_ == 0) return bits(8);
    return std::min(log2_of(total_) - log2_of(weights_[symbol]), most_);
  }

  void learn(unsigned symbol) {
    if (total_ == 0) {
      weights_.fill(1);
      total_ = kSymbols;
    } else if (total_ + step_ > kMostWeight) {
      total_ = 0;
      for (std::uint16_t& weight : weights_) {
        weight = static_cast<std::uint16_t>((weight + 1) / 2);
        total_ += weight;
      }
    }
    weights_[symbol] = static_cast<std::uint16_t>(weights_[symbol] + step_);
    total_ += step_;
  }

  bool knows(unsigned symbol) const { return total_ != 0 && weights_[symbol] != 1; }

 private:
  std::array<std::uint16_t, kSymbols> weights_;  ///< if `total_` is not 0
  unsigned total_ = 0;
  unsigned step_ = 0;
  Cost most_ = 0;
};

/// Headers and IDs are of few kinds, which are told soon; a new one costs the more.
ByteCost few_kinds() { return ByteCost(96, bits(16)); }
/// Payloads may be anything: nothing costs much more than the byte itself.
ByteCost any_bytes() { return ByteCost(32, bits(9)); }

/// What a byte costs in an ITM stream.
class ItmCost {
 public:
  Cost cost(std::uint8_t byte) const {
    const detail::Header& header = detail::kHeaders[byte];
    switch (state_) {
      case State::kHeader:
        return headers_.cost(byte) + (header.form == detail::Form::kReserved ? kFine : 0);
      case State::kZeros:
        if (byte == 0) return kZeroOfMany;
        if (byte == kSyncEnd && zeros_ >= kSyncZeros) return kZeroOfMany;
        return kFine + headers_.cost(byte);
      case State::kPayload:
        return payloads_[context_].cost(byte);
      case State::kContinued:
        return payloads_[context_].cost(byte) +
               (missing_ == 1 && (byte & kContinuationBit) != 0 ? kFine : 0);
    }
    return 0;
  }

  /// The next byte begins a packet.
  void begin_anew() { state_ = State::kHeader; }

  void put(std::uint8_t byte) {
    switch (state_) {
      case State::kZeros:
        if (byte == 0) {
          ++zeros_;
          return;
        }
        state_ = State::kHeader;
        if (byte == kSyncEnd && zeros_ >= kSyncZeros) return;
        put_header(byte);
        return;
      case State::kHeader:
        put_header(byte);
        return;
      case State::kPayload:
        payloads_[context_++].learn(byte);
        if (--missing_ == 0) state_ = State::kHeader;
        return;
      case State::kContinued:
        payloads_[context_].learn(byte);
        if (--missing_ == 0 || (byte & kContinuationBit) == 0) state_ = State::kHeader;
        return;
    }
  }

 private:
  enum class State : std::uint8_t { kHeader, kZeros, kPayload, kContinued };

  static constexpr Cost kZeroOfMany = bits(1.0 / 4);
  // Payload bytes are told apart by the packet's size and their place in it.
  static constexpr std::array<std::uint8_t, 5> kFirstContext = {0, 0, 1, 0, 3};
  static constexpr std::uint8_t kContinuedContext = 7;

  void put_header(std::uint8_t byte) {
    headers_.learn(byte);
    const detail::Header& header = detail::kHeaders[byte];
    missing_ = header.size;
    switch (header.form) {
      case detail::Form::kFixed:
        if (missing_ == 0) return;
        context_ = kFirstContext[missing_];
        state_ = State::kPayload;
        return;
      case detail::Form::kContinued:
        context_ = kContinuedContext;
        state_ = State::kContinued;
        return;
      case detail::Form::kZero:
        zeros_ = 1;
        state_ = State::kZeros;
        return;
      case detail::Form::kReserved:
        return;
    }
  }

  State state_ = State::kHeader;
  std::uint8_t context_ = 0;
  std::uint8_t missing_ = 0;
  std::size_t zeros_ = 0;
  ByteCost headers_ = few_kinds();
  std::array<ByteCost, 8> payloads_ = [] {
    const ByteCost fresh = any_bytes();
    return std::array{fresh, fresh, fresh, fresh, fresh, fresh, fresh, fresh};
  }();
};

/// Bytes of one origin: what they cost as anything, and what they cost as ITM.
struct StreamCost {
  explicit StreamCost(unsigned stream) : id(stream) {}

  /// What was learned stays, what it cost is forgotten.
  void begin_anew() {
    plain_cost = itm_cost = 0;
    itm.begin_anew();
  }

  void put(std::uint8_t byte, bool charged = true) {
    if (charged) {
      plain_cost += plain.cost(byte);
      itm_cost += itm.cost(byte);
    }
    plain.learn(byte);
    itm.put(byte);
  }
  Cost gain() const { return plain_cost - itm_cost; }

  unsigned id;
  Cost plain_cost = 0;
  Cost itm_cost = 0;
  ByteCost plain = any_bytes();
  ItmCost itm;
};

/// The bytes as frames in one phase.
struct FrameReading {
  unsigned begin = 0;  ///< place of the first byte in its frame
  unsigned end = 0;    ///< of the next byte; two phases that end in the same place have become one
  Cost cost = 0;       ///< of all, one stream of it being ITM
  unsigned stream_id = 0;  ///< of the ITM; 0 if it has no name
  bool has_itm = false;    ///< one stream is better read as ITM than as anything
  bool sure_of_stream = false;
  bool unnamed_is_itm = false;  ///< what comes before the first ID is the ITM's
};

/// What the bytes cost as frames in one phase.
class FrameCost {
 public:
  /// `before`: null if nothing came before.
  explicit FrameCost(const FramesBefore* before) : before_(before) {
    streams_.reserve(kMostStreams + 3);
    if (before == nullptr) return;
    trained_ = StreamCost(before->itm_stream);
    for (const std::byte byte : before->itm) trained_.put(static_cast<std::uint8_t>(byte));
    trained_.begin_anew();
  }

  void put(unsigned place, std::span<const std::byte> bytes) {
    begin_ = first_ = place_ = place;
    offset_ = 0;
    stream_ = kTpiuUnnamedStream;
    flags_ = {2, 1};
    ids_ = few_kinds();
    ids_seen_ = 0;
    streams_.clear();
    cost_ = 0;
    if (before_ != nullptr) bytes = go_on(place, bytes);
    while (!bytes.empty()) {
      const std::size_t taken = put_some(bytes);
      bytes = bytes.subspan(taken);
      offset_ += taken;
    }
    put_tail();
  }

  FrameReading reading() const {
    const StreamCost* const itm = best_stream(nullptr);
    FrameReading reading;
    reading.begin = begin_;
    reading.end = place_;
    reading.cost = cost_;
    for (const StreamCost& stream : streams_) reading.cost += stream.plain_cost;
    if (itm == nullptr) return reading;
    reading.stream_id = is_tpiu_source(itm->id) ? itm->id : 0;
    reading.cost -= std::max(Cost{0}, itm->gain());
    reading.has_itm = itm->gain() >= kLooksLikeItm;
    if (before_ != nullptr && itm->id != kTpiuUnnamedStream) {
      const StreamCost* const unnamed = find(kTpiuUnnamedStream);
      reading.unnamed_is_itm = unnamed != nullptr && unnamed->gain() > 0;
      if (reading.unnamed_is_itm) reading.cost -= unnamed->gain();
    } else {
      reading.unnamed_is_itm = itm->id == kTpiuUnnamedStream;
    }
    const StreamCost* const second = best_stream(itm);
    reading.sure_of_stream =
        reading.has_itm && (second == nullptr || itm->gain() >= second->gain() + kSureOfStream);
    return reading;
  }

 private:
  static constexpr std::size_t kMostStreams = 12;
  static constexpr unsigned kOtherStreams = 0x81;

  /// Behind frames the bytes up to the next frame in this phase say nothing, and those of the first
  /// 16 are not charged, so that all phases are charged for the same bytes.
  std::span<const std::byte> go_on(unsigned place, std::span<const std::byte> bytes) {
    for (unsigned id = 0; id != before_->streams.size(); ++id) {
      if (before_->streams[id]) ids_.learn(id);
    }
    streams_.push_back(trained_);
    stream_ = before_->stream;
    if (place != 0) {
      // An ID may be among what was lost.
      stream_ = kTpiuUnnamedStream;
      if (trained_.id != stream_) {
        streams_.push_back(trained_);
        streams_.back().id = stream_;
      }
      const std::size_t head = bytes_to_frame(place);
      bytes = bytes.subspan(std::min(head, bytes.size()));
      offset_ = head;
      first_ = place_ = 0;
    }
    if (before_->likely_place.value_or(place) != place) cost_ += kLikelyPlace;
    return bytes;
  }

  /// The stream that is ITM most of all; null if there is none.
  const StreamCost* best_stream(const StreamCost* excepted) const {
    const bool named = std::any_of(streams_.begin(), streams_.end(),
                                   [](const StreamCost& each) { return is_tpiu_source(each.id); });
    const StreamCost* best = nullptr;
    for (const StreamCost& each : streams_) {
      const bool may_be_unnamed =
          before_ == nullptr ? !named : before_->itm_stream == kTpiuUnnamedStream;
      if (!is_tpiu_source(each.id) && (each.id != kTpiuUnnamedStream || !may_be_unnamed)) continue;
      if (&each == excepted || (best != nullptr && each.gain() <= best->gain())) continue;
      best = &each;
    }
    return best;
  }

  /// Takes a byte, or a synchronization; returns how many bytes that is.
  std::size_t put_some(std::span<const std::byte> bytes) {
    const auto byte_at = [bytes](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
    if (byte_at(0) == 0xFF && bytes.size() >= 4 && byte_at(1) == 0xFF && byte_at(2) == 0xFF &&
        byte_at(3) == 0x7F) {
      cost_ += place_ == 0 ? kSyncBetweenFrames
                           : kSyncInFrame + bits(8) * static_cast<Cost>(place_ - first_);
      first_ = place_ = 0;
      return 4;
    }
    if (bytes.size() < 4 && std::all_of(bytes.begin(), bytes.end(),
                                        [](std::byte byte) { return byte == std::byte{0xFF}; })) {
      return bytes.size();  // perhaps the beginning of one
    }
    if (byte_at(0) == 0xFF && place_ % 2 == 0 && bytes.size() >= 2 && byte_at(1) == 0x7F) {
      cost_ += kHalfSync;
      return 2;
    }
    offsets_[place_] = offset_;
    frame_[place_++] = byte_at(0);
    if (place_ == kTpiuFrameBytes) put_frame();
    return 1;
  }

  void put_frame() {
    const unsigned auxiliary = frame_[15];
    for (unsigned place = first_; place < 15; ++place) {
      choose_charge(place);
      if (place % 2 != 0) {
        put_data(frame_[place]);
        continue;
      }
      const unsigned bit = auxiliary >> (place / 2) & 1;
      put_flag((frame_[place] & 1) != 0);
      if ((frame_[place] & 1) == 0) {
        put_data(static_cast<std::uint8_t>(frame_[place] | bit));
        continue;
      }
      const unsigned id = frame_[place] >> 1;
      charge(bits(1));
      if (bit != 0 && place != 14) put_data(frame_[++place]);
      put_id(id);
    }
    first_ = place_ = 0;
  }

  /// Of a frame that is not whole, what byte 15 would tell is taken to be what suits best.
  void put_tail() {
    for (unsigned place = first_; place < place_; ++place) {
      choose_charge(place);
      const std::uint8_t byte = frame_[place];
      if (place % 2 != 0) {
        put_data(byte);
        continue;
      }
      put_flag((byte & 1) != 0);
      if ((byte & 1) == 0) {
        const auto other = static_cast<std::uint8_t>(byte | 1);
        put_data(data_cost(stream_, other) < data_cost(stream_, byte) ? other : byte);
        continue;
      }
      const unsigned id = byte >> 1;
      if (place + 1 < place_ &&
          data_cost(stream_, frame_[place + 1]) < data_cost(id, frame_[place + 1])) {
        put_data(frame_[++place]);
      }
      put_id(id);
    }
  }

  void choose_charge(unsigned place) {
    charged_ = before_ == nullptr || offsets_[place] >= kTpiuFrameBytes;
  }
  void charge(Cost cost) {
    if (charged_) cost_ += cost;
  }

  void put_flag(bool id) {
    const unsigned total = flags_[0] + flags_[1];
    charge(log2_of(total) - log2_of(flags_[id ? 1 : 0]));
    flags_[id ? 1 : 0] += 2;
    if (total > kMostWeight / 2) {
      flags_[0] = flags_[0] / 2 + 1;
      flags_[1] = flags_[1] / 2 + 1;
    }
  }

  void put_id(unsigned id) {
    if (id == stream_) {
      charge(kSameStream);
      return;
    }
    if (is_reserved_tpiu_stream(id)) charge(kReservedStreamFine);
    if (!ids_.knows(id)) charge(kFurtherStream * std::min(ids_seen_++, 6));
    charge(ids_.cost(id));
    ids_.learn(id);
    stream_ = id;
  }

  StreamCost* find(unsigned id) { return const_cast<StreamCost*>(std::as_const(*this).find(id)); }
  const StreamCost* find(unsigned id) const {
    const auto found = std::find_if(streams_.begin(), streams_.end(),
                                    [id](const StreamCost& each) { return each.id == id; });
    return found == streams_.end() ? nullptr : &*found;
  }

  Cost data_cost(unsigned id, std::uint8_t byte) {
    if (id == kTpiuNullStream) return byte == 0 ? kNullZero : kFine;
    const StreamCost* const stream = find(id);
    if (stream == nullptr) return bits(8);
    return std::min(stream->plain.cost(byte), stream->itm.cost(byte));
  }

  void put_data(std::uint8_t byte) {
    if (stream_ == kTpiuNullStream) {
      charge(byte == 0 ? kNullZero : kFine);
      return;
    }
    StreamCost* stream = find(stream_);
    if (stream == nullptr) {
      const bool many = streams_.size() >= kMostStreams;
      stream = many ? find(kOtherStreams) : nullptr;
      if (stream == nullptr) stream = &streams_.emplace_back(many ? kOtherStreams : stream_);
    }
    stream->put(byte, charged_);
  }

  const FramesBefore* before_;  ///< null: these bytes are the beginning
  StreamCost trained_{kTpiuUnnamedStream};
  std::size_t offset_ = 0;                              ///< of the next byte
  std::array<std::size_t, kTpiuFrameBytes> offsets_{};  ///< of the frame's
  bool charged_ = true;
  unsigned begin_ = 0;
  unsigned place_ = 0;
  unsigned first_ = 0;
  std::array<std::uint8_t, kTpiuFrameBytes> frame_{};
  unsigned stream_ = kTpiuUnnamedStream;
  std::array<unsigned, 2> flags_ = {2, 1};
  ByteCost ids_ = few_kinds();
  int ids_seen_ = 0;
  std::vector<StreamCost> streams_;
  Cost cost_ = 0;
};

Cost cost_without_frames(std::span<const std::byte> bytes) {
  StreamCost stream(kTpiuUnnamedStream);
  for (const std::byte byte : bytes) stream.put(static_cast<std::uint8_t>(byte));
  return std::min({stream.plain_cost, stream.itm_cost, bits(8) * static_cast<Cost>(bytes.size())});
}

/// What the bytes are as frames, if they are, in the phase that is likely most of all.
struct BestReading {
  FrameReading reading;
  bool sure;
};

BestReading read_as_frames(std::span<const std::byte> bytes, const InputOptions& options,
                           const FramesBefore* before) {
  FrameCost frame_cost(before);
  std::array<FrameReading, kTpiuFrameBytes> phases;
  for (unsigned place = 0; place != kTpiuFrameBytes; ++place) {
    frame_cost.put(place, bytes);
    phases[place] = frame_cost.reading();
  }
  const FrameReading& best = *std::min_element(
      phases.begin(), phases.end(),
      [](const FrameReading& a, const FrameReading& b) { return a.cost < b.cost; });
  const bool sure_of_phase =
      std::all_of(phases.begin(), phases.end(), [&best](const FrameReading& phase) {
        return phase.end == best.end || phase.cost >= best.cost + kSureOfPhase;
      });
  return {best, sure_of_phase && (options.stream_id || best.sure_of_stream)};
}

InputGuess frames_of(const BestReading& best) {
  return {InputKind::kTpiu, best.reading.begin, best.reading.stream_id, best.reading.unnamed_is_itm,
          best.sure};
}

}  // namespace

InputGuess guess_input(std::span<const std::byte> bytes, const InputOptions& options) {
  InputGuess bare;
  bare.sure = options.kind == InputKind::kItm;
  if (bare.sure) return bare;
  BestReading frames = read_as_frames(bytes, options, nullptr);
  if (!options.kind) {
    const Cost bare_cost = cost_without_frames(bytes);
    const Cost frames_cost = frames.reading.cost + kFramesAreRare;
    if (!frames.reading.has_itm || bare_cost < frames_cost + kSureOfFrames) {
      bare.sure = bare_cost + kSureOfItm <= frames_cost;
      return bare;
    }
    if (bytes.size() < kLeastFrameBytes) frames.sure = false;
  }
  return frames_of(frames);
}

InputGuess guess_phase(std::span<const std::byte> bytes, const InputOptions& options,
                       const FramesBefore& before) {
  return frames_of(read_as_frames(bytes, options, &before));
}

}  // namespace drone::itm
