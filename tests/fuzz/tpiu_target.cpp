// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "itm/input_stage.hpp"
#include "require.hpp"
#include "targets.hpp"

namespace drone::fuzz {
namespace {

/// What a stage yields: neighbouring bytes together, however they came.
class Recorder final : public itm::ItmBytesSink {
 public:
  struct Gap {
    std::size_t at;
    std::uint64_t bytes;
    friend bool operator==(const Gap&, const Gap&) = default;
  };

  void bytes(std::span<const std::byte> itm) override {
    itm_.insert(itm_.end(), itm.begin(), itm.end());
  }
  void gap(std::uint64_t bytes) override { gaps_.push_back({itm_.size(), bytes}); }

  const std::vector<std::byte>& itm() const { return itm_; }
  const std::vector<Gap>& gaps() const { return gaps_; }
  friend bool operator==(const Recorder& a, const Recorder& b) {
    return a.itm_ == b.itm_ && a.gaps_ == b.gaps_;
  }

 private:
  std::vector<std::byte> itm_;
  std::vector<Gap> gaps_;
};

struct Staged {
  Recorder out;
  itm::InputChoice choice;
};

constexpr std::uint64_t kLost = 12345;

/// With a loss of kLost bytes at `gap_at`, if there is one.
Staged pass(std::span<const std::byte> bytes, const itm::InputOptions& options, std::size_t chunk,
            std::optional<std::size_t> gap_at) {
  Staged staged;
  itm::InputStage stage(options);
  const auto feed = [&](std::span<const std::byte> part) {
    for (std::size_t at = 0; at < part.size(); at += chunk) {
      stage.feed(part.subspan(at, std::min(chunk, part.size() - at)), staged.out);
    }
  };
  if (gap_at) {
    feed(bytes.first(*gap_at));
    stage.gap(kLost, staged.out);
    feed(bytes.subspan(*gap_at));
  } else {
    feed(bytes);
  }
  stage.finish(staged.out);
  require(stage.choice().has_value(), "a stage that has ended has decided");
  staged.choice = *stage.choice();
  return staged;
}

void check(std::span<const std::byte> bytes, const itm::InputOptions& options,
           std::optional<std::size_t> gap_at) {
  const Staged whole = pass(bytes, options, std::max<std::size_t>(bytes.size(), 1), gap_at);
  require(whole.out.itm().size() <= bytes.size(), "no more comes out than went in");
  if (options.kind && options.stream_id) require(!whole.choice.inferred, "a stage is told once");
  if (whole.choice.kind == itm::InputKind::kItm) {
    require(std::equal(whole.out.itm().begin(), whole.out.itm().end(), bytes.begin(), bytes.end()),
            "bare ITM passes as it is");
  } else {
    require(whole.choice.stream_id <= 111, "a stream's number is one of the frames' seven bits");
    if (options.stream_id) {
      require(whole.choice.stream_id == *options.stream_id,
              "the ITM is on the stream that was told");
    }
  }
  if (gap_at) require(!whole.out.gaps().empty(), "a loss is handed on");
  // One size an input: to infer what it is takes most of the time.
  constexpr std::array<std::size_t, 3> kChunks{1, 5, 64};
  const Staged parts = pass(bytes, options, kChunks[bytes.size() % kChunks.size()], gap_at);
  require(parts.out == whole.out, "what comes out does not depend on chunks");
  require(parts.choice == whole.choice, "the choice does not depend on chunks");
}

}  // namespace

void fuzz_tpiu(std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  const auto selector = static_cast<unsigned>(bytes.front());
  bytes = bytes.subspan(1);
  itm::InputOptions options;
  if ((selector & 1) != 0) {
    options.kind = itm::InputKind::kTpiu;
    // 112 to 127 are reserved.
    const unsigned stream = selector >> 1;
    if (stream != 0 && stream <= 111) options.stream_id = stream;
  }
  check(bytes, options, std::nullopt);
  check(bytes, options, selector % (bytes.size() + 1));
}

}  // namespace drone::fuzz
