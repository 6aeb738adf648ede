// SPDX-License-Identifier: MIT

// What comes in large chunks goes through EventReader::take(), what comes byte by byte does not:
// events and summary must not tell which way a trace went. rapidcheck prints the seed of a failure;
// RC_PARAMS="seed=N" repeats it.

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <functional>
#include <random>
#include <span>
#include <tuple>
#include <vector>

#include "heaptrace/event_reader.hpp"
#include "heaptrace/trace_builder.hpp"
#include "itm/decoder.hpp"
#include "support/error.hpp"

namespace drone::heaptrace {
namespace {

using namespace test;

/// rapidcheck picks its seed, and no more: traces are too long to be made shorter step by step.
std::mt19937 random_numbers;

void seed() { random_numbers.seed(*rc::gen::noShrink(rc::gen::arbitrary<std::uint32_t>())); }

template <class T>
T pick(T n) {
  return static_cast<T>(random_numbers() % static_cast<std::uint_fast32_t>(n));
}

struct Outcome {
  std::vector<Event> events;
  Summary summary;
  bool contradicts = false;
  bool refused = false;
};

/// Reads as it stands; `next_chunk` says how many bytes come next.
Outcome read_in_chunks(const std::vector<std::byte>& bytes,
                       const std::function<std::size_t()>& next_chunk, unsigned port = kDefaultPort,
                       bool use_description = true) {
  ReadOptions options;
  options.port = port;
  options.format = FileFormat::kItm;
  options.input.kind = itm::InputKind::kItm;
  Outcome outcome;
  const Trust trust{.description = use_description, .framing = true};
  TraceReader reader(options, bytes, trust, [&outcome](std::span<const Event> events) {
    outcome.events.insert(outcome.events.end(), events.begin(), events.end());
  });
  try {
    for (std::span<const std::byte> rest(bytes); !rest.empty();) {
      const std::size_t size = std::min(rest.size(), next_chunk());
      reader.feed(rest.first(size));
      rest = rest.subspan(size);
    }
    outcome.summary = reader.finish();
  } catch (const Error&) {
    outcome.refused = true;
    outcome.summary = reader.summary();
  }
  outcome.contradicts = reader.contradicts_description();
  return outcome;
}

auto all_of(const Losses& losses) {
  return std::make_tuple(losses.overflows, losses.malformed, losses.gaps, losses.gap_bytes,
                         losses.lost_events, losses.dropped_events, losses.damaged_events,
                         losses.unknown_deallocs, losses.lost_allocs, losses.double_allocs,
                         losses.places);
}

auto all_of(const Summary& summary) {
  const Description& heap = summary.description;
  return std::make_tuple(heap.heap_size, heap.base_alignment, heap.clock_khz, heap.heap_base,
                         heap.pools, all_of(summary.losses), summary.bytes, summary.events,
                         summary.unknown_operations, summary.runs, summary.began_midway,
                         summary.ended_in_order, summary.packets_per_port);
}

void require_same(const Outcome& one, const Outcome& other) {
  RC_ASSERT(one.refused == other.refused);
  if (one.refused) return;
  const auto differ =
      std::mismatch(one.events.begin(), one.events.end(), other.events.begin(), other.events.end());
  RC_ASSERT(differ.first - one.events.begin() == static_cast<std::ptrdiff_t>(one.events.size()));
  RC_ASSERT(one.events.size() == other.events.size());
  RC_ASSERT(all_of(one.summary) == all_of(other.summary));
  RC_ASSERT(one.contradicts == other.contradicts);
}

void require_same_whatever_the_chunks(const std::vector<std::byte>& bytes,
                                      unsigned port = kDefaultPort, bool use_description = true) {
  const auto read = [&](const std::function<std::size_t()>& next_chunk) {
    return read_in_chunks(bytes, next_chunk, port, use_description);
  };
  const Outcome slow = read([] { return std::size_t{1}; });
  require_same(slow, read([] { return SIZE_MAX; }));
  require_same(slow, read([] { return 1 + pick<std::size_t>(100); }));
}

std::vector<std::byte> bytes_of(std::initializer_list<int> values) {
  std::vector<std::byte> bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

/// What a tracer may send, mostly allocations and deallocations of few blocks, and what a capture
/// may find between it.
void add_something(TraceBuilder& trace) {
  static constexpr std::uint32_t kSizes[] = {1, 2, 8, 100, 512, 16382, 16383, 70000};
  static constexpr std::uint32_t kBlocks[] = {0x7FFE, 0x7FFF, 0x8001, 0x10003, 0x20003, 0xFFFF};
  const std::uint32_t block = pick(10) != 0 ? pick<std::uint32_t>(32) : kBlocks[pick(6)];
  const std::uint32_t size =
      pick(4) != 0 ? 1 + pick<std::uint32_t>(40) : kSizes[pick<std::size_t>(std::size(kSizes))];
  const int dice = pick(100);
  if (dice < 40) {
    trace.alloc(block, size);
  } else if (dice < 75) {
    trace.dealloc(block);
  } else if (dice < 80) {
    trace.resize(block, size);
  } else if (dice < 84) {
    trace.align(pick(3) == 0 ? 0xFFFF : block & 0xFFFF, pick<std::uint32_t>(8));
  } else if (dice < 86) {
    trace.failed(size);
  } else if (dice < 92) {
    std::vector<std::byte> timestamp;
    itm::append_local_timestamp(timestamp, pick<std::uint32_t>(1U << (1 + pick(27))),
                                pick(2) == 0 ? 0 : pick<unsigned>(4));
    trace.raw(timestamp);
  } else if (dice < 94) {
    trace.record({Op::kSite, block & 0x7F, pick<std::uint32_t>(0x7FFFFF)});
  } else if (dice < 96) {
    trace.ext(Op::kSequence, pick<std::uint32_t>(600));
  } else if (dice == 96) {
    trace.overflow();
  } else if (dice == 97) {
    trace.ext(static_cast<Op>(static_cast<int>(Op::kFirstExt) + pick(32)),
              pick<std::uint32_t>(300));
  } else if (dice == 98) {
    std::vector<std::byte> other;
    if (pick(2) == 0) itm::append_sync(other);
    itm::append_instrumentation(other, pick<unsigned>(32), pick<std::uint32_t>(1U << 20), 4);
    trace.raw(other);
  } else if (pick(4) == 0) {
    trace.version();
  } else {
    trace.raw(bytes_of({pick(256)}));
  }
}

TraceBuilder random_trace() {
  TraceBuilder trace;
  if (pick(8) != 0) trace.version();
  switch (pick(4)) {
    case 0:
      trace.pool(40, 20).pool(600, 40).ext(Op::kHeapSize, 0xFFFF);
      break;
    case 1:
      trace.ext(Op::kHeapSize, 256 + pick<std::uint32_t>(1U << 18));
      if (pick(2) == 0) trace.ext(Op::kHeapAlignment, 8);
      break;
    case 2:
      trace.pool(16, 0x7FF0).pool(100000, 0x10000).ext(Op::kHeapSize, 0xFFFFFF);
      break;
    default:
      break;
  }
  // Beyond the 64 events after which a description is taken as complete, and the events of a batch.
  const int count = pick(10) == 0 ? 6000 : pick(600);
  for (int i = 0; i != count; ++i) add_something(trace);
  return trace;
}

TEST(FastReading, YieldsWhatReadingByteByByteDoes) {
  EXPECT_TRUE(rc::check([] {
    seed();
    require_same_whatever_the_chunks(random_trace().bytes(), kDefaultPort, pick(4) != 0);
  }));
}

TEST(FastReading, YieldsTheSameOfWhatIsDamaged) {
  EXPECT_TRUE(rc::check([] {
    seed();
    std::vector<std::byte> bytes = random_trace().bytes();
    for (int i = pick(20); i != 0 && !bytes.empty(); --i) {
      const auto at = bytes.begin() + static_cast<std::ptrdiff_t>(pick(bytes.size()));
      switch (pick(4)) {
        case 0:
          bytes.erase(at);
          break;
        case 1:
          *at = static_cast<std::byte>(pick(256));
          break;
        case 2:
          bytes.insert(at, static_cast<std::byte>(pick(256)));
          break;
        default: {
          // A synchronization, often one that cuts a packet.
          const auto sync = bytes_of({0, 0, 0, 0, 0, 0x80});
          bytes.insert(at, sync.begin() + pick(3), sync.end());
        }
      }
    }
    require_same_whatever_the_chunks(bytes);
  }));
}

TEST(FastReading, YieldsTheSameOnEveryPort) {
  EXPECT_TRUE(rc::check([] {
    seed();
    std::vector<std::byte> bytes;
    const auto port = pick<unsigned>(32);
    const auto put = [&](const Write& write) {
      itm::append_instrumentation(bytes, port, write.value, write.size);
    };
    put(encode({Op::kVersion, 0, kFormatVersion}));
    for (int i = pick(300); i != 0; --i) {
      const auto block = pick<std::uint32_t>(20);
      put(pick(2) == 0 ? encode_dealloc(block)
                       : encode({Op::kAlloc, block, 1 + pick<std::uint32_t>(99)}));
      if (pick(10) == 0) itm::append_instrumentation(bytes, pick<unsigned>(32), pick(256U), 1);
    }
    require_same_whatever_the_chunks(bytes, port);
  }));
}

// A long trace of nothing but what is taken fast, with whatever ends it.
TEST(FastReading, TakesEveryLengthAndEveryEnd) {
  for (int events = 0; events != 20; ++events) {
    for (const auto& end :
         {bytes_of({}), bytes_of({0}), bytes_of({0, 0, 0, 0, 0, 0x80}), bytes_of({0, 0, 0, 0x80}),
          bytes_of({0xFB}), bytes_of({0xFA, 0}), bytes_of({0xFA, 0, 0}),
          bytes_of({0xFB, 9, 0, 0x30, 0}), bytes_of({0x70}), bytes_of({0xC0, 0x80, 0})}) {
      TraceBuilder trace;
      trace.version();
      for (std::uint32_t i = 0; i != 70; ++i) trace.alloc(i, 1).dealloc(i);
      for (int i = 0; i != events; ++i) {
        i % 2 == 0 ? trace.alloc(3, 256) : trace.dealloc(3);
      }
      trace.raw(end);
      const Outcome slow = read_in_chunks(trace.bytes(), [] { return std::size_t{1}; });
      for (std::size_t size = 2; size != 40; ++size) {
        const Outcome fast = read_in_chunks(trace.bytes(), [size] { return size; });
        ASSERT_EQ(fast.events, slow.events) << events << " events, chunks of " << size;
        ASSERT_EQ(all_of(fast.summary), all_of(slow.summary));
      }
    }
  }
}

/// How many of the packets are left to EventReader::add().
std::size_t packets_read_slowly(const std::vector<std::byte>& bytes) {
  std::size_t slow = 0;
  EventReader events(kDefaultPort, true, [](std::span<const Event>) {});
  itm::Decoder decoder;
  decoder.feed(
      bytes,
      [&](const itm::Packet& packet) {
        ++slow;
        events.add(packet);
      },
      [&](std::span<const std::byte> rest) { return events.take(rest); });
  EXPECT_FALSE(events.losses().any());
  return slow;
}

TEST(FastReading, TakesWhatOftenComes) {
  TraceBuilder trace;
  trace.version().pool(100, 1000).ext(Op::kHeapSize, 100000);
  std::uint32_t events = 1;
  for (std::uint32_t i = 0; i != 3000; ++i) {
    trace.alloc(i % 1000, 10).resize(i % 1000, 50).resize(i % 1000, 20).dealloc(i % 1000);
    events += 4;
    if (i % 50 == 0) trace.ext(Op::kSequence, ++events);
  }
  // The description, the first events, one event each time that 2048 fill a batch, the last bytes.
  EXPECT_LT(packets_read_slowly(trace.bytes()), 100U);
}

TEST(FastReading, LeavesAResizedBlockItsAge) {
  TraceBuilder trace;
  trace.version();
  const auto add_others = [&trace] {
    for (std::uint32_t i = 0; i != 100; ++i) trace.alloc(0, 1).dealloc(0);
  };
  add_others();
  trace.alloc(3, 8).alloc(0x10003, 8);
  add_others();
  trace.resize(3, 16);
  add_others();
  trace.align(3, 5);  // of the ALLOC that came last, and a resize is none
  const Outcome fast = read_in_chunks(trace.bytes(), [] { return SIZE_MAX; });
  EXPECT_EQ(fast.events.back(), realign_event(0x10003, 8, 32));
  EXPECT_EQ(fast.events, read_in_chunks(trace.bytes(), [] { return std::size_t{1}; }).events);
}

}  // namespace
}  // namespace drone::heaptrace
