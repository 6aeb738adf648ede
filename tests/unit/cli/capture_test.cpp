// SPDX-License-Identifier: MIT
#include "cli/capture.hpp"

#include <gmock/gmock.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <random>
#include <sstream>

#include "support/error.hpp"
#include "support/test_bytes.hpp"
#include "support/test_folder.hpp"

namespace drone::cli {
namespace {

using test::bytes_of;
using test::TestFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kSync = "00 00 00 00 00 80";
constexpr const char* kEnd = "FB FF 00 00 00";

std::string text_of(std::string_view hex) {
  const auto bytes = bytes_of(hex);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Event number n of a heap's port: a block is given back, 3 bytes. The last is not zero: what ends
/// in zero is held back until it is clear that it is no synchronization.
std::string event(unsigned n, unsigned port = 31) {
  n += 200;
  return {static_cast<char>(port << 3 | 2), static_cast<char>((n << 1) & 0xFE),
          static_cast<char>(n >> 7)};
}

std::string events(unsigned from, unsigned to) {
  std::string text;
  for (unsigned n = from; n != to; ++n) text += event(n);
  return text;
}

/// A stream in memory, chunk by chunk; then it is silent until it is stopped, or ends.
class TestStream final : public probe::SwoStream {
 public:
  enum class Then { kEnds, kIsSilent };

  TestStream(std::string bytes, std::size_t chunk, bool can_wait = true, Then then = Then::kEnds)
      : bytes_(std::move(bytes)),
        chunk_(chunk),
        can_wait_(can_wait),
        then_(then),
        readable_(::eventfd(1, EFD_CLOEXEC)),
        silent_(::eventfd(0, EFD_CLOEXEC)) {}

  int descriptor() const override {
    const bool silent = then_ == Then::kIsSilent && position_ == bytes_.size() && !stopped_;
    return silent ? silent_.get() : readable_.get();
  }
  bool can_wait() const override { return can_wait_; }
  void stop() override { stopped_ = true; }
  std::size_t read(std::span<std::byte> buffer) override {
    const std::size_t n = std::min({buffer.size(), chunk_, bytes_.size() - position_});
    std::copy_n(std::as_bytes(std::span(bytes_)).begin() + static_cast<std::ptrdiff_t>(position_),
                n, buffer.begin());
    position_ += n;
    if (n == 0) {
      const std::lock_guard lock(mutex_);
      at_end_ = true;
      changed_.notify_all();
    }
    return n;
  }

  void wait_for_end() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return at_end_; });
  }
  bool stopped() const { return stopped_; }

 private:
  std::string bytes_;
  std::size_t chunk_;
  bool can_wait_;
  Then then_;
  Descriptor readable_;
  Descriptor silent_;
  std::size_t position_ = 0;
  std::atomic<bool> stopped_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool at_end_ = false;
};

/// Writes down what it is called with.
class Notes : public CaptureWatcher {
 public:
  void on_bytes(std::span<const std::byte> came) override {
    bytes.append(reinterpret_cast<const char*>(came.data()), came.size());
  }
  void on_gap(std::uint64_t lost) override { gaps.push_back(lost); }
  void on_packets(std::span<const itm::Packet> came) override {
    packets.insert(packets.end(), came.begin(), came.end());
  }
  void on_trace_packets(std::size_t trace, std::span<const itm::Packet> came) override {
    trace_packets.resize(std::max(trace_packets.size(), trace + 1));
    trace_packets[trace].insert(trace_packets[trace].end(), came.begin(), came.end());
  }
  void on_tick(std::chrono::steady_clock::time_point) override { ++ticks; }

  std::string bytes;
  std::vector<std::uint64_t> gaps;
  std::vector<itm::Packet> packets;
  std::vector<std::vector<itm::Packet>> trace_packets;
  unsigned ticks = 0;
};

