// SPDX-License-Identifier: MIT
#include "cli/silence.hpp"

#include <gmock/gmock.h>

#include "itm/decoder.hpp"
#include "itm/line_rate.hpp"
#include "itm/swo_line.hpp"
#include "support/test_bytes.hpp"

namespace drone::cli {
namespace {

using namespace std::chrono_literals;
using itm::test::BadStops;
using itm::test::Bytes;
using itm::test::Random;
using itm::test::Stream;
using test::bytes_of;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr unsigned kPort = 31;

ItmPlan heap_plan(SourceKind source = SourceKind::kProbe) {
  ItmPlan plan;
  plan.shown = {0, 1};
  plan.heaptraces.push_back({kPort, "heaptrace", "drone heap"});
  plan.source = source;
  return plan;
}

probe::TraceState all_on() {
  probe::TraceState state;
  state.trace_enabled = state.itm_enabled = state.uart = true;
  state.ports = 0x80000003;
  state.divisor = 42;
  return state;
}

/// A watch on a capture that takes what it is given, while time passes as it is told.
class Watched {
 public:
  explicit Watched(const ItmPlan& plan = heap_plan())
      : watch_(plan, [this](const std::string& line) { said.push_back(line); }) {
    watch_.on_tick(now_);
  }

  SilenceWatch& operator*() { return watch_; }
  SilenceWatch* operator->() { return &watch_; }

  void take(const Bytes& bytes) {
    watch_.on_bytes(bytes);
    std::vector<itm::Packet> packets;
    decoder_.feed(bytes, packets);
    watch_.on_packets(packets);
  }
  /// Ticks for so long.
  void pass(std::chrono::milliseconds time) {
    for (; time > 0ms; time -= 100ms) {
      now_ += 100ms;
      watch_.on_tick(now_);
    }
  }
  /// The same, with the bytes coming bit by bit.
  void pass_with(const Bytes& bytes, std::chrono::milliseconds time) {
    const auto ticks = static_cast<std::size_t>(time / 100ms);
    for (std::size_t i = 0; i != ticks; ++i) {
      const std::size_t begin = bytes.size() * i / ticks;
      const std::size_t end = bytes.size() * (i + 1) / ticks;
      take({bytes.begin() + static_cast<std::ptrdiff_t>(begin),
            bytes.begin() + static_cast<std::ptrdiff_t>(end)});
      pass(100ms);
    }
  }
  void answer(const probe::TraceState& state) {
    watch_.set_target(
        [this, state] {
          ++asked;
          return state;
        },
        42);
  }

  std::vector<std::string> said;
  int asked = 0;

