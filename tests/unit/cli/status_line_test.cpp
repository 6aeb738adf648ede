// SPDX-License-Identifier: MIT
#include "cli/status_line.hpp"

#include <gmock/gmock.h>

namespace drone::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

RecordingStatus recording() {
  RecordingStatus status;
  status.elapsed = 112s;
  status.bytes = 241'234;
  status.events = 48'210;
  status.events_per_second = 830.4;
  status.live_bytes = 1204;
  status.peak_bytes = 3480;
  status.heap_size = 10'240;
  status.since_event = 3ms;
  status.since_growth = 42s;
  status.since_new_size = 70s;
  return status;
}

std::string line(const RecordingStatus& status, unsigned columns = 300) {
  return status_line(status, columns, false);
}

TEST(StatusLine, SaysHowARecordingStands) {
  EXPECT_EQ(
      line(recording()),
      "1:52 | 48210 events | 830/s | 241 KB | live 1204 | peak 3480 of 10240 (34 %) | nothing "
      "lost | unchanged for 42 s, no new size for 1:10");
}

TEST(StatusLine, SaysWhenItIsProbablyEnough) {
  RecordingStatus status = recording();
  status.enough = true;
  EXPECT_THAT(line(status), EndsWith("unchanged for 42 s, no new size for 1:10: probably enough"));
}

TEST(StatusLine, SaysThatFiguresStillGrowAndWhetherSizesTurnUp) {
  RecordingStatus status = recording();
  status.since_growth = 4999ms;
  EXPECT_THAT(line(status), EndsWith("| still growing"));
  status.since_new_size = 1s;
  EXPECT_THAT(line(status), EndsWith("| still growing, new sizes too"));
  status.since_growth = 5s;
  status.since_new_size = 5s;
  EXPECT_THAT(line(status), EndsWith("| nothing new for 5 s"));
}

TEST(StatusLine, SilenceIsNotTakenForStability) {
  RecordingStatus status = recording();
  status.since_event = 42s;
  EXPECT_THAT(line(status), EndsWith("| no event for 42 s"));
  status.since_event.reset();
  EXPECT_THAT(line(status), EndsWith("| no event yet"));
}

TEST(StatusLine, SaysWhatWasLost) {
  RecordingStatus status = recording();
  status.lost_events = 1;
  EXPECT_THAT(line(status), HasSubstr("| 1 event lost |"));
  status.damaged_places = 3;
  EXPECT_THAT(line(status), HasSubstr("| 1 event lost, damaged in 3 places |"));
  status.lost_events = 0;
  EXPECT_THAT(line(status), HasSubstr("| damaged in 3 places |"));
}

TEST(StatusLine, OfSeveralHeapsSaysThatThePeakIsASum) {
  RecordingStatus status = recording();
  status.heaps = 2;
  EXPECT_THAT(line(status), HasSubstr("| peaks 3480 of 10240 (34 %) |"));
  status.heap_size.reset();
  EXPECT_THAT(line(status), HasSubstr("| peaks 3480 |"));
}

TEST(StatusLine, FitsEveryWidthAndKeepsWhatMattersMost) {
  RecordingStatus status = recording();
  status.enough = true;
  EXPECT_EQ(line(status, 99),
            "1:52 | 48210 events | peak 3480 (34 %) | unchanged for 42 s, no new size for 1:10: "
            "probably enough");
  EXPECT_EQ(line(status, 79),
            "1:52 | 48210 events | peak 3480 (34 %) | unchanged for 42 s: probably enough");
  EXPECT_EQ(line(status, 53), "1:52 | 48210 ev | peak 3480 | 42 s unchanged: enough?");
  status.lost_events = 12;
  for (unsigned columns = 0; columns != 200; ++columns) {
    const std::string text = line(status, columns);
    EXPECT_LE(text.size(), columns) << text;
    if (columns >= 30) {
      EXPECT_THAT(text, StartsWith("1:52 | "));
      EXPECT_THAT(text, ::testing::AnyOf(HasSubstr("12 events lost"), HasSubstr("LOSSES")));
    }
  }
}

TEST(StatusLine, ColoursTakeNoRoom) {
  RecordingStatus status = recording();
  status.enough = true;
  status.lost_events = 12;
  EXPECT_THAT(line(status), Not(HasSubstr("\x1b")));
  for (unsigned columns = 0; columns != 200; ++columns) {
    std::string colored = status_line(status, columns, true);
    for (const char* sequence : {"\x1b[32m", "\x1b[33m", "\x1b[0m"}) {
      for (std::size_t at = 0; (at = colored.find(sequence)) != std::string::npos;) {
        colored.erase(at, std::string_view(sequence).size());
      }
    }
    EXPECT_EQ(colored, line(status, columns));
  }
  EXPECT_THAT(status_line(status, 300, true), HasSubstr("\x1b[33m"));
}

TEST(StatusLine, TimesAndBytesAreShort) {
  EXPECT_EQ(format_time(59'400ms), "59 s");
  EXPECT_EQ(format_time(60s), "1:00");
  EXPECT_EQ(format_time(3661s), "1:01:01");
  EXPECT_EQ(format_bytes(9'999), "9999 B");
  EXPECT_EQ(format_bytes(10'000), "10 KB");
  EXPECT_EQ(format_bytes(999'499), "999 KB");
  EXPECT_EQ(format_bytes(999'600), "1.0 MB");
  EXPECT_EQ(format_bytes(12'340'000'000), "12 GB");
}

}  // namespace
}  // namespace drone::cli
