// SPDX-License-Identifier: MIT
#include "itm/input_stage.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "itm/decoder.hpp"
#include "support/itm_streams.hpp"
#include "support/test_bytes.hpp"
#include "support/tpiu_framer.hpp"

namespace drone::itm {
namespace {

using Bytes = std::vector<std::byte>;
using test::ItmTraffic;

/// Keeps what comes, in the parts that gaps leave.
struct Parts final : ItmBytesSink {
  void bytes(std::span<const std::byte> itm) override {
    parts.back().insert(parts.back().end(), itm.begin(), itm.end());
  }
  void gap(std::uint64_t bytes) override {
    gaps.push_back(bytes);
    parts.emplace_back();
  }
  friend bool operator==(const Parts& a, const Parts& b) {
    return a.parts == b.parts && a.gaps == b.gaps;
  }

  std::vector<Bytes> parts{1};
  std::vector<std::uint64_t> gaps;
};

struct Read {
  Parts itm;
  InputChoice choice;
  std::size_t decided_after = 0;  ///< bytes; 0: at the end
};

Read read(const Bytes& bytes, std::size_t chunk = 1, const InputOptions& options = {}) {
  Read result;
  InputStage stage(options);
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t n = std::min(chunk, bytes.size() - at);
    stage.feed(std::span(bytes).subspan(at, n), result.itm);
    at += n;
    if (result.decided_after == 0 && stage.choice()) result.decided_after = at;
  }
  stage.finish(result.itm);
  EXPECT_TRUE(stage.choice());
  result.choice = stage.choice().value_or(InputChoice{});
  return result;
}

Bytes golden(const std::string& name) {
  return test::bytes_of_file(DRONE_SOURCE_DIR "/tests/golden/itm/" + name);
}

Bytes text_on_port_0(std::string_view text) {
  Bytes itm;
  for (const char c : text) append_instrumentation(itm, 0, static_cast<unsigned char>(c), 1);
  return itm;
}

/// How many bytes at the beginning, or at the end, are alike.
std::size_t common_begin(const Bytes& a, const Bytes& b) {
  const auto end = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  return static_cast<std::size_t>(end.first - a.begin());
}
std::size_t common_end(const Bytes& a, const Bytes& b) {
  const auto end = std::mismatch(a.rbegin(), a.rend(), b.rbegin(), b.rend());
  return static_cast<std::size_t>(end.first - a.rbegin());
}

bool is_part_of(const Bytes& part, const Bytes& whole) {
  return std::search(whole.begin(), whole.end(), part.begin(), part.end()) != whole.end();
}

/// An ITM in frames, sometimes beside another source.
struct Framed {
  Bytes itm;
  Bytes frames;
  unsigned stream_id = 0;
};

/// `from_the_start`: the ITM's ID comes before its first byte. Otherwise it may have come before
/// the frames, and what comes before the next one is nobody's.
Framed framed_traffic(ItmTraffic traffic, std::size_t size, unsigned seed,
                      bool from_the_start = false) {
  test::Random random(seed);
  Framed framed;
  framed.itm = test::itm_stream(traffic, size, seed);
  framed.stream_id = random.one_in(2) ? 1 : 1 + random.below(kTpiuLastSource);
  const unsigned other = framed.stream_id % kTpiuLastSource + 1;
  test::TpiuFramerOptions options;
  options.frames_per_sync = random.one_in(2) ? 0 : 1U << random.below(8);
  options.frames_per_id = random.one_in(2) ? 0 : 10;
  if (random.one_in(4) && !from_the_start) options.first_stream = framed.stream_id;
  test::TpiuFramer framer(options);
  const bool beside = random.one_in(3);
  const bool pauses = random.one_in(2);
  const unsigned most = 2 + random.below(60);
  for (std::size_t at = 0; at < framed.itm.size();) {
    const std::size_t turn = std::min<std::size_t>(framed.itm.size() - at, 1 + random.below(most));
    for (std::size_t i = 0; i != turn; ++i) framer.put(framed.stream_id, framed.itm[at++]);
    if (beside) {  // as an ETM does: headers of a few kinds, and addresses
      for (unsigned n = random.below(20); n != 0; --n) {
        framer.put(other, static_cast<std::byte>(random.one_in(2) ? 0x84 + 4 * random.below(4)
                                                                  : random.below(256)));
      }
    }
    if (pauses && random.one_in(4)) framer.idle();
  }
  framer.flush();
  framed.frames = framer.take();
  return framed;
}

TEST(InputStage, FindsTheItmOfARealCaptureWithoutAnySynchronization) {
  const Read result = read(golden("stm32f105.tpiu"));
  EXPECT_EQ(describe(result.choice), "TPIU frames, the ITM on stream 1");
  EXPECT_TRUE(result.choice.inferred);
  EXPECT_TRUE(result.itm.gaps.empty());
  EXPECT_EQ(result.itm.parts.front(), golden("stm32f105.itm"));
}

TEST(InputStage, FindsItFromAnyOffset) {
  const Bytes frames = golden("stm32f105.tpiu");
  const Bytes itm = golden("stm32f105.itm");
  for (std::ptrdiff_t offset = 1; offset != 32; ++offset) {
    const Read result = read({frames.begin() + offset, frames.end()}, 4096);
    EXPECT_EQ(describe(result.choice), "TPIU frames, the ITM on stream 1") << offset;
    EXPECT_TRUE(result.itm.gaps.empty()) << offset;
    // The frames that are cut, or that come before the first ID, held two packets at most.
    EXPECT_GE(result.itm.parts.front().size() + 10, itm.size()) << offset;
    EXPECT_EQ(common_end(result.itm.parts.front(), itm), result.itm.parts.front().size()) << offset;
  }
}

TEST(InputStage, FindsItWhereverTheCaptureEnds) {
  const Bytes frames = golden("stm32f105.tpiu");
  const Bytes itm = golden("stm32f105.itm");
  std::size_t last = 0;
  for (std::ptrdiff_t size = 480; size < std::ssize(frames); size += 37) {
    const Read result = read({frames.begin(), frames.begin() + size}, 4096);
    EXPECT_EQ(describe(result.choice), "TPIU frames, the ITM on stream 1") << size;
    EXPECT_TRUE(result.itm.gaps.empty()) << size;
    EXPECT_EQ(common_begin(result.itm.parts.front(), itm), result.itm.parts.front().size());
    EXPECT_GE(result.itm.parts.front().size(), last) << size;
    last = result.itm.parts.front().size();
  }
}

TEST(InputStage, ShortRecordingIsBareItm) {
  for (const std::string text : {"H", "Hello", "Hello, world\n"}) {
    const Bytes itm = text_on_port_0(text);
    const Read result = read(itm);
    EXPECT_EQ(result.choice, InputChoice{}) << text;
    EXPECT_EQ(result.itm.parts.front(), itm);
  }
}

TEST(InputStage, TextIsShownAfterAFewCharacters) {
  for (const std::string text :
       {"Hello, world\n", "tick 1\ntick 2\n", "[INFO] ready\n", "0123456789\n", "OnOffOnOff"}) {
    const Bytes itm = text_on_port_0(text + text);
    const Read result = read(itm);
    EXPECT_EQ(result.choice, InputChoice{});
    EXPECT_NE(result.decided_after, 0U) << text;
    EXPECT_LE(result.decided_after, 20U) << text;
    EXPECT_EQ(result.itm.parts.front(), itm);
  }
}

TEST(InputStage, DecidesAt64KBAtTheLatest) {
  // All bytes 0xFF: no packet, no frame, no reason for either.
  const Read result = read(Bytes(InputStage::kMostUndecidedBytes + 100, std::byte{0xFF}), 1000);
  EXPECT_EQ(result.choice, InputChoice{});
  EXPECT_NE(result.decided_after, 0U);
  EXPECT_EQ(result.itm.parts.front().size(), InputStage::kMostUndecidedBytes + 100);
}

TEST(InputStage, NothingAtAllIsBareItm) {
  const Read result = read({});
  EXPECT_EQ(result.choice, InputChoice{});
  EXPECT_TRUE(result.itm.parts.front().empty());
}

TEST(InputStage, NeverTakesBareItmForFrames) {
  // The other direction is the less bad one, see below: so this one has to be perfect.
  for (unsigned seed = 0; seed != 360; ++seed) {
    test::Random random(seed);
    const std::size_t size = std::array<std::size_t, 6>{10, 40, 90, 250, 900, 4000}[seed / 12 % 6];
    Bytes bytes;
    if (seed % 12 < test::kItmTraffics) {
      bytes = test::itm_stream(static_cast<ItmTraffic>(seed % 12), size + 30, seed);
    } else {  // no ITM: noise, and a line at the wrong rate
      while (bytes.size() < size + 30) {
        bytes.push_back(static_cast<std::byte>(seed % 12 == 10 || random.one_in(4)
                                                   ? random.below(256)
                                                   : (0xFFU << random.below(9)) & 0xFF));
      }
    }
    bytes.erase(bytes.begin(), bytes.begin() + random.below(30));
    bytes.resize(size);
    const Read result = read(bytes);
    EXPECT_EQ(result.choice, InputChoice{}) << "seed " << seed << ", " << size << " bytes";
    EXPECT_EQ(result.itm.parts.front(), bytes) << "seed " << seed;
    EXPECT_LE(result.decided_after, 300U) << "seed " << seed;
  }
}

TEST(InputStage, SeldomTakesFramesForBareItm) {
  int wrong = 0;
  int wrong_stream = 0;
  int wrong_bytes = 0;
  constexpr unsigned kStreams = 300;
  for (unsigned seed = 0; seed != kStreams; ++seed) {
    Framed framed = framed_traffic(static_cast<ItmTraffic>(seed % test::kItmTraffics), 4000, seed);
    test::Random random(seed);
    framed.frames.erase(framed.frames.begin(), framed.frames.begin() + random.below(40));
    const Read result = read(framed.frames, 64);
    if (result.choice.kind == InputKind::kItm) {
      ++wrong;
    } else if (result.choice.stream_id != framed.stream_id && result.choice.stream_id != 0) {
      ++wrong_stream;
    } else if (!is_part_of(result.itm.parts.front(), framed.itm) ||
               result.itm.parts.front().size() + 200 < framed.itm.size()) {
      ++wrong_bytes;
    }
  }
  RecordProperty("taken_for_bare_itm", wrong);
  RecordProperty("other_stream_taken", wrong_stream);
  RecordProperty("other_bytes", wrong_bytes);
  EXPECT_LE(wrong, 3) << "of " << kStreams;
  EXPECT_EQ(wrong_stream, 0);
  EXPECT_LE(wrong_bytes, 5) << "a phase or an ID that was wrong at first";
}

TEST(InputStage, GivesTheSameWhateverTheChunks) {
  for (unsigned seed = 0; seed != 40; ++seed) {
    Framed framed = framed_traffic(static_cast<ItmTraffic>(seed % test::kItmTraffics), 1500, seed);
    Bytes bytes = seed % 4 == 0 ? framed.itm : framed.frames;
    if (seed % 2 != 0) bytes.erase(bytes.begin() + std::ssize(bytes) / 2);
    const Read whole = read(bytes, bytes.size());
    for (const std::size_t chunk : std::array<std::size_t, 8>{1, 2, 3, 5, 16, 17, 100, 1000}) {
      const Read parts = read(bytes, chunk);
      EXPECT_EQ(parts.choice, whole.choice) << "seed " << seed << " chunk " << chunk;
      EXPECT_EQ(parts.itm, whole.itm) << "seed " << seed << " chunk " << chunk;
    }
  }
}

TEST(InputStage, SingleSourceNeedsNoId) {
  const Bytes itm = test::itm_stream(ItmTraffic::kHeap, 3000, 5);
  test::TpiuFramerOptions options;
  options.first_stream = 9;
  test::TpiuFramer framer(options);
  framer.put_all(9, itm);
  const Bytes frames = framer.take();
  const Read result = read(frames);
  EXPECT_EQ(describe(result.choice), "TPIU frames");
  EXPECT_TRUE(result.itm.gaps.empty());
  EXPECT_EQ(common_begin(result.itm.parts.front(), itm), frames.size() / 16 * 15);
}

TEST(InputStage, SingleSourceMayBeNamedLater) {
  const Bytes itm = test::itm_stream(ItmTraffic::kHeapAndText, 6000, 6);
  test::TpiuFramerOptions options;
  options.first_stream = 9;
  test::TpiuFramer framer(options);
  framer.put_all(9, std::span(itm).first(3000));
  framer.idle();
  framer.put_all(9, std::span(itm).subspan(3000));
  framer.flush();
  const Read result = read(framer.take());
  EXPECT_EQ(describe(result.choice), "TPIU frames, the ITM on stream 9");
  EXPECT_TRUE(result.itm.gaps.empty());
  EXPECT_EQ(result.itm.parts.front(), itm);
}

TEST(InputStage, ByteLostInFramesIsNoticedAndThePhaseFoundAgain) {
  std::size_t wrong = 0;
  std::size_t missing = 0;
  unsigned losses = 0;
  for (unsigned seed = 0; seed != 120; ++seed) {
    Framed framed =
        framed_traffic(static_cast<ItmTraffic>(seed % test::kItmTraffics), 8000, seed, true);
    test::Random random(seed);
    framed.frames.erase(framed.frames.begin() + std::ssize(framed.frames) / 2 + random.below(64));
    const Read result = read(framed.frames, 512);
    if (result.choice.kind == InputKind::kItm) continue;
    ++losses;
    ASSERT_FALSE(result.itm.gaps.empty()) << "seed " << seed;
    const Bytes& before = result.itm.parts.front();
    const Bytes& behind = result.itm.parts.back();
    const std::size_t good_before = common_begin(before, framed.itm);
    const std::size_t good_behind = common_end(behind, framed.itm);
    std::size_t all = 0;
    for (const Bytes& part : result.itm.parts) all += part.size();
    wrong += all - good_before - good_behind;
    missing += framed.itm.size() - good_before - good_behind;
  }
  EXPECT_GE(losses, 115U);
  EXPECT_LE(wrong, 10 * losses) << "bytes that are not the ITM's, in all";
  EXPECT_LE(missing, 40 * losses) << "bytes that did not arrive, in all";
}

TEST(InputStage, HandsOnGapsOfBareItm) {
  const Bytes itm = test::itm_stream(ItmTraffic::kText, 400, 3);
  InputStage stage;
  Parts parts;
  stage.gap(3, parts);
  stage.feed(std::span(itm).first(5), parts);
  stage.gap(7, parts);
  EXPECT_FALSE(stage.choice()) << "a few bytes decide nothing";
  stage.feed(std::span(itm).subspan(5), parts);
  stage.gap(0, parts);
  stage.finish(parts);
  EXPECT_EQ(parts.gaps, (std::vector<std::uint64_t>{3, 7, 0}));
  ASSERT_EQ(parts.parts.size(), 4U);
  EXPECT_EQ(parts.parts[1], Bytes(itm.begin(), itm.begin() + 5));
  EXPECT_EQ(parts.parts[2], Bytes(itm.begin() + 5, itm.end()));
}

TEST(InputStage, FindsThePhaseBehindAGapInFrames) {
  const Framed framed = framed_traffic(ItmTraffic::kHeap, 8000, 11, true);
  for (const std::size_t lost : {1U, 15U, 16U, 100U, 1003U}) {
    for (const bool known : {true, false}) {
      InputStage stage;
      Parts parts;
      stage.feed(std::span(framed.frames).first(4005), parts);
      stage.gap(known ? lost : 0, parts);
      stage.feed(std::span(framed.frames).subspan(4005 + lost), parts);
      stage.finish(parts);
      const Bytes& before = parts.parts.front();
      EXPECT_EQ(common_begin(before, framed.itm), before.size());
      EXPECT_EQ(parts.gaps.front() == 0, !known);
      const std::size_t good = common_end(parts.parts.back(), framed.itm);
      EXPECT_EQ(good, parts.parts.back().size()) << lost;
      EXPECT_GE(before.size() + good + lost + 64, framed.itm.size()) << lost;
    }
  }
}

TEST(InputStage, DoesWhatItIsTold) {
  const Bytes frames = golden("stm32f105.tpiu");
  const Read bare = read(frames, 100, *parse_input_options("itm"));
  EXPECT_EQ(bare.choice, (InputChoice{InputKind::kItm, 0, false}));
  EXPECT_EQ(bare.itm.parts.front(), frames);
  EXPECT_EQ(bare.decided_after, 100U);

  const Read forced = read(frames, 100, *parse_input_options("tpiu"));
  EXPECT_EQ(describe(forced.choice), "TPIU frames, the ITM on stream 1");
  EXPECT_EQ(forced.itm.parts.front(), golden("stm32f105.itm"));

  const Read etm = read(frames, 100, *parse_input_options("tpiu:2"));
  EXPECT_EQ(etm.choice, (InputChoice{InputKind::kTpiu, 2, false}));
  EXPECT_EQ(etm.itm.parts.front().size(), 760U) << "the ETM's bytes, as they were asked for";
}

TEST(InputOptions, AreWords) {
  EXPECT_FALSE(parse_input_options("auto")->kind);
  EXPECT_EQ(parse_input_options("itm")->kind, InputKind::kItm);
  EXPECT_EQ(parse_input_options("tpiu")->kind, InputKind::kTpiu);
  EXPECT_FALSE(parse_input_options("tpiu")->stream_id);
  EXPECT_EQ(parse_input_options("tpiu:111")->stream_id, 111U);
  for (const char* wrong : {"", "ITM", "tpiu:", "tpiu:0", "tpiu:112", "tpiu:1x", "tpiu: 1", "x"}) {
    EXPECT_FALSE(parse_input_options(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace drone::itm
