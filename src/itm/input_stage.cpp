// SPDX-License-Identifier: MIT
#include "itm/input_stage.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "itm/input_guess.hpp"

namespace drone::itm {
namespace {

/// Of a stream that gaps tear apart, this many bytes in one piece are enough to decide by.
constexpr std::size_t kEnoughOfAPart = 256;

/// How many bytes there are to be for the next look: often at first, so that a slow terminal does
/// not wait, then seldom, as each look takes longer.
std::size_t look_after(std::size_t size) {
  if (size < 32) return size + 1;
  if (size < 64) return size + 4;
  if (size < 256) return size + 16;
  return size * 2;
}

std::size_t count_sources(const std::bitset<128>& streams) {
  std::size_t sources = 0;
  for (unsigned id = 1; id <= kTpiuLastSource; ++id) sources += streams[id] ? 1 : 0;
  return sources;
}

/// So many bytes tell how the ITM is.
constexpr std::size_t kRecentBytes = 256;

/// Takes the ITM out of what was in the frames.
class ItmOfFrames final : public TpiuSink {
 public:
  ItmOfFrames(unsigned itm_stream, bool unnamed_is_itm, bool unnamed_is_lost,
              std::vector<std::byte>& recent, std::uint64_t& lost, ItmBytesSink& sink)
      : itm_stream_(itm_stream),
        unnamed_is_itm_(unnamed_is_itm),
        unnamed_is_lost_(unnamed_is_lost),
        recent_(recent),
        lost_(lost),
        sink_(sink) {}

  void stream_bytes(unsigned id, std::span<const std::byte> bytes) override {
    const bool unnamed = id == kTpiuUnnamedStream;
    if (unnamed ? unnamed_is_itm_ : id == itm_stream_) {
      remember(bytes);
      if (lost_ != 0) sink_.gap(std::exchange(lost_, 0));
      sink_.bytes(bytes);
    } else if (unnamed && unnamed_is_lost_) {
      lost_ += bytes.size();
    }
  }
  void lost(std::uint64_t bytes) override { lost_ += bytes; }

 private:
  void remember(std::span<const std::byte> bytes) {
    if (recent_.size() >= 2 * kRecentBytes)
      recent_.erase(recent_.begin(), recent_.end() - kRecentBytes);
    const auto last = bytes.last(std::min(bytes.size(), kRecentBytes));
    recent_.insert(recent_.end(), last.begin(), last.end());
  }

  unsigned itm_stream_;
  bool unnamed_is_itm_;
  bool unnamed_is_lost_;
  std::vector<std::byte>& recent_;
  std::uint64_t& lost_;
  ItmBytesSink& sink_;
};

}  // namespace

std::string describe(const InputChoice& choice) {
  if (choice.kind == InputKind::kItm) return "bare ITM";
  if (choice.stream_id == 0) return "TPIU frames";
  return "TPIU frames, the ITM on stream " + std::to_string(choice.stream_id);
}

std::optional<InputOptions> parse_input_options(std::string_view text) {
  constexpr std::string_view kFramesOf = "tpiu:";
  if (text == "auto") return InputOptions{};
  if (text == "itm") return InputOptions{InputKind::kItm, std::nullopt};
  if (text == "tpiu") return InputOptions{InputKind::kTpiu, std::nullopt};
  if (!text.starts_with(kFramesOf)) return std::nullopt;
  text.remove_prefix(kFramesOf.size());
  unsigned id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size() || !is_tpiu_source(id)) {
    return std::nullopt;
  }
  return InputOptions{InputKind::kTpiu, id};
}

InputStage::InputStage(const InputOptions& options) : options_(options) {
  if (options.kind != InputKind::kItm) return;
  state_ = State::kBare;
  choice_ = InputChoice{InputKind::kItm, 0, false};
}

void InputStage::feed(std::span<const std::byte> bytes, ItmBytesSink& sink) {
  while (!bytes.empty()) {
    switch (state_) {
      case State::kBare:
        sink.bytes(bytes);
        return;
      case State::kFrames: {
        bytes = bytes.subspan(feed_frames(bytes, sink));
        if (!deframer_.in_doubt()) break;
        const auto frame = deframer_.held();
        kept_.assign(frame.begin(), frame.end());
        deframer_.drop();
        begin_doubt(0);
        phase_may_hold_ = true;
        break;
      }
      case State::kUndecided:
      case State::kDoubtful: {
        const auto taken = bytes.first(std::min(bytes.size(), next_look_ - kept_.size()));
        kept_.insert(kept_.end(), taken.begin(), taken.end());
        bytes = bytes.subspan(taken.size());
        if (kept_.size() == next_look_) look(false, sink);
        break;
      }
    }
  }
}

