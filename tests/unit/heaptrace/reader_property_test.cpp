// SPDX-License-Identifier: MIT

// What holds for every trace. rapidcheck prints the seed of a failure; RC_PARAMS="seed=N" repeats
// it.

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>
#include <vector>

#include "heaptrace/trace_builder.hpp"
#include "heaptrace/usage.hpp"
#include "support/error.hpp"

namespace drone::heaptrace {
namespace {

using namespace test;

template <class T>
T pick(T n) {
  return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange<T>(0, n));
}

/// Counts live blocks and checks the reader's promise: lives are whole.
class LifeChecker {
 public:
  void add(const Event& event) {
    const auto life = live_.find(event.block);
    switch (event.kind) {
      case EventKind::kAlloc:
        RC_ASSERT(life == live_.end());
        RC_ASSERT(event.old_size == 0U);
        RC_ASSERT(event.size > 0U);
        live_[event.block] = event;
        break;
      case EventKind::kDealloc:
        RC_ASSERT(life != live_.end());
        RC_ASSERT(life->second.size == event.old_size);
        RC_ASSERT(event.size == 0U);
        RC_ASSERT(life->second.alignment == event.alignment);
        live_.erase(life);
        break;
      case EventKind::kResize:
        RC_ASSERT(life != live_.end());
        RC_ASSERT(life->second.size == event.old_size);
        RC_ASSERT(event.size > 0U);
        RC_ASSERT(event.size != event.old_size);
        life->second.size = event.size;
        break;
      case EventKind::kRealign:
        RC_ASSERT(life != live_.end());
        RC_ASSERT(life->second.size == event.size);
        RC_ASSERT(life->second.alignment < event.alignment);
        life->second.alignment = event.alignment;
        break;
      case EventKind::kFailed:
        RC_ASSERT(event.size > 0U);
        break;
      case EventKind::kReset:
        live_.clear();
        break;
    }
  }

 private:
  std::map<std::uint32_t, Event> live_;
};

/// Reads if it is a trace at all; checks every event.
std::optional<Trace> read_checked(const std::vector<std::byte>& bytes, std::size_t chunk_size) {
  try {
    Trace trace = read(bytes, kDefaultPort, chunk_size);
    LifeChecker checker;
    for (const Event& event : trace.events) checker.add(event);
    RC_ASSERT(trace.summary.bytes == bytes.size());
    return trace;
  } catch (const Error& error) {
    RC_ASSERT(error.status() == ExitStatus::kInput);
    return std::nullopt;
  }
}

/// A program's requests, and what they amount to by the plainest of models.
struct Model {
  TraceBuilder builder;
  std::map<std::uint32_t, std::uint32_t> live;  ///< block to size
  std::map<std::uint32_t, std::uint64_t> live_of_size, max_count, allocations;
  std::uint64_t peak = 0;
  std::uint32_t counted = 1;  ///< VERSION

  void begin_life(std::uint32_t size) {
    ++allocations[size];
    max_count[size] = std::max(max_count[size], ++live_of_size[size]);
  }
  void step() {
    const auto block = pick<std::uint32_t>(40) * 1000;  // some need the wide forms
    const auto size = 1 + (pick(8) == 0 ? pick<std::uint32_t>(40000) : pick<std::uint32_t>(40));
    const auto life = live.find(block);
    const bool wide = !is_narrow(block, size);
    if (life == live.end()) {
      builder.alloc(block, size);
      counted += wide ? 2 : 1;
      live[block] = size;
      begin_life(size);
    } else if (pick(3) == 0) {
      builder.resize(block, size);
      counted += wide ? 2 : 1;
      if (size != life->second) {
        --live_of_size[life->second];
        begin_life(size);
        life->second = size;
      }
    } else {
      builder.dealloc(block);
      ++counted;
      --live_of_size[life->second];
      live.erase(life);
    }
    std::uint64_t bytes = 0;
    for (const auto& [each, bytes_of] : live) bytes += bytes_of;
    peak = std::max(peak, bytes);
    if (counted % kSequencePeriod >= kSequencePeriod - 2) {
      builder.ext(Op::kSequence, ++counted);
    }
  }
};

TEST(ReaderProperties, UsageIsThatOfAPlainModel) {
  EXPECT_TRUE(rc::check([] {
    Model model;
    model.builder.version();
    const int steps = pick(1200);
    for (int i = 0; i != steps; ++i) model.step();
    const std::optional<Trace> trace = read_checked(model.builder.bytes(), SIZE_MAX);
    RC_ASSERT(trace.has_value());
    RC_ASSERT(!trace->summary.losses.any());
    UsageCollector collector;
    collector.add(trace->events);
    const Usage usage = collector.usage();
    std::vector<SizeUsage> expected;
    for (const auto& [size, count] : model.allocations) {
      expected.push_back({size, model.max_count[size], count});
    }
    RC_ASSERT(usage.sizes == expected);
    RC_ASSERT(usage.peak_bytes == model.peak);
  }));
}

TEST(ReaderProperties, LivesAreWholeWhateverIsLostOrDamaged) {
  EXPECT_TRUE(rc::check([] {
    Model model;
    model.builder.version();
    if (pick(2) == 0) model.builder.pool(16384, 20000).pool(4, 60000).ext(Op::kHeapSize, 0xFFFFFF);
    const int steps = pick(300);
    for (int i = 0; i != steps; ++i) {
      model.step();
      if (pick(20) == 0)
        model.builder.align(pick<std::uint32_t>(40) * 1000, pick<std::uint32_t>(9));
      if (pick(50) == 0) model.builder.version();
    }
    std::vector<std::byte> bytes = model.builder.bytes();
    for (int i = 0; i != 10 && !bytes.empty(); ++i) {
      const auto at = static_cast<std::ptrdiff_t>(pick(bytes.size()));
      switch (pick(3)) {
        case 0:
          bytes.erase(bytes.begin() + at);
          break;
        case 1:
          bytes[static_cast<std::size_t>(at)] = static_cast<std::byte>(pick(256));
          break;
        default:
          bytes.insert(bytes.begin() + at, static_cast<std::byte>(pick(256)));
      }
    }
    const std::optional<Trace> whole = read_checked(bytes, SIZE_MAX);
    const std::optional<Trace> parts = read_checked(bytes, 1 + pick<std::size_t>(50));
    RC_ASSERT(whole.has_value() == parts.has_value());
    if (whole) RC_ASSERT(whole->events == parts->events);
  }));
}

}  // namespace
}  // namespace drone::heaptrace