 private:
  SilenceWatch watch_;
  itm::Decoder decoder_;
  SilenceWatch::Clock::time_point now_;
};

Bytes received(Stream stream, double ratio, BadStops bad_stops = BadStops::kKept) {
  Random random(7);
  const Bytes bytes = itm::test::make_stream(stream, stream == Stream::kText ? 250 : 1500, random);
  return itm::test::receive(itm::test::uart_line(bytes, random), ratio, bad_stops, random);
}

const Bytes kSync = bytes_of("00 00 00 00 00 80");
const Bytes kText = bytes_of("01 41 01 42");
const Bytes kEvent = bytes_of("FB 01 00 04 01");

TEST(Silence, NothingIsSaidBeforeThreeSeconds) {
  Watched watched;
  watched.pass(2900ms);
  EXPECT_THAT(watched.said, IsEmpty());
  watched.pass(200ms);
  EXPECT_THAT(watched.said, SizeIs(2));
}

TEST(Silence, NothingIsSaidWhileEventsCome) {
  Watched watched;
  watched.answer(all_on());
  for (int i = 0; i != 100; ++i) {
    watched.take(kEvent);
    watched.pass(300ms);
  }
  EXPECT_THAT(watched.said, IsEmpty());
  EXPECT_FALSE(watched->conclusion(1U << kPort).has_value());
}

TEST(Silence, NothingIsSaidOfAFullLine) {
  Bytes many;
  for (int i = 0; i != 10000; ++i) many.insert(many.end(), kEvent.begin(), kEvent.end());
  for (const bool fast_way : {false, true}) {
    Watched watched;
    for (int i = 0; i != 50; ++i) {
      watched.take(many);
      // What nobody wants to look at comes without its packets.
      if (fast_way && !watched->wants_packets()) watched->on_bytes(many);
      watched.pass(100ms);
    }
    EXPECT_THAT(watched.said, IsEmpty());
    EXPECT_FALSE(watched->conclusion(1U << kPort).has_value());
  }
}

TEST(Silence, TheSameIsSaidOnceAndLookedForLessAndLessOften) {
  Watched watched;
  watched.answer(all_on());
  watched.pass(100s);
  EXPECT_THAT(watched.said, SizeIs(2));
  EXPECT_LE(watched.asked, 7) << "early, and after 3, 6, 12, 24, 48 and 96 seconds";
  EXPECT_GE(watched.asked, 6);
}

TEST(Silence, WhatChangesIsSaidAgain) {
  Watched watched;
  watched.pass(4s);
  ASSERT_THAT(watched.said, ElementsAre(HasSubstr("not one byte has come"), HasSubstr("powered")));
  watched.take(kSync);
  watched.take(kText);
  watched.pass(3s);
  ASSERT_THAT(watched.said, SizeIs(4));
  EXPECT_THAT(watched.said[2], AllOf(HasSubstr("nothing on port 31 for 6 s"),
                                     HasSubstr("ITM comes, but nothing on port 31"),
                                     HasSubstr("data comes on port 0 (2 packets)")));
  EXPECT_THAT(watched.said[3], HasSubstr("is the heaptrace feature built in"));
}

TEST(Silence, WithoutAByteTheTargetIsAsked) {
  for (const bool asleep : {false, true}) {
    Watched watched;
    probe::TraceState state = all_on();
    state.asleep = asleep;
    watched.answer(state);
    watched.pass(4s);
    ASSERT_THAT(watched.said, SizeIs(2));
    EXPECT_THAT(watched.said[0], HasSubstr("though trace, the ITM and the port are on"));
    EXPECT_EQ(watched.said[0].find("the processor sleeps") != std::string::npos, asleep);
  }
  Watched recording(heap_plan(SourceKind::kStandardInput));
  recording.pass(4s);
  EXPECT_THAT(recording.said, ElementsAre(HasSubstr("not one byte has come"),
                                          HasSubstr("does whatever sends the stream run")));
}

TEST(Silence, TheTargetsRegistersSayWhatIsSwitchedOff) {
  const auto said_of = [](auto&& change) {
    Watched watched;
    probe::TraceState state = all_on();
    change(state);
    watched.answer(state);
    watched.take(kSync);
    watched.pass(4s);
    const auto conclusion = watched->conclusion(1U << kPort);
    EXPECT_TRUE(conclusion.has_value());
    EXPECT_THAT(watched.said, SizeIs(2));
    EXPECT_THAT(watched.said.front(), HasSubstr(conclusion->text.seen)) << "and at the end again";
    return watched.said.front();
  };
  using State = probe::TraceState;
  EXPECT_THAT(said_of([](State& state) { state.locked_up = true; }), HasSubstr("locked up"));
  EXPECT_THAT(said_of([](State& state) { state.halted = true; }), HasSubstr("has halted"));
  EXPECT_THAT(said_of([](State& state) { state.exception = 3; }),
              HasSubstr("handler of HardFault"));
  EXPECT_THAT(said_of([](State& state) { state.exception = 6; }), HasSubstr("of UsageFault"));
  EXPECT_THAT(said_of([](State& state) { state.exception = 15; }),
              HasSubstr("ITM comes, but nothing on port 31"))
      << "an interrupt is no fault";
  EXPECT_THAT(said_of([](State& state) { state.trace_enabled = false; }), HasSubstr("TRCENA"));
  EXPECT_THAT(said_of([](State& state) { state.itm_enabled = false; }), HasSubstr("ITMENA"));
  EXPECT_THAT(said_of([](State& state) { state.ports = 3; }),
              HasSubstr("port 31 is switched off in the target, by ITM_TER"));
}

TEST(Silence, ThePortMayBeForPrivilegedCodeOnly) {
  Watched watched;
  probe::TraceState state = all_on();
  state.privileged = 8;
  watched.answer(state);
  watched.take(kSync);
  watched.pass(4s);
  EXPECT_THAT(watched.said, ElementsAre(HasSubstr("nothing on port 31"), HasSubstr("ITM_TPR")));
}

TEST(Silence, TheProgramsNotesSayWhetherTheHeapIsTraced) {
  const auto said_of = [](const std::vector<unsigned>& traced) {
    Watched watched;
    watched->set_traced_ports(traced);
    watched.answer(all_on());
    watched.take(kText);
    watched.pass(4s);
    EXPECT_THAT(watched.said, SizeIs(2));
    return watched.said.front() + '\n' + watched.said.back();
  };
  EXPECT_THAT(said_of({}), AllOf(HasSubstr("the heaptrace feature is not built in"),
                                 HasSubstr("just features=heaptrace flash")));
  EXPECT_THAT(said_of({29, 30}),
              AllOf(HasSubstr("traces no heap on port 31"), HasSubstr("one on ports 29 and 30"),
                    HasSubstr("--heaptrace 29:FILE")));
  EXPECT_THAT(said_of({30, 31}),
              AllOf(HasSubstr("has not used it yet"), HasSubstr("data comes on port 0 (2 packets)"),
                    HasSubstr("where it allocates")));
}

TEST(Silence, BytesAtAnotherRateAreToldWithTheRatio) {
  for (const auto& [ratio, words] : {std::pair(0.5, "about 2.0 times slower than expected"),
                                     std::pair(1.5, "about 1.5 times as fast as expected")}) {
    for (const Stream stream : {Stream::kHeap, Stream::kText, Stream::kAll}) {
      Watched watched;
      watched.pass_with(received(stream, ratio), 4s);
      ASSERT_THAT(watched.said, SizeIs(2)) << itm::test::name_of(stream);
      EXPECT_THAT(watched.said[0], HasSubstr(words)) << itm::test::name_of(stream);
      EXPECT_THAT(watched.said[1], HasSubstr(ratio < 1 ? "0.5 times" : "1.5 times"));
    }
  }
  Watched small;
  small.pass_with(received(Stream::kHeapWithTimestamps, 0.88), 4s);
  ASSERT_THAT(small.said, SizeIs(2));
  EXPECT_THAT(small.said[0], HasSubstr(" % slower than expected"));
}

TEST(Silence, NoWrongRatePassesForItm) {
  unsigned round = 0;
  for (const double ratio : {0.25, 0.5, 0.7, 1.25, 2.0, 4.0}) {
    for (const Stream stream : itm::test::kStreams) {
      const BadStops bad_stops = ++round % 2 == 0 ? BadStops::kKept : BadStops::kDropped;
      Watched watched;
      watched.pass_with(received(stream, ratio, bad_stops), 4s);
      ASSERT_THAT(watched.said, SizeIs(2)) << ratio << ' ' << itm::test::name_of(stream);
      EXPECT_THAT(watched.said[0], HasSubstr("no ITM")) << ratio;
    }
  }
}

TEST(Silence, AGoodStreamIsNeverTakenForAnotherRate) {
  for (const Stream stream : itm::test::kStreams) {
    Watched watched;
    watched.pass_with(received(stream, 1), 4s);
    if (stream == Stream::kText) {
      EXPECT_THAT(watched.said, ElementsAre(HasSubstr("ITM comes, but nothing on port 31"),
                                            HasSubstr("is the heaptrace feature built in")));
    } else {
      EXPECT_THAT(watched.said, IsEmpty());
    }
  }
}

TEST(Silence, ARateThatTheProgramChangedIsCertain) {
  Watched watched;
  probe::TraceState state = all_on();
  state.divisor = 84;
  watched.answer(state);
  watched.pass_with(received(Stream::kHeap, 0.5), 4s);
  ASSERT_THAT(watched.said, SizeIs(2));
  EXPECT_THAT(watched.said[0], AllOf(HasSubstr("TPIU_ACPR"), HasSubstr("2.0 times slower than what "
                                                                       "was set up")));
}

TEST(Silence, ManchesterCodingIsTold) {
  Random random(7);
  const Bytes bytes = itm::test::make_stream(Stream::kAll, 800, random);
  Watched watched;
  watched.pass_with(
      itm::test::receive(itm::test::manchester_line(bytes, random), 1, BadStops::kKept, random),
      4s);
  EXPECT_THAT(watched.said, ElementsAre(HasSubstr("Manchester"), HasSubstr("TPIU_SPPR = 2")));

  Watched certain;
  probe::TraceState state = all_on();
  state.uart = false;
  certain.answer(state);
  Bytes noise(500);
  for (std::byte& byte : noise) byte = static_cast<std::byte>(random());
  certain.pass_with(noise, 4s);
  EXPECT_THAT(certain.said, ElementsAre(HasSubstr("does not send as a UART"), HasSubstr("SPPR")));
}

TEST(Silence, TextAndNoiseAreToldApart) {
  const std::string log = "[00:01:23] network: connected to 192.168.1.17, 3 retries\r\n";
  Bytes text;
  Bytes noise;
  Random random(8);
  for (std::size_t i = 0; i != 3000; ++i) {
    text.push_back(static_cast<std::byte>(log[i % log.size()]));
    noise.push_back(static_cast<std::byte>(random()));
  }
  Watched reader;
  reader.pass_with(text, 4s);
  EXPECT_THAT(reader.said, ElementsAre(HasSubstr("readable text"), HasSubstr("SWO pin")));
  Watched listener;
  listener.pass_with(noise, 4s);
  EXPECT_THAT(listener.said,
              ElementsAre(HasSubstr("are no ITM"), HasSubstr("check clock and baud")));
  EXPECT_THAT(listener.said[0], Not(HasSubstr("times")));
}

TEST(Silence, EventsThatNoiseSeemsToHoldAreNone) {
  Watched watched;
  Random random(9);
  for (int i = 0; i != 40; ++i) {
    Bytes noise = bytes_of("FB 01 00 04 00");
    for (int j = 0; j != 500; ++j) noise.push_back(static_cast<std::byte>(random()));
    watched.take(noise);
    watched.pass(100ms);
  }
  EXPECT_THAT(watched.said, ElementsAre(HasSubstr("are no ITM"), HasSubstr("hint: ")));
  EXPECT_TRUE(watched->conclusion(1U << kPort).has_value());
}

TEST(Silence, AHeapThatRestsIsLeftInPeace) {
  Watched watched;
  watched.answer(all_on());
  watched.take(kEvent);
  watched.pass(60s);
  EXPECT_THAT(watched.said, IsEmpty());
  EXPECT_FALSE(watched->conclusion(1U << kPort).has_value());
}

TEST(Silence, AHeapThatIsCutOffIsNot) {
  Watched watched;
  probe::TraceState state = all_on();
  state.itm_enabled = false;
  watched.answer(state);
  watched.pass_with(received(Stream::kHeap, 1), 5s);
  EXPECT_THAT(watched.said, IsEmpty());
  watched.pass(4s);
  EXPECT_THAT(watched.said,
              ElementsAre(HasSubstr("for 3 s: the ITM is switched off"), HasSubstr("hint: ")));
}

TEST(Silence, ARateThatChangesInTheMiddleIsTold) {
  Watched watched;
  watched.pass_with(received(Stream::kAll, 1), 10s);
  EXPECT_THAT(watched.said, IsEmpty());
  watched.pass_with(received(Stream::kAll, 2), 5s);
  EXPECT_THAT(watched.said, ElementsAre(HasSubstr("no ITM"), HasSubstr("hint: ")));
}

TEST(Silence, EachOfTwoHeapsIsWatched) {
  ItmPlan plan = heap_plan();
  plan.heaptraces.push_back({30, "dtcm.heaptrace", "drone heap --heap dtcm"});
  Watched watched(plan);
  watched->set_traced_ports({30, 31});
  for (int i = 0; i != 50; ++i) {
    watched.take(kEvent);
    watched.pass(100ms);
  }
  EXPECT_THAT(watched.said,
              ElementsAre(HasSubstr("nothing on port 30 for 3 s"), HasSubstr("hint: ")));
  EXPECT_FALSE(watched->conclusion(1U << 31).has_value());
  const auto conclusion = watched->conclusion(1U << 30);
  ASSERT_TRUE(conclusion.has_value());
  EXPECT_EQ(conclusion->cause, SilenceCause::kNoAllocation);
}

TEST(Silence, FramesMayHoldMoreThanTheItm) {
  for (const bool is_framed : {false, true}) {
    Watched watched;
    watched->set_framed([is_framed] { return is_framed; });
    watched->on_bytes(Bytes(5000, std::byte{0x7F}));  // of another stream in the frames
    watched.take(kText);
    watched.pass(4s);
    ASSERT_THAT(watched.said, SizeIs(2));
    EXPECT_THAT(watched.said[0],
                HasSubstr(is_framed ? "ITM comes, but nothing on port 31" : "are no ITM"));
  }
}

TEST(Silence, WithoutAHeapThePortsAskedForAreWatched) {
  ItmPlan plan;
  plan.shown = {0, 1};
  Watched quiet(plan);
  quiet.take(kEvent);
  quiet.pass(4s);
  EXPECT_THAT(quiet.said, ElementsAre(AllOf(HasSubstr("nothing on ports 0 or 1 for 3 s"),
                                            HasSubstr("data comes on port 31 (1 packet)")),
                                      HasSubstr("does the program write to the ports")));
  Watched talking(plan);
  talking.take(kText);
  talking.pass(60s);
  EXPECT_THAT(talking.said, IsEmpty());
}

TEST(Silence, ACaptureThatEndsSoonKnowsWhatTheTargetSaid) {
  Watched watched;
  probe::TraceState state = all_on();
  state.ports = 3;
  watched.answer(state);
  watched.pass(1s);
  EXPECT_THAT(watched.said, IsEmpty());
  const auto conclusion = watched->conclusion(1U << kPort);
  ASSERT_TRUE(conclusion.has_value());
  EXPECT_EQ(conclusion->cause, SilenceCause::kPortOff);
}

TEST(Silence, ATargetThatDoesNotAnswerIsNoHindrance) {
  Watched watched;
  watched->set_target([] { return std::nullopt; }, 42);
  watched.pass(4s);
  EXPECT_THAT(watched.said, SizeIs(2));
}

}  // namespace
}  // namespace drone::cli
