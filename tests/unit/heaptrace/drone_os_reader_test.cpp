// SPDX-License-Identifier: MIT
#include "heaptrace/drone_os_reader.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <regex>
#include <string>
#include <vector>

#include "heaptrace/other_formats.hpp"
#include "heaptrace/trace_builder.hpp"
#include "heaptrace/usage.hpp"
#include "support/test_bytes.hpp"

namespace drone::heaptrace {
namespace {

using namespace test;
using Bytes = std::vector<std::byte>;
using Places = std::vector<std::uint64_t>;

Trace read_records(std::span<const std::byte> bytes, std::size_t chunk = SIZE_MAX) {
  Trace trace;
  DroneOsReader reader([&trace](std::span<const Event> events) {
    trace.events.insert(trace.events.end(), events.begin(), events.end());
  });
  while (!bytes.empty()) {
    const std::span<const std::byte> part = bytes.first(std::min(chunk, bytes.size()));
    reader.feed(part);
    bytes = bytes.subspan(part.size());
  }
  reader.finish();
  trace.summary = reader.summary();
  return trace;
}

Usage usage_of(const Trace& trace) {
  UsageCollector collector;
  collector.add(trace.events);
  return collector.usage();
}

// The bytes are made by hand: 12 is 0xC, and 0xC5ACCE55 ^ 0xC is 0xC5ACCE59.
TEST(DroneOsReader, ReadsTheFourRecords) {
  const Trace trace =
      read_records(drone::test::bytes_of("AB CD 59 CE AC C5              "  // allocated 12
                                         "BC DE 59 CE AC C5 4D CE AC C5  "  // grown from 12 to 24
                                         "ED CB 4D CE AC C5 5D CE AC C5  "  // shrunk from 24 to 8
                                         "DC BA 5D CE AC C5              "));  // given back 8
  EXPECT_EQ(trace.events, (std::vector<Event>{alloc_event(0, 12), resize_event(0, 12, 24),
                                              resize_event(0, 24, 8), dealloc_event(0, 8)}));
  EXPECT_EQ(trace.summary.events, 4U);
  EXPECT_EQ(trace.summary.runs, 1U);
  EXPECT_EQ(trace.summary.format, FileFormat::kDroneOs);
  EXPECT_FALSE(trace.summary.losses.any());
  EXPECT_FALSE(trace.summary.began_midway);
  EXPECT_TRUE(trace.summary.ended_in_order);
}

TEST(DroneOsReader, ReadsTheRecordsOfTheDocumentation) {
  const std::string page = drone::test::text_of_file(DRONE_SOURCE_DIR "/docs/trace-format.md");
  const std::size_t section = page.find("\n## 6. Drone OS files\n");
  ASSERT_NE(section, std::string::npos);
  const std::string text = page.substr(section, page.find("\n## 7.") - section);
  const std::regex row(R"(\| [^|]+ \| `([0-9A-F ]+)` \|)");
  std::vector<std::vector<Event>> events;
  for (std::sregex_iterator match(text.begin(), text.end(), row); match != std::sregex_iterator();
       ++match) {
    Bytes bytes;
    append_drone_os(bytes, kDroneOsAlloc, {12});
    append_drone_os(bytes, kDroneOsAlloc, {24});
    const Bytes record = drone::test::bytes_of((*match)[1].str());
    bytes.insert(bytes.end(), record.begin(), record.end());
    events.push_back(read_records(bytes).events);
    events.back().erase(events.back().begin(), events.back().begin() + 2);
  }
  EXPECT_EQ(events, (std::vector<std::vector<Event>>{{alloc_event(2, 12)},
                                                     {dealloc_event(0, 12)},
                                                     {resize_event(0, 12, 24)},
                                                     {resize_event(1, 24, 8)}}));
}

TEST(DroneOsReader, UsageIsThatOfAPlainModel) {
  for (unsigned seed = 0; seed != 20; ++seed) {
    std::mt19937_64 random(seed);
    const auto below = [&random](std::uint32_t n) {
      return static_cast<std::uint32_t>(random() % n);
    };
    struct Counts {
      std::uint64_t live = 0;
      std::uint64_t max_count = 0;
      std::uint64_t allocations = 0;
    };
    std::map<std::uint32_t, Counts> model;
    const auto begin = [&model](std::uint32_t size) {
      Counts& counts = model[size];
      ++counts.allocations;
      counts.max_count = std::max(counts.max_count, ++counts.live);
    };
    Bytes bytes;
    std::vector<std::uint32_t> live;
    for (unsigned i = 0; i != 3000; ++i) {
      const std::uint32_t choice = below(10);
      const std::size_t which = live.empty() ? 0 : below(static_cast<std::uint32_t>(live.size()));
      if (live.size() < 2 || choice < 5) {
        live.push_back(1 + below(20));
        begin(live.back());
        append_drone_os(bytes, kDroneOsAlloc, {live.back()});
      } else if (choice < 8) {
        --model[live[which]].live;
        append_drone_os(bytes, kDroneOsDealloc, {live[which]});
        live.erase(live.begin() + static_cast<std::ptrdiff_t>(which));
      } else {
        const std::uint32_t size = 1 + below(20);
        const bool grows = size >= live[which];
        append_drone_os(bytes, grows ? kDroneOsGrow : kDroneOsShrink, {live[which], size});
        if (size == live[which]) continue;
        --model[live[which]].live;
        begin(size);
        live[which] = size;
      }
    }
    std::vector<SizeUsage> expected;
    for (const auto& [size, counts] : model) {
      expected.push_back({size, counts.max_count, counts.allocations});
    }
    EXPECT_EQ(usage_of(read_records(bytes)).sizes, expected) << seed;
  }
}

TEST(DroneOsReader, BlockNumbersAreUsedAgain) {
  Bytes bytes;
  for (unsigned i = 0; i != 1000; ++i) {
    append_drone_os(bytes, kDroneOsAlloc, {8 + i});
    append_drone_os(bytes, kDroneOsDealloc, {8 + i});
  }
  for (const Event& event : read_records(bytes).events) EXPECT_EQ(event.block, 0U);
}

TEST(DroneOsReader, WhatWasAllocatedBeforeIsCounted) {
  Bytes bytes;
  append_drone_os(bytes, kDroneOsDealloc, {12});
  append_drone_os(bytes, kDroneOsGrow, {12, 40});
  append_drone_os(bytes, kDroneOsDealloc, {40});
  const Trace trace = read_records(bytes);
  EXPECT_EQ(trace.events, (std::vector<Event>{alloc_event(0, 40), dealloc_event(0, 40)}));
  EXPECT_EQ(trace.summary.losses.unknown_deallocs, 2U);
  EXPECT_TRUE(trace.summary.began_midway);
  EXPECT_FALSE(trace.summary.losses.any());
}

TEST(DroneOsReader, DamageIsCountedWithItsPlace) {
  Bytes bytes;
  append_drone_os(bytes, kDroneOsAlloc, {12});
  Bytes damage = drone::test::bytes_of("AB CD 59 CE AC");  // the last byte was lost
  bytes.insert(bytes.end(), damage.begin(), damage.end());
  append_drone_os(bytes, kDroneOsAlloc, {20});
  damage = drone::test::bytes_of("CE AC C5");  // a tag and a byte were lost
  bytes.insert(bytes.end(), damage.begin(), damage.end());
  append_drone_os(bytes, kDroneOsDealloc, {12});
  const Trace trace = read_records(bytes);
  EXPECT_EQ(trace.events,
            (std::vector<Event>{alloc_event(0, 12), alloc_event(1, 20), dealloc_event(0, 12)}));
  EXPECT_EQ(trace.summary.losses.malformed, 2U);
  EXPECT_EQ(trace.summary.losses.places, (Places{6, 17}));
}

TEST(DroneOsReader, SizesThatNoHeapHasAreDamage) {
  for (const auto& [tag, sizes] : {std::pair{kDroneOsAlloc, std::pair{0U, 0U}},
                                   std::pair{kDroneOsAlloc, std::pair{1U << 24, 0U}},
                                   std::pair{kDroneOsGrow, std::pair{20U, 12U}},
                                   std::pair{kDroneOsShrink, std::pair{12U, 20U}}}) {
    Bytes bytes;
    append_drone_os(bytes, kDroneOsAlloc, {4});
    if (sizes.second == 0) {
      append_drone_os(bytes, tag, {sizes.first});
    } else {
      append_drone_os(bytes, tag, {sizes.first, sizes.second});
    }
    append_drone_os(bytes, kDroneOsDealloc, {4});
    const Trace trace = read_records(bytes);
    EXPECT_EQ(trace.events, (std::vector<Event>{alloc_event(0, 4), dealloc_event(0, 4)}));
    EXPECT_EQ(trace.summary.losses.malformed, 1U);
  }
}

TEST(DroneOsReader, AnyLostByteCostsItsRecordAlone) {
  Bytes whole;
  std::vector<std::size_t> begins;
  for (unsigned i = 0; i != 12; ++i) {
    begins.push_back(whole.size());
    if (i % 3 == 2) {
      append_drone_os(whole, kDroneOsGrow, {100 + i, 300 + i});
    } else {
      append_drone_os(whole, kDroneOsAlloc, {0x1234 + i});
    }
  }
  // The last record has none behind it that could be mistaken for its rest.
  for (std::size_t lost = 0; lost != begins.back(); ++lost) {
    Bytes bytes = whole;
    bytes.erase(bytes.begin() + static_cast<std::ptrdiff_t>(lost));
    const Trace trace = read_records(bytes);
    EXPECT_EQ(trace.summary.events, begins.size() - 1) << lost;
    EXPECT_EQ(trace.summary.losses.malformed, 1U) << lost;
  }
}

TEST(DroneOsReader, FileMayEndAnywhere) {
  Bytes whole;
  append_drone_os(whole, kDroneOsAlloc, {12});
  append_drone_os(whole, kDroneOsGrow, {12, 24});
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    const Trace trace = read_records(std::span(whole).first(size));
    EXPECT_EQ(trace.events.size(), size < 6 ? 0U : size < 16 ? 1U : 2U) << size;
    EXPECT_EQ(trace.summary.losses.malformed, 0U) << size;
  }
}

TEST(DroneOsReader, EventsAreTheSameWhateverTheChunks) {
  Bytes bytes = drone_os_recording(1, 3000);
  std::mt19937 random(1);
  for (unsigned i = 0; i != 50; ++i) {
    bytes.erase(bytes.begin() + static_cast<std::ptrdiff_t>(random() % bytes.size()));
  }
  const Trace whole = read_records(bytes);
  EXPECT_GT(whole.summary.losses.malformed, 20U);
  for (std::size_t chunk = 1; chunk != 40; ++chunk) {
    const Trace parts = read_records(bytes, chunk);
    EXPECT_EQ(parts.events, whole.events) << chunk;
    EXPECT_EQ(parts.summary.losses.places, whole.summary.losses.places) << chunk;
  }
}

}  // namespace
}  // namespace drone::heaptrace