void InputStage::gap(std::uint64_t bytes, ItmBytesSink& sink) {
  if (state_ == State::kUndecided) {
    if (kept_.empty() && kept_parts_.empty()) {
      sink.gap(bytes);
      return;
    }
    std::size_t kept = kept_.size();
    for (const KeptPart& part : kept_parts_) kept += part.bytes.size() + sizeof(part);
    if (kept_.size() < kEnoughOfAPart && kept < kMostUndecidedBytes) {
      kept_parts_.push_back({std::exchange(kept_, {}), bytes});
      next_look_ = 1;
      return;
    }
  }
  if (state_ == State::kUndecided || state_ == State::kDoubtful) look(true, sink);
  if (state_ == State::kBare) {
    sink.gap(bytes);
    return;
  }
  tell_loss(sink);
  const unsigned place = deframer_.place();
  const std::size_t cut = deframer_.drop();
  sink.gap(bytes == 0 ? 0 : bytes + cut);
  kept_.clear();
  begin_doubt(bytes == 0 ? std::nullopt
                         : std::optional(static_cast<unsigned>((place + bytes) % kTpiuFrameBytes)));
  phase_may_hold_ = false;
}

void InputStage::finish(ItmBytesSink& sink) {
  if (state_ == State::kUndecided || state_ == State::kDoubtful) look(true, sink);
  tell_loss(sink);
}

void InputStage::tell_loss(ItmBytesSink& sink) {
  if (lost_ != 0) sink.gap(std::exchange(lost_, 0));
}

std::size_t InputStage::feed_frames(std::span<const std::byte> bytes, ItmBytesSink& sink) {
  ItmOfFrames itm(choice_->stream_id, unnamed_is_itm_, unnamed_is_lost_, recent_, lost_, sink);
  return deframer_.feed(bytes, itm);
}

void InputStage::begin_doubt(std::optional<unsigned> likely_place) {
  state_ = State::kDoubtful;
  likely_place_ = likely_place;
  next_look_ = kept_.size() + kTpiuFrameBytes;
}

void InputStage::look(bool at_end, ItmBytesSink& sink) {
  const bool undecided = state_ == State::kUndecided;
  const InputGuess guess = undecided ? guess_input(kept_, options_) : guess_phase();
  const std::size_t most = undecided ? kMostUndecidedBytes : kMostDoubtfulBytes;
  if (!guess.sure && !at_end && kept_.size() < most) {
    next_look_ = std::min(look_after(kept_.size()), most);
  } else if (undecided) {
    decide(guess, sink);
  } else {
    find_phase(guess, sink);
  }
}

InputGuess InputStage::guess_phase() const {
  InputOptions options{InputKind::kTpiu, std::nullopt};
  if (choice_->stream_id != 0) options.stream_id = choice_->stream_id;
  const bool unnamed = deframer_.stream() == kTpiuUnnamedStream && unnamed_is_itm_;
  FramesBefore before;
  before.streams = deframer_.expected();
  before.stream = deframer_.stream();
  before.itm_stream = unnamed ? kTpiuUnnamedStream : choice_->stream_id;
  before.itm = std::span(recent_).last(std::min(recent_.size(), kRecentBytes));
  before.likely_place = likely_place_;
  return itm::guess_phase(kept_, options, before);
}

void InputStage::decide(const InputGuess& guess, ItmBytesSink& sink) {
  const bool told = options_.kind && (options_.kind == InputKind::kItm || options_.stream_id);
  const bool bare = guess.kind == InputKind::kItm;
  const unsigned stream = bare ? 0 : options_.stream_id.value_or(guess.stream_id);
  choice_ = InputChoice{guess.kind, stream, !told};
  state_ = bare ? State::kBare : State::kFrames;
  for (const KeptPart& part : std::exchange(kept_parts_, {})) {
    if (bare) {
      sink.bytes(part.bytes);
      sink.gap(part.lost_behind);
    } else {
      sink.gap(part.lost_behind == 0 ? 0 : part.bytes.size() + part.lost_behind);
    }
  }
  const std::vector<std::byte> kept = std::exchange(kept_, {});
  if (bare) {
    if (!kept.empty()) sink.bytes(kept);
    return;
  }
  deframer_ = TpiuDeframer(guess.place);
  unnamed_is_itm_ = guess.unnamed_is_itm;
  feed_frames(kept, sink);
  deframer_.watch(true);
}

/// Frames that made no sense did so because the phase is another one, or are right after all.
void InputStage::find_phase(const InputGuess& guess, ItmBytesSink& sink) {
  state_ = State::kFrames;
  const std::vector<std::byte> kept = std::exchange(kept_, {});
  std::size_t lost = 0;
  if (!phase_may_hold_ || guess.place != 0) {
    const std::bitset<128> expected = deframer_.expected();
    unnamed_is_itm_ = guess.unnamed_is_itm || count_sources(expected) <= 1;
    unnamed_is_lost_ = true;
    deframer_ = TpiuDeframer();
    deframer_.expect(expected);
    lost = std::min(bytes_to_frame(guess.place), kept.size());
    lost_ += lost;
  }
  if (choice_->stream_id == 0) choice_->stream_id = guess.stream_id;
  deframer_.watch(false);
  feed_frames(std::span(kept).subspan(lost), sink);
  deframer_.watch(true);
}

}  // namespace drone::itm