/// As a disk that stands still until the source is at its end.
class SlowWatcher final : public Notes {
 public:
  explicit SlowWatcher(TestStream& stream) : stream_(stream) {}
  void on_bytes(std::span<const std::byte> came) override {
    Notes::on_bytes(came);
    stream_.wait_for_end();
  }

 private:
  TestStream& stream_;
};

class CaptureTest : public ::testing::Test {
 protected:
  ItmPlan plan() const {
    ItmPlan plan;
    plan.shown = {0};
    plan.heaptraces = {{31, folder_.path() / "heaptrace", "drone heap"}};
    plan.input.kind = itm::InputKind::kItm;
    return plan;
  }
  std::string file(const std::string& name) const { return read_file(folder_.path() / name); }
  std::string trace() const { return file("heaptrace"); }

  /// What the heap's port of the plan gets of a stream.
  std::string record(const ItmPlan& plan, const std::string& bytes, std::size_t chunk) {
    Capture capture(plan, environment_, interrupts_);
    TestStream stream(bytes, chunk);
    capture.run(stream);
    end_ = capture.end();
    capture.rethrow();
    return trace();
  }

  TestFolder folder_;
  std::ostringstream out_;
  std::ostringstream err_;
  Environment environment_{.out = out_, .err = err_, .directory = folder_.path()};
  Interrupts interrupts_;
  CaptureEnd end_{};
  std::uint64_t events_ = 0;
};

