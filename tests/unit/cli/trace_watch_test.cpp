// SPDX-License-Identifier: MIT
#include "cli/trace_watch.hpp"

#include <gmock/gmock.h>

#include <sstream>

#include "itm/decoder.hpp"
#include "support/test_bytes.hpp"

namespace drone::cli {
namespace {

using namespace std::chrono_literals;
using test::bytes_of;
using ::testing::HasSubstr;

class RecordingWatcherTest : public ::testing::Test {
 protected:
  explicit RecordingWatcherTest(std::vector<unsigned> ports = {31, 30}) {
    for (const unsigned port : ports) plan_.heaptraces.push_back({port, "trace", "drone heap"});
    watcher_.emplace(plan_, std::vector<std::optional<std::uint32_t>>(ports.size()), display_,
                     false);
  }

  static RecordingWatcher::Clock::time_point at(std::chrono::milliseconds since_start) {
    return RecordingWatcher::Clock::time_point(1h) + since_start;
  }
  void feed(std::size_t trace, const std::string& hex) {
    const auto bytes = bytes_of(hex);
    std::vector<itm::Packet> packets;
    itm::Decoder decoder;
    decoder.feed(bytes, packets);
    decoder.finish(packets);
    watcher_->on_bytes(bytes);
    watcher_->on_trace_packets(trace, packets);
  }

  std::ostringstream err_;
  Environment environment_{.out = err_, .err = err_, .directory = {}};
  Interrupts interrupts_;
  Display display_{environment_, interrupts_};
  ItmPlan plan_;
  std::optional<RecordingWatcher> watcher_;
};

TEST_F(RecordingWatcherTest, SumsUpTheHeaps) {
  watcher_->on_tick(at(0s));
  feed(0, "FB 57 00 28 00 FB 01 00 30 00");  // HEAP_SIZE 10240, 12 bytes
  watcher_->on_tick(at(1s));
  EXPECT_FALSE(watcher_->status(at(1s)).heap_size) << "of one heap it is not known";
  feed(1, "F3 57 00 04 00 F3 01 00 10 00 F2 00 00");  // 1024; 4 bytes, and given back
  watcher_->on_tick(at(3s));
  const RecordingStatus status = watcher_->status(at(4s));
  EXPECT_EQ(status.elapsed, 3s);
  EXPECT_EQ(status.bytes, 23U);
  EXPECT_EQ(status.events, 5U);
  EXPECT_EQ(status.heaps, 2U);
  EXPECT_EQ(status.live_bytes, 12U);
  EXPECT_EQ(status.peak_bytes, 16U);
  EXPECT_EQ(status.heap_size, 11264U);
  EXPECT_EQ(status.since_event, 1s);
  EXPECT_EQ(status.since_growth, 1s);
  EXPECT_EQ(status.since_new_size, 1s);
  EXPECT_FALSE(status.enough);
  EXPECT_EQ(status.lost_events, 0U);
  EXPECT_EQ(status.damaged_places, 0U);
}

TEST_F(RecordingWatcherTest, CountsLosses) {
  watcher_->on_tick(at(0s));
  feed(0, "FB 07 01 00 00 70 FB 3F 05 00 00 FB F7 03 00 00 FB 01 00 00 00");
  const RecordingStatus status = watcher_->status(at(0s));
  EXPECT_EQ(status.lost_events, 5U);
  EXPECT_EQ(status.damaged_places, 3U) << "an overflow, a gap and an event that says nonsense";
}

TEST_F(RecordingWatcherTest, TheRateIsOfTheLastTwoSeconds) {
  watcher_->on_tick(at(0s));
  feed(0, "FB 01 00 30 00 FB 09 00 30 00 FB 11 00 30 00 FB 19 00 30 00");
  watcher_->on_tick(at(1s));
  EXPECT_EQ(watcher_->status(at(1s)).events_per_second, 4);
  watcher_->on_tick(at(2s));
  EXPECT_EQ(watcher_->status(at(2s)).events_per_second, 2);
  watcher_->on_tick(at(3s));
  EXPECT_EQ(watcher_->status(at(3s)).events_per_second, 0);
}

TEST_F(RecordingWatcherTest, ElsewhereThanOnATerminalALineComesNowAndThenWhenSomethingChanged) {
  watcher_->on_tick(at(0s));
  EXPECT_EQ(err_.str(), "");
  feed(0, "FB 01 00 30 00");
  for (int i = 0; i != 2000; ++i) watcher_->on_tick(at(i * 100ms));
  const std::string once = err_.str();
  EXPECT_EQ(std::count(once.begin(), once.end(), '\n'), 1) << once;
  EXPECT_THAT(once, HasSubstr("| 1 event |"));
  feed(0, "FA 00 00");
  watcher_->on_tick(at(200s));
  EXPECT_THAT(err_.str(), HasSubstr("3:20 | 2 events |"));
}

TEST_F(RecordingWatcherTest, AFormatThatCannotBeReadIsKeptForTheVerdict) {
  watcher_->on_tick(at(0s));
  feed(0, "FB 07 02 00 00");
  feed(0, "FB 01 00 30 00");
  watcher_->finish();
  ASSERT_TRUE(watcher_->trace(0).error());
  EXPECT_THAT(watcher_->trace(0).error()->message(), HasSubstr("unsupported format version 2"));
  EXPECT_FALSE(watcher_->trace(1).error());
}

}  // namespace
}  // namespace drone::cli
