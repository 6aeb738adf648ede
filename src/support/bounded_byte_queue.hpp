// SPDX-License-Identifier: MIT
#pragma once

// Bytes on their way from one thread to another, so that who reads a source never waits for who
// writes files.
//
// The bytes lie in blocks of one size. The reader of a source fills the last block in place, the
// taker is given the first one in place; emptied blocks are used again, the latest first: while the
// taker keeps up, two blocks stay in the cache, and the memory is not even allocated.

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "support/descriptor.hpp"

namespace drone {

/// For one thread that puts and one that takes. Who puts may wait for room, or go on without: what
/// it loses is then counted, and taken in its place between the bytes around it.
class BoundedByteQueue {
 public:
  static constexpr std::size_t kBlockBytes = 1 << 18;  ///< a read of this size is as fast as any

  /// Holds `capacity` bytes at most, rounded down to whole blocks; at least two of them. Throws
  /// Error (kInput) when the system has no descriptor left.
  explicit BoundedByteQueue(std::size_t capacity, std::size_t block_bytes = kBlockBytes);
  BoundedByteQueue(const BoundedByteQueue&) = delete;
  BoundedByteQueue& operator=(const BoundedByteQueue&) = delete;

  // For the thread that puts.

  /// Where the next bytes go, one at least; nowhere when the queue is full. Valid until commit().
  std::span<std::byte> room();

  /// The same, but waits while the queue is full; nowhere once it is abandoned.
  std::span<std::byte> wait_for_room();

  /// The first `bytes` of the room that was given are filled.
  void commit(std::size_t bytes);

  /// `bytes` (not 0) were lost behind what was put until now.
  void lose(std::uint64_t bytes);

  /// Nothing more will be put.
  void end();

  // For the thread that takes.

  enum class Kind {
    kNothing,  ///< for now
    kBytes,
    kLost,  ///< `lost` bytes were, here
    kEnd,   ///< everything was taken
  };
  struct Piece {
    Kind kind = Kind::kNothing;
    std::span<const std::byte> bytes = {};
    std::uint64_t lost = 0;
  };

  /// What is next, `most` bytes at most. Does not wait. Its bytes are valid until the next take().
  Piece take(std::size_t most);

  /// Readable (poll) when take() would not yield kNothing.
  int descriptor() const { return readable_.get(); }

  /// Nothing more will be taken: nobody waits for room any more.
  void abandon();

 private:
  struct Block {
    std::unique_ptr<std::byte[]> bytes;
    std::uint64_t lost_before = 0;
    std::size_t taken = 0;
    std::size_t filled = 0;
    bool closed = false;  ///< nothing more is put into it
  };

  // All with the mutex held.
  std::span<std::byte> find_room();
  bool is_readable() const;
  void signal();
  void release();

  const std::size_t block_bytes_;
  const std::size_t most_blocks_;
  Descriptor readable_;  ///< an eventfd: its count is 1 if is_readable(), else 0

  std::mutex mutex_;
  std::condition_variable has_room_;
  std::deque<Block> blocks_;
  std::vector<std::unique_ptr<std::byte[]>> spare_;
  std::uint64_t lost_ = 0;       ///< behind the last block
  std::uint64_t unread_ = 0;     ///< bytes, and losses, that can be taken
  std::size_t given_bytes_ = 0;  ///< by the last take(), of the first block
  bool signalled_ = false;
  bool ended_ = false;
  bool abandoned_ = false;
};

}  // namespace drone