TEST_F(CaptureTest, WhatFindsTheQueueFullBecomesAGapInItsPlace) {
  const std::size_t kept = 2 * BoundedByteQueue::kBlockBytes;
  std::string bytes = text_of("01 41");  // so the loss falls between two packets
  while (bytes.size() < kept + 1000) bytes += events(0, 10'000);
  ItmPlan plan = this->plan();
  plan.raw = folder_.path() / "raw.bin";
  TestStream stream(bytes, 100'000, false);
  SlowWatcher watcher(stream);
  Capture capture(plan, environment_, interrupts_);
  capture.add_watcher(watcher);
  capture.run(stream, kept);
  EXPECT_EQ(capture.lost_bytes(), bytes.size() - kept);
  EXPECT_THAT(watcher.gaps, ElementsAre(bytes.size() - kept));
  EXPECT_EQ(watcher.bytes, bytes.substr(0, kept));
  EXPECT_EQ(file("raw.bin"), bytes.substr(0, kept)) << "bytes that came, and nothing else";
  EXPECT_EQ(capture.ports().losses().gaps, 1U);
  EXPECT_EQ(capture.ports().losses().gap_bytes, bytes.size() - kept);
  EXPECT_EQ(watcher.packets.back().kind, itm::PacketKind::kGap);
  ASSERT_EQ(watcher.trace_packets.size(), 1U);
  EXPECT_EQ(watcher.trace_packets[0].back().kind, itm::PacketKind::kGap);

  ASSERT_EQ((kept - 2) % 3, 0U);
  std::string gap = text_of("FB F7");
  for (unsigned shift = 0; shift != 24; shift += 8) {
    gap += static_cast<char>((bytes.size() - kept) >> shift);
  }
  EXPECT_TRUE(trace() == text_of(kSync) + bytes.substr(2, kept - 2) + gap + text_of(kEnd));
}

TEST_F(CaptureTest, ASourceThatCanWaitLosesNothing) {
  std::string bytes;
  while (bytes.size() < 5 * BoundedByteQueue::kBlockBytes) bytes += events(0, 10'000);
  TestStream stream(bytes, 100'000, true);
  const ItmPlan plan = this->plan();
  Capture capture(plan, environment_, interrupts_);
  capture.run(stream, 2 * BoundedByteQueue::kBlockBytes);
  EXPECT_EQ(capture.lost_bytes(), 0U);
  EXPECT_TRUE(trace() == text_of(kSync) + bytes + text_of(kEnd));
}

TEST_F(CaptureTest, AFileThatBeganTooLateForTheDescriptionBeginsWithTheProgramsOwn) {
  const std::string size = text_of("FB 57 00 28 00");  // HEAP_SIZE 10240
  const std::string version = text_of("FB 07 01 00 00") + size + text_of("FB 77 04 00 00");
  const std::vector<heaptrace::NotedHeap> heaps{
      {30, {{heaptrace::Op::kHeapSize, 0, 64}}},
      {31, {{heaptrace::Op::kHeapSize, 0, 10240}, {heaptrace::Op::kHeapAlignment, 0, 4}}}};
  const std::string described = size + text_of("FB 77 04 00 00");
  const auto trace_of = [&](const std::string& bytes) {
    const ItmPlan plan = this->plan();
    Capture capture(plan, environment_, interrupts_);
    capture.describe_heaps(heaps);
    TestStream stream(bytes, 7);
    capture.run(stream);
    events_ = capture.traces().front().writer.events();
    return trace();
  };
  const std::string late = events(0, 40);
  EXPECT_EQ(trace_of(late), text_of(kSync) + described + late + text_of(kEnd));
  EXPECT_EQ(events_, 40U) << "the target's";
  for (const std::string& own : {version, described}) {
    const std::string early = own + events(0, 39);
    EXPECT_EQ(trace_of(early), text_of(kSync) + early + text_of(kEnd)) << "it says it itself";
  }
}

TEST_F(CaptureTest, WatchersSeeAllInOrder) {
  const std::string bytes = text_of("01 41 FA 08 01 70 FA 08 02 84 81 01 84 01");
  TestStream stream(bytes, 1);
  Notes notes;
  const ItmPlan plan = this->plan();
  Capture capture(plan, environment_, interrupts_);
  capture.add_watcher(notes);
  capture.run(stream);
  EXPECT_EQ(notes.bytes, bytes);
  std::vector<itm::PacketKind> kinds;
  for (const itm::Packet& packet : notes.packets) kinds.push_back(packet.kind);
  using Kind = itm::PacketKind;
  EXPECT_THAT(kinds, ElementsAre(Kind::kInstrumentation, Kind::kInstrumentation, Kind::kOverflow,
                                 Kind::kInstrumentation, Kind::kMalformed));
  ASSERT_EQ(notes.trace_packets.size(), 1U);
  EXPECT_EQ(notes.trace_packets[0].size(), 5U);
  EXPECT_GE(notes.ticks, 1U);
}

TEST_F(CaptureTest, TicksWhileNothingComes) {
  class Impatient final : public CaptureWatcher {
   public:
    void on_tick(std::chrono::steady_clock::time_point) override {
      if (++ticks_ == 3) ::raise(SIGTERM);
    }

   private:
    unsigned ticks_ = 0;
  };
  TestStream stream(events(0, 1), 100, false, TestStream::Then::kIsSilent);
  Impatient watcher;
  const ItmPlan plan = this->plan();
  Capture capture(plan, environment_, interrupts_);
  capture.add_watcher(watcher);
  capture.run(stream);
  EXPECT_EQ(capture.end(), CaptureEnd::kInterrupted);
  EXPECT_TRUE(stream.stopped());
  EXPECT_EQ(trace(), text_of(kSync) + event(0) + text_of(kEnd));
}

TEST_F(CaptureTest, ADurationEndsASilentCaptureInOrder) {
  ItmPlan plan = this->plan();
  plan.duration = std::chrono::milliseconds(10);
  TestStream stream(events(0, 2), 100, false, TestStream::Then::kIsSilent);
  Capture capture(plan, environment_, interrupts_);
  capture.run(stream);
  EXPECT_EQ(capture.end(), CaptureEnd::kDuration);
  EXPECT_TRUE(stream.stopped());
  EXPECT_EQ(trace(), text_of(kSync) + events(0, 2) + text_of(kEnd));
}

TEST_F(CaptureTest, TheLimitOfEventsIsExactWhateverTheChunks) {
  const std::string bytes = events(0, 6) + text_of("01 41 C0 85 01");
  ItmPlan plan = this->plan();
  for (std::uint64_t limit = 1; limit <= 7; ++limit) {
    plan.events = limit;
    for (std::size_t chunk = 1; chunk <= bytes.size(); ++chunk) {
      std::string expected = text_of(kSync) + events(0, std::min(unsigned(limit), 6U));
      if (limit == 7) expected += text_of("C0 85 01");
      ASSERT_EQ(record(plan, bytes, chunk), expected + text_of(kEnd)) << limit << " in " << chunk;
      ASSERT_EQ(end_, limit == 7 ? CaptureEnd::kSource : CaptureEnd::kEvents) << limit;
    }
  }
}

TEST_F(CaptureTest, TheLastEventOfALimitKeepsItsTimestamp) {
  const std::string bytes = event(0) + text_of("20") + event(1) + text_of("30 40") + event(2);
  ItmPlan plan = this->plan();
  plan.events = 2;
  for (std::size_t chunk = 1; chunk <= bytes.size(); ++chunk) {
    ASSERT_EQ(record(plan, bytes, chunk),
              text_of(kSync) + event(0) + text_of("20") + event(1) + text_of("30") + text_of(kEnd));
  }
}

TEST_F(CaptureTest, ALimitIsReachedAlsoWhenNothingFollowsTheLastEvent) {
  ItmPlan plan = this->plan();
  plan.events = 2;
  TestStream stream(events(1, 3), 100, false, TestStream::Then::kIsSilent);
  Capture capture(plan, environment_, interrupts_);
  capture.run(stream);
  EXPECT_EQ(capture.end(), CaptureEnd::kEvents);
  EXPECT_EQ(trace(), text_of(kSync) + events(1, 3) + text_of(kEnd));
}

TEST_F(CaptureTest, SeveralHeapsShareTheLimitInTheOrderOfTheStream) {
  ItmPlan plan = this->plan();
  plan.heaptraces.push_back({30, folder_.path() / "other", "drone heap --port 30"});
  plan.events = 4;
  const std::string bytes = event(1, 30) + event(2, 31) + event(3, 30) + event(4, 30) +
                            event(5, 31) + event(6, 30) + event(7, 31);
  for (std::size_t chunk = 1; chunk <= bytes.size(); ++chunk) {
    ASSERT_EQ(record(plan, bytes, chunk), text_of(kSync) + event(2, 31) + text_of(kEnd)) << chunk;
    ASSERT_EQ(file("other"), text_of(kSync) + event(1, 30) + event(3, 30) + event(4, 30) +
                                 text_of("F3 FF 00 00 00"))
        << chunk;
  }
}

TEST_F(CaptureTest, AnEndInTheStreamIsNotRecordedAgainAndAGapIs) {
  const std::string first = event(1) + text_of("FB F7 03 00 00") + event(2);
  const std::string recorded = text_of(kSync) + first + text_of(kEnd);
  ItmPlan plan = this->plan();
  for (std::size_t chunk = 1; chunk <= recorded.size(); ++chunk) {
    ASSERT_EQ(record(plan, recorded, chunk), recorded) << chunk;
  }
  // Nor does either count as an event.
  plan.events = 2;
  EXPECT_EQ(record(plan, recorded + recorded, 1000), recorded);
  TestStream stream(recorded + recorded, 1000);
  const ItmPlan unlimited = this->plan();
  Capture capture(unlimited, environment_, interrupts_);
  capture.run(stream);
  EXPECT_EQ(capture.traces().front().writer.events(), 4U);
}

TEST_F(CaptureTest, MarksAloneDoNotBeginARecording) {
  write_file(folder_.path() / "heaptrace", "precious");
  EXPECT_EQ(record(plan(), text_of("01 41 FB F7 03 00 00 FB FF 00 00 00"), 100), "precious");
}

TEST_F(CaptureTest, TheRawFileIsTheStreamAndReplaysToTheSameTrace) {
  // Any bytes whatever, with a heap in between.
  std::mt19937 random(7);
  for (int round = 0; round != 20; ++round) {
    std::string bytes;
    for (int i = 0; i != 60; ++i) {
      bytes += random() % 4 != 0 ? event(static_cast<unsigned>(random() % 1000))
                                 : std::string(1, static_cast<char>(random() & 0xFF));
    }
    ItmPlan plan = this->plan();
    plan.raw = folder_.path() / "raw.bin";
    const std::string recorded = record(plan, bytes, 1 + random() % 50);
    const std::string raw = file("raw.bin");
    ASSERT_EQ(raw, bytes);
    ASSERT_EQ(record(this->plan(), raw, 1 + random() % 50), recorded) << "round " << round;
  }
}

TEST_F(CaptureTest, TheRawFileIsWrittenWhateverTheBytes) {
  ItmPlan plan = this->plan();
  plan.raw = folder_.path() / "raw.bin";
  const std::string bytes = text_of("84 81 01 84 01 FF FF");
  TestStream stream(bytes, 3);
  Capture capture(plan, environment_, interrupts_);
  capture.run(stream);
  EXPECT_FALSE(capture.ports().any_packet());
  EXPECT_EQ(file("raw.bin"), bytes);
}

TEST_F(CaptureTest, SaysHowMuchEachPortsFileGot) {
  ItmPlan plan = this->plan();
  plan.files = {{{1, 2}, folder_.path() / "both"}, {{3}, folder_.path() / "silent"}};
  TestStream stream(text_of("09 41 12 42 43 01 44"), 100);
  Capture capture(plan, environment_, interrupts_);
  capture.run(stream);
  const auto files = capture.port_files();
  ASSERT_EQ(files.size(), 2U);
  EXPECT_EQ(files[0].plan.file, folder_.path() / "both");
  EXPECT_EQ(files[0].bytes, 3U);
  EXPECT_EQ(files[1].bytes, 0U);
}

TEST_F(CaptureTest, AFileThatFailsDoesNotEndTheOthers) {
  ItmPlan plan = this->plan();
  plan.files = {{{1}, "/dev/full"}};
  std::string bytes = text_of("09 41");
  while (bytes.size() < 4 * BoundedByteQueue::kBlockBytes) bytes += events(0, 10'000);
  TestStream stream(bytes, 1000, true, TestStream::Then::kIsSilent);
  plan.duration = std::chrono::seconds(1);
  Capture capture(plan, environment_, interrupts_);
  capture.run(stream);
  EXPECT_EQ(capture.end(), CaptureEnd::kDuration);
  EXPECT_TRUE(trace() == text_of(kSync) + bytes.substr(2) + text_of(kEnd));
  EXPECT_EQ(err_.str(),
            "warning: cannot write '/dev/full': No space left on device; the capture "
            "goes on without\n");
  EXPECT_THROW(capture.rethrow(), Error) << "its status tells";
}

TEST_F(CaptureTest, EndsWhenNoFileCanBeWrittenAnyMore) {
  ItmPlan plan = this->plan();
  plan.heaptraces[0].file = "/dev/full";
  plan.files = {{{1}, "/dev/full"}};
  TestStream stream(text_of("09 41 01 42") + events(0, 1000), 2, true, TestStream::Then::kIsSilent);
  Capture capture(plan, environment_, interrupts_);
  capture.run(stream);
  EXPECT_EQ(capture.end(), CaptureEnd::kOutputs);
  EXPECT_EQ(capture.output_errors().size(), 2U);
  EXPECT_EQ(out_.str(), "B") << "what can be shown still is";
}

}  // namespace
}  // namespace drone::cli
