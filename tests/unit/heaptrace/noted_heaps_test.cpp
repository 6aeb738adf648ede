// SPDX-License-Identifier: MIT
#include "heaptrace/noted_heaps.hpp"

#include <gmock/gmock.h>

#include <random>

#include "drone/heaptrace/elf_note.hpp"
#include "heaptrace/trace_builder.hpp"
#include "heaptrace/writer.hpp"
#include "itm/decoder.hpp"
#include "support/byte_stream.hpp"

namespace drone::heaptrace {
namespace {

using test::TraceBuilder;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::uint32_t kVersionWord = encode({Op::kVersion, 0, kFormatVersion}).value;

ElfNote note_of(const std::vector<std::uint32_t>& words) {
  ElfNote note{kNoteOwner, kHeapNoteType, {}};
  for (const std::uint32_t word : words) {
    for (int shift = 0; shift != 32; shift += 8) {
      note.description.push_back(static_cast<std::byte>(word >> shift));
    }
  }
  return note;
}

/// Two pools of 4 and 16 bytes at 0x20000100, traced through `port`.
ElfNote two_pools(unsigned port) {
  return note_of({port, 0x20000100, kVersionWord, encode({Op::kPoolBlock, 0, 16}).value,
                  encode({Op::kPoolCapacity, 0, 2}).value, encode({Op::kPoolBlock, 0, 4}).value,
                  encode({Op::kPoolCapacity, 0, 8}).value, encode({Op::kHeapSize, 0, 64}).value,
                  encode({Op::kHeapAlignment, 0, 4}).value});
}

TEST(NotedHeaps, AreOneForEachPort) {
  const std::vector<ElfNote> notes{two_pools(31),
                                   two_pools(30),
                                   two_pools(31),
                                   {"GNU", kHeapNoteType, two_pools(5).description},
                                   {kNoteOwner, kHeapNoteType + 1, two_pools(6).description}};
  const std::vector<NotedHeap> heaps = noted_heaps(notes);
  ASSERT_THAT(heaps, SizeIs(2));
  EXPECT_EQ(heaps[0].port, 30U);
  EXPECT_EQ(heaps[1].port, 31U);
  EXPECT_EQ(heaps[1].facts.front(), (Record{Op::kPoolBlock, 0, 16}));
  EXPECT_THAT(heaps[1].facts, SizeIs(8));
}

TEST(NotedHeaps, OfWhatCannotBeUnderstoodOnlyThePortIsKnown) {
  const ElfNote newer = note_of({31, 0, encode({Op::kVersion, 0, kFormatVersion + 1}).value,
                                 encode({Op::kHeapSize, 0, 64}).value});
  const ElfNote no_fact = note_of({31, 0, kVersionWord, encode({Op::kAlloc, 1, 4}).value});
  const ElfNote dealloc = note_of({31, 0, kVersionWord, 8});
  const std::vector<ElfNote> two_ways{two_pools(31), note_of({31, 0, kVersionWord})};
  for (const auto& notes :
       {std::vector{newer}, std::vector{no_fact}, std::vector{dealloc}, two_ways}) {
    EXPECT_EQ(noted_heaps(notes), std::vector{NotedHeap({31, {}})});
  }
  EXPECT_THAT(noted_heaps(std::vector{note_of({32, 0, kVersionWord})}), IsEmpty());
  EXPECT_THAT(noted_heaps(std::vector{note_of({31})}), IsEmpty());
}

TEST(NotedHeaps, AcceptAnyBytes) {
  std::mt19937 random(4711);
  for (int round = 0; round != 2000; ++round) {
    ElfNote note = two_pools(31);
    note.description.resize(random() % (note.description.size() + 1));
    for (unsigned i = random() % 4; i != 0 && !note.description.empty(); --i) {
      note.description[random() % note.description.size()] = static_cast<std::byte>(random());
    }
    for (const NotedHeap& heap : noted_heaps(std::vector{note})) {
      EXPECT_THAT(description_packets(heap), SizeIs(heap.facts.size()));
    }
  }
}

TEST(NotedHeaps, DescribeATraceThatBeganTooLateForIt) {
  MemorySink file;
  Writer writer(file, 31);
  writer.describe(description_packets(noted_heaps(std::vector{two_pools(31)}).front()));
  EXPECT_EQ(writer.events(), 0U) << "no event of the target";
  std::vector<itm::Packet> packets;
  itm::Decoder decoder;
  decoder.feed(TraceBuilder().alloc(1, 9).dealloc(1).bytes(), packets);
  decoder.finish(packets);
  writer.write(packets);
  writer.close();

  const test::Trace trace = test::read(file.bytes());
  EXPECT_EQ(trace.summary.description.heap_size, 64U);
  EXPECT_EQ(trace.summary.description.base_alignment, 4U);
  EXPECT_EQ(trace.summary.description.heap_base, 0x20000100U);
  ASSERT_THAT(trace.summary.description.pools, SizeIs(2));
  EXPECT_EQ(trace.summary.description.pools[1].block_size, 4U);
  EXPECT_TRUE(trace.summary.began_midway) << "a description is no beginning";
  EXPECT_FALSE(trace.summary.losses.any());
  EXPECT_EQ(trace.events, (std::vector{test::alloc_event(1, 9), test::dealloc_event(1, 9)}));
}

}  // namespace
}  // namespace drone::heaptrace
