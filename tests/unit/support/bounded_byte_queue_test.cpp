// SPDX-License-Identifier: MIT
#include "support/bounded_byte_queue.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <thread>

namespace drone {
namespace {

using Kind = BoundedByteQueue::Kind;

bool readable(const BoundedByteQueue& queue) {
  pollfd event{queue.descriptor(), POLLIN, 0};
  return ::poll(&event, 1, 0) == 1;
}

void put(BoundedByteQueue& queue, std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  const std::span<std::byte> room = queue.room();
  ASSERT_GE(room.size(), bytes.size());
  std::copy(bytes.begin(), bytes.end(), room.begin());
  queue.commit(bytes.size());
}

/// "abc", "lost 3", "end", "-" for nothing.
std::string next(BoundedByteQueue& queue, std::size_t most = 100) {
  const BoundedByteQueue::Piece piece = queue.take(most);
  switch (piece.kind) {
    case Kind::kNothing:
      return "-";
    case Kind::kBytes:
      return {reinterpret_cast<const char*>(piece.bytes.data()), piece.bytes.size()};
    case Kind::kLost:
      return "lost " + std::to_string(piece.lost);
    case Kind::kEnd:
      return "end";
  }
  return "?";
}

TEST(BoundedByteQueue, HandsOnWhatWasPutAsMuchAsIsThere) {
  BoundedByteQueue queue(8, 4);
  EXPECT_EQ(next(queue), "-");
  put(queue, "a");
  put(queue, "b");
  EXPECT_EQ(next(queue), "ab");
  EXPECT_EQ(next(queue), "-");
  put(queue, "cd");
  put(queue, "ef");
  EXPECT_EQ(next(queue, 1), "c");
  EXPECT_EQ(next(queue), "d") << "no piece spans two blocks";
  EXPECT_EQ(next(queue), "ef");
  queue.end();
  EXPECT_EQ(next(queue), "end");
  EXPECT_EQ(next(queue), "end");
}

TEST(BoundedByteQueue, HasNoRoomWhenItIsFullUntilABlockWasTaken) {
  BoundedByteQueue queue(11, 4);  // two blocks
  put(queue, "abcd");
  put(queue, "efgh");
  EXPECT_TRUE(queue.room().empty());
  EXPECT_EQ(next(queue, 3), "abc");
  EXPECT_EQ(next(queue, 3), "d");
  EXPECT_TRUE(queue.room().empty()) << "the taker still looks at it";
  EXPECT_EQ(next(queue, 1), "e");
  EXPECT_EQ(queue.room().size(), 4U);
  put(queue, "ij");
  EXPECT_EQ(queue.room().size(), 2U);
  EXPECT_EQ(next(queue), "fgh");
  EXPECT_EQ(next(queue), "ij");
}

TEST(BoundedByteQueue, TellsOfALossInItsPlace) {
  BoundedByteQueue queue(16, 4);
  put(queue, "ab");
  queue.lose(5);
  queue.lose(2);
  put(queue, "cd");
  EXPECT_EQ(next(queue), "ab");
  EXPECT_EQ(next(queue), "lost 7");
  EXPECT_EQ(next(queue), "cd");
  EXPECT_EQ(next(queue), "-");
  queue.lose(1);
  EXPECT_EQ(next(queue), "lost 1") << "also when nothing follows";
  EXPECT_EQ(next(queue), "-");
  queue.lose(3);
  queue.end();
  EXPECT_EQ(next(queue), "lost 3");
  EXPECT_EQ(next(queue), "end");
}

TEST(BoundedByteQueue, StepsOverABlockThatALossLeftEmpty) {
  BoundedByteQueue queue(16, 4);
  put(queue, "abcd");
  EXPECT_EQ(queue.room().size(), 4U) << "given, and not used";
  queue.lose(1);
  put(queue, "ef");
  EXPECT_EQ(next(queue), "abcd");
  EXPECT_EQ(next(queue), "lost 1");
  EXPECT_EQ(next(queue), "ef");
  EXPECT_EQ(next(queue), "-");
}

TEST(BoundedByteQueue, ItsDescriptorIsReadableWhileThereIsSomethingToTake) {
  BoundedByteQueue queue(8, 4);
  EXPECT_FALSE(readable(queue));
  put(queue, "ab");
  EXPECT_TRUE(readable(queue));
  EXPECT_EQ(next(queue, 1), "a");
  EXPECT_TRUE(readable(queue));
  EXPECT_EQ(next(queue), "b");
  EXPECT_FALSE(readable(queue));
  queue.lose(1);
  EXPECT_TRUE(readable(queue));
  EXPECT_EQ(next(queue), "lost 1");
  EXPECT_FALSE(readable(queue));
  queue.end();
  EXPECT_TRUE(readable(queue));
  EXPECT_EQ(next(queue), "end");
  EXPECT_TRUE(readable(queue));
}

TEST(BoundedByteQueue, TakesTwoBlocksWhileTheTakerKeepsUp) {
  BoundedByteQueue queue(1024, 4);
  std::set<const std::byte*> blocks;
  for (int i = 0; i != 100; ++i) {
    blocks.insert(queue.room().data());
    put(queue, "abcd");
    EXPECT_EQ(next(queue), "abcd");
  }
  EXPECT_LE(blocks.size(), 2U);
}

TEST(BoundedByteQueue, WhoWaitsForRoomIsToldThatNobodyTakesAnyMore) {
  BoundedByteQueue queue(8, 4);
  put(queue, "abcd");
  put(queue, "efgh");
  std::thread putter([&] { EXPECT_TRUE(queue.wait_for_room().empty()); });
  queue.abandon();
  putter.join();
}

/// Byte number n of a stream that tells where in it one is.
std::byte byte_at(std::uint64_t n) { return static_cast<std::byte>((n * 2654435761U) >> 16); }

/// A thread that puts `total` bytes in pieces of random sizes.
std::thread start_putter(BoundedByteQueue& queue, std::uint64_t total, bool waits) {
  return std::thread([&queue, total, waits] {
    std::mt19937 random(1);
    for (std::uint64_t position = 0; position != total;) {
      const std::size_t most = std::min<std::uint64_t>(1 + random() % 100, total - position);
      const std::span<std::byte> room = waits ? queue.wait_for_room() : queue.room();
      const std::size_t n = room.empty() ? most : std::min(most, room.size());
      if (room.empty()) {
        queue.lose(n);
      } else {
        for (std::size_t i = 0; i != n; ++i) room[i] = byte_at(position + i);
        queue.commit(n);
      }
      position += n;
    }
    queue.end();
  });
}

struct Taken {
  std::uint64_t bytes = 0;
  std::uint64_t lost = 0;
  std::uint64_t wrong = 0;
};

Taken take_all(BoundedByteQueue& queue) {
  std::mt19937 random(2);
  Taken taken;
  while (true) {
    pollfd event{queue.descriptor(), POLLIN, 0};
    ::poll(&event, 1, -1);
    const BoundedByteQueue::Piece piece = queue.take(1 + random() % 100);
    if (piece.kind == Kind::kEnd) return taken;
    EXPECT_NE(piece.kind, Kind::kNothing);
    for (const std::byte byte : piece.bytes) {
      if (byte != byte_at(taken.bytes++ + taken.lost)) ++taken.wrong;
    }
    taken.lost += piece.lost;
  }
}

TEST(BoundedByteQueue, LosesNothingBetweenThreadsWhenWhoPutsWaits) {
  constexpr std::uint64_t kTotal = 300'000;
  BoundedByteQueue queue(256, 64);
  std::thread putter = start_putter(queue, kTotal, true);
  const Taken taken = take_all(queue);
  putter.join();
  EXPECT_EQ(taken.bytes, kTotal);
  EXPECT_EQ(taken.lost, 0U);
  EXPECT_EQ(taken.wrong, 0U);
}

TEST(BoundedByteQueue, AccountsForEveryByteBetweenThreadsWhenWhoPutsDoesNotWait) {
  constexpr std::uint64_t kTotal = 300'000;
  BoundedByteQueue queue(256, 64);
  std::thread putter = start_putter(queue, kTotal, false);
  const Taken taken = take_all(queue);
  putter.join();
  EXPECT_EQ(taken.bytes + taken.lost, kTotal);
  EXPECT_GE(taken.bytes, 256U) << "what fits is kept";
  EXPECT_EQ(taken.wrong, 0U) << "what was lost was lost where it says";
}

}  // namespace
}  // namespace drone
