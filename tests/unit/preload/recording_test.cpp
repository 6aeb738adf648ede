// SPDX-License-Identifier: MIT

// What is reported to a recording, read back by the reader of traces.

#include "preload/recording.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <random>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "heaptrace/reader.hpp"
#include "support/byte_stream.hpp"

namespace drone::preload {
namespace {

using heaptrace::Event;
using heaptrace::EventKind;

const void* at(std::uintptr_t address) { return reinterpret_cast<const void*>(address); }

class TheRecording : public ::testing::Test {
 protected:
  TheRecording() {
    std::string name = (std::filesystem::temp_directory_path() / "drone-recording-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    path_ = (folder_ / "trace").string();
  }
  ~TheRecording() override { std::filesystem::remove_all(folder_); }

  void begin(RecordingOptions options = {SIZE_MAX, false}) {
    ASSERT_TRUE(recording_.begin(path_.c_str(), false, options, status_)) << status_.error;
  }

  /// Ends it, and reads it back. Nothing may be wrong with it.
  std::vector<Event> events() {
    recording_.end();
    std::vector<Event> events;
    const heaptrace::Summary summary =
        heaptrace::read_events([this] { return open_source(path_); }, {}, [&] { events.clear(); },
                               [&](std::span<const Event> more) {
                                 events.insert(events.end(), more.begin(), more.end());
                               });
    EXPECT_FALSE(summary.losses.any());
    EXPECT_EQ(summary.losses.unknown_deallocs, 0U);
    EXPECT_TRUE(summary.ended_in_order);
    if (!events.empty() && events.front().kind == EventKind::kReset) events.erase(events.begin());
    return events;
  }

  static Event event(EventKind kind, std::uint32_t block, std::uint32_t size,
                     std::uint32_t old_size = 0, std::uint32_t alignment = kBaseAlignment) {
    return {kind, block, size, old_size, alignment};
  }

  std::filesystem::path folder_;
  std::string path_;
  RecordingStatus status_;
  Recording recording_;
};

using Events = std::vector<Event>;

TEST_F(TheRecording, TellsOfARequestAndItsEnd) {
  begin();
  recording_.allocated(at(0x1000), 12, 0);
  recording_.allocated(at(0x2000), 100000, 0);
  recording_.released(at(0x1000));
  recording_.released(at(0x2000));
  EXPECT_EQ(events(), (Events{event(EventKind::kAlloc, 0, 12), event(EventKind::kAlloc, 1, 100000),
                              event(EventKind::kDealloc, 0, 0, 12),
                              event(EventKind::kDealloc, 1, 0, 100000)}));
  EXPECT_EQ(status_.peak_bytes, 100012U);
  EXPECT_EQ(status_.live_bytes, 0U);
}

TEST_F(TheRecording, NamesAnAlignmentThatIsMoreThanTheBase) {
  begin();
  recording_.allocated(at(0x1000), 12, 64);
  recording_.allocated(at(0x2000), 12, kBaseAlignment);
  recording_.failed(20, 32);
  EXPECT_EQ(events(),
            (Events{event(EventKind::kAlloc, 0, 12, 0, 64), event(EventKind::kAlloc, 1, 12),
                    event(EventKind::kFailed, 0, 20, 0, 32)}));
}

TEST_F(TheRecording, LeavesOutRequestsOfNothing) {
  begin();
  recording_.allocated(at(0x1000), 0, 0);
  recording_.released(at(0x1000));
  recording_.failed(0, 0);
  recording_.released(nullptr);
  EXPECT_EQ(events(), Events{});
}

TEST_F(TheRecording, TellsOfReallocationsByWhereTheyEndUp) {
  begin();
  recording_.allocated(at(0x1000), 12, 0);
  recording_.reallocated(at(0x1000), at(0x1000), 20);
  recording_.reallocated(at(0x1000), at(0x1000), 20);
  recording_.reallocated(at(0x1000), at(0x3000), 30);
  recording_.released(at(0x3000));
  EXPECT_EQ(events(), (Events{event(EventKind::kAlloc, 0, 12), event(EventKind::kResize, 0, 20, 12),
                              event(EventKind::kAlloc, 1, 30), event(EventKind::kDealloc, 0, 0, 20),
                              event(EventKind::kDealloc, 1, 0, 30)}));
}

TEST_F(TheRecording, TakesAMoveForAResizeIfAsked) {
  begin({SIZE_MAX, true});
  recording_.allocated(at(0x1000), 12, 0);
  recording_.reallocated(at(0x1000), at(0x3000), 30);
  recording_.allocated(at(0x1000), 8, 0);
  recording_.reallocated(at(0x3000), at(0x5000), 30);  // moved, and not a byte larger
  recording_.released(at(0x5000));
  EXPECT_EQ(events(),
            (Events{event(EventKind::kAlloc, 0, 12), event(EventKind::kResize, 0, 30, 12),
                    event(EventKind::kAlloc, 1, 8), event(EventKind::kDealloc, 0, 0, 30)}));
  EXPECT_EQ(status_.live_bytes, 8U);
}

TEST_F(TheRecording, LeavesOutWhatIsAboveTheLimitUntilItShrinks) {
  for (const bool are_moves_resizes : {false, true}) {
    SCOPED_TRACE(are_moves_resizes);
    begin({100, are_moves_resizes});
    recording_.allocated(at(0x1000), 101, 0);
    recording_.failed(101, 0);
    recording_.reallocated(at(0x1000), at(0x1000), 100);
    recording_.reallocated(at(0x1000), at(0x2000), 200);
    recording_.reallocated(at(0x2000), at(0x3000), 50);
    recording_.reallocated(at(0x3000), at(0x3000), 300);
    recording_.released(at(0x3000));
    EXPECT_EQ(status_.left_out, 4U);
    EXPECT_EQ(status_.least_left_out, 101U);
    EXPECT_EQ(events(),
              (Events{event(EventKind::kAlloc, 0, 100), event(EventKind::kDealloc, 0, 0, 100),
                      event(EventKind::kAlloc, 0, 50), event(EventKind::kDealloc, 0, 0, 50)}));
  }
}

TEST_F(TheRecording, CountsRequestsThatAreLargerThanATraceCanSay) {
  constexpr std::uint32_t kMost = heaptrace::kMostRecordedSize;
  begin();
  recording_.allocated(at(0x1000), kMost, 0);
  EXPECT_EQ(status_.saturated, 0U);
  recording_.allocated(at(0x2000), kMost + 1, 0);
  recording_.failed(std::size_t{1} << 31, 0);
  recording_.reallocated(at(0x1000), at(0x1000), 2 * kMost);
  EXPECT_EQ(status_.saturated, 3U);
  EXPECT_EQ(events(),
            (Events{event(EventKind::kAlloc, 0, kMost), event(EventKind::kAlloc, 1, kMost),
                    event(EventKind::kFailed, 0, kMost)}));
}

TEST_F(TheRecording, EndsALifeWhoseEndItDidNotSee) {
  begin();
  recording_.allocated(at(0x1000), 12, 0);
  recording_.allocated(at(0x1000), 16, 0);
  EXPECT_EQ(events(), (Events{event(EventKind::kAlloc, 0, 12), event(EventKind::kDealloc, 0, 0, 12),
                              event(EventKind::kAlloc, 0, 16)}));
}

TEST_F(TheRecording, TakesWhatComesAfterItsEnd) {
  begin();
  recording_.allocated(at(0x1000), 12, 0);
  recording_.end();
  recording_.released(at(0x1000));
  recording_.allocated(at(0x1000), 20, 0);
  EXPECT_EQ(events(), (Events{event(EventKind::kAlloc, 0, 12), event(EventKind::kDealloc, 0, 0, 12),
                              event(EventKind::kAlloc, 0, 20)}));
}

TEST_F(TheRecording, IsWholeWhateverAProgramDoes) {
  begin();
  std::mt19937 engine(3);
  const auto random = [&engine] { return static_cast<std::uint32_t>(engine()); };
  std::map<std::uintptr_t, std::uint32_t> live;
  std::uint64_t requests = 0;
  for (int i = 0; i != 200000; ++i) {
    const std::uintptr_t address = 0x1000 + 8 * (random() % 40000);
    const std::uint32_t size = random() % 10 == 0 ? 1 + random() % 40000 : 1 + random() % 200;
    const auto found = live.find(address);
    if (found == live.end()) {
      recording_.allocated(at(address), size, random() % 20 == 0 ? 32 : 0);
      live.emplace(address, size);
      ++requests;
    } else if (random() % 4 == 0) {
      recording_.reallocated(at(address), at(address), size);
      found->second = size;
    } else {
      recording_.released(at(address));
      live.erase(found);
    }
  }
  std::uint64_t allocations = 0;
  std::map<std::uint32_t, std::uint32_t> read;
  for (const Event& each : events()) {
    allocations += each.kind == EventKind::kAlloc ? 1U : 0U;
    if (each.kind == EventKind::kDealloc) {
      read.erase(each.block);
    } else {
      read[each.block] = each.size;
    }
  }
  EXPECT_EQ(allocations, requests);
  std::multiset<std::uint32_t> expected;
  std::multiset<std::uint32_t> sizes;
  for (const auto& [address, size] : live) expected.insert(size);
  for (const auto& [block, size] : read) sizes.insert(size);
  EXPECT_EQ(sizes, expected);
}

TEST_F(TheRecording, SaysWhyItCannotBegin) {
  EXPECT_FALSE(recording_.begin((path_ + "/none").c_str(), false, {SIZE_MAX, false}, status_));
  EXPECT_EQ(status_.state, RecordingState::kFailed);
  EXPECT_NE(std::string(status_.error).find("No such file"), std::string::npos) << status_.error;
}

}  // namespace
}  // namespace drone::preload
