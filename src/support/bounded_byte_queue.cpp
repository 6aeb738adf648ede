// SPDX-License-Identifier: MIT
#include "support/bounded_byte_queue.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <system_error>
#include <utility>

#include "support/error.hpp"

namespace drone {

BoundedByteQueue::BoundedByteQueue(std::size_t capacity, std::size_t block_bytes)
    : block_bytes_(block_bytes),
      most_blocks_(std::max<std::size_t>(capacity / block_bytes, 2)),
      readable_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!readable_) {
    throw Error(ExitStatus::kInput,
                "cannot make an event descriptor: " + std::generic_category().message(errno));
  }
}

std::span<std::byte> BoundedByteQueue::find_room() {
  if (blocks_.empty() || blocks_.back().closed) {
    if (blocks_.size() == most_blocks_) return {};
    Block block;
    if (spare_.empty()) {
      // Not set to zero: pages that are never needed are never touched.
      block.bytes = std::make_unique_for_overwrite<std::byte[]>(block_bytes_);
    } else {
      block.bytes = std::move(spare_.back());
      spare_.pop_back();
    }
    block.lost_before = std::exchange(lost_, 0);
    blocks_.push_back(std::move(block));
  }
  const Block& last = blocks_.back();
  return {last.bytes.get() + last.filled, block_bytes_ - last.filled};
}

std::span<std::byte> BoundedByteQueue::room() {
  const std::lock_guard lock(mutex_);
  return find_room();
}

std::span<std::byte> BoundedByteQueue::wait_for_room() {
  std::unique_lock lock(mutex_);
  while (!abandoned_) {
    if (const std::span<std::byte> room = find_room(); !room.empty()) return room;
    has_room_.wait(lock);
  }
  return {};
}

void BoundedByteQueue::commit(std::size_t bytes) {
  if (bytes == 0) return;
  const std::lock_guard lock(mutex_);
  Block& last = blocks_.back();
  assert(!last.closed && bytes <= block_bytes_ - last.filled);
  last.filled += bytes;
  last.closed = last.filled == block_bytes_;
  unread_ += bytes;
  signal();
}

void BoundedByteQueue::lose(std::uint64_t bytes) {
  assert(bytes != 0);
  const std::lock_guard lock(mutex_);
  if (!blocks_.empty()) blocks_.back().closed = true;
  lost_ += bytes;
  unread_ += bytes;
  signal();
}

void BoundedByteQueue::end() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  signal();
}

void BoundedByteQueue::abandon() {
  const std::lock_guard lock(mutex_);
  abandoned_ = true;
  has_room_.notify_one();
}

BoundedByteQueue::Piece BoundedByteQueue::take(std::size_t most) {
  const std::lock_guard lock(mutex_);
  release();
  Piece piece;
  std::uint64_t& lost = blocks_.empty() ? lost_ : blocks_.front().lost_before;
  if (lost != 0) {
    piece.kind = Kind::kLost;
    piece.lost = std::exchange(lost, 0);
    unread_ -= piece.lost;
  } else if (unread_ != 0) {
    const Block& first = blocks_.front();
    piece.kind = Kind::kBytes;
    given_bytes_ = std::min(most, first.filled - first.taken);
    piece.bytes = {first.bytes.get() + first.taken, given_bytes_};
    unread_ -= given_bytes_;
  } else if (ended_) {
    piece.kind = Kind::kEnd;
  }
  signal();
  return piece;
}

/// What take() gave last is not needed any more. Blocks that are done with make room.
void BoundedByteQueue::release() {
  if (blocks_.empty()) return;
  blocks_.front().taken += std::exchange(given_bytes_, 0);
  while (!blocks_.empty()) {
    Block& first = blocks_.front();
    if (!first.closed || first.taken != first.filled || first.lost_before != 0) return;
    spare_.push_back(std::move(first.bytes));
    blocks_.pop_front();
    has_room_.notify_one();
  }
}

bool BoundedByteQueue::is_readable() const { return unread_ != 0 || ended_; }

void BoundedByteQueue::signal() {
  if (is_readable() == signalled_) return;
  signalled_ = !signalled_;
  // Neither can fail: the count is 0 before the one, and 1 before the other.
  std::uint64_t count = 1;
  if (signalled_) {
    (void)!::write(readable_.get(), &count, sizeof(count));
  } else {
    (void)!::read(readable_.get(), &count, sizeof(count));
  }
}

}  // namespace drone
