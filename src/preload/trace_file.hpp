// SPDX-License-Identifier: MIT
#pragma once

// The file that a tracer writes, through a window of it that is mapped: what was written is the
// kernel's at once, and survives whatever ends the program. A program killed leaves zeros behind
// the last event, at most a window of them, which mean nothing to a reader.
//
// The traced program may close descriptors that are not its own, and open others of the same
// number; it may change its folder, its root and its user. So the file is known by its identity: a
// descriptor that has become something else is not touched, and the file is opened again by its
// path.

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace drone::preload {

class TraceFile {
 public:
  /// Makes the file anew: one that other processes may have mapped is not changed, but replaced.
  /// With `is_shared_name`, nothing is replaced, and a number is appended to the name until it is
  /// new. `path` must be absolute. False if that fails: see error().
  bool create(const char* path, bool is_shared_name) noexcept;

  /// False if the file can take no more: see error().
  bool append(const std::uint8_t* bytes, std::size_t size) noexcept;

  /// Cuts the file where its contents end, with `tail` there. From then on each append goes before
  /// the tail, and the file is always whole.
  bool close_with(const std::uint8_t* tail, std::size_t size) noexcept;

  std::uint64_t length() const noexcept { return length_; }  ///< without the tail
  bool is_closed() const noexcept { return tail_size_ != 0; }
  const char* error() const noexcept { return error_; }

 private:
  static constexpr std::size_t kMostPath = 4096;
  static constexpr std::size_t kMostTail = 8;

  bool move_window() noexcept;
  void drop_window() noexcept;
  bool write_at_end(const std::uint8_t* bytes, std::size_t size) noexcept;
  /// The file's descriptor, or -1. Hand it to release() afterwards.
  int acquire() noexcept;
  void release(int fd) const noexcept;
  bool fail(const char* what, int reason) noexcept;

  int fd_ = -1;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  std::uint64_t length_ = 0;
  std::uint8_t* window_ = nullptr;
  std::uint64_t window_at_ = 0;  ///< where in the file it begins
  std::uint8_t tail_[kMostTail] = {};
  std::size_t tail_size_ = 0;
  char path_[kMostPath] = {};
  char error_[256] = {};
};

}  // namespace drone::preload
