// SPDX-License-Identifier: MIT
#pragma once

// The trace of one process: what its allocator did becomes events of the heaptrace format
// (docs/trace-format.md). Not for several threads at once: the caller has a lock, and reports a
// block after it was taken and before it is given back, so that the order of events is true for
// each block.

#include <cstddef>
#include <cstdint>

#include "drone/heaptrace/wire_format.hpp"
#include "preload/block_numbers.hpp"
#include "preload/block_table.hpp"
#include "preload/recording_status.hpp"
#include "preload/trace_file.hpp"

namespace drone::preload {

/// What malloc() owes a microcontroller program of this kind: its pointers' size.
inline constexpr std::uint32_t kBaseAlignment = sizeof(void*);
static_assert(kBaseAlignment == 4 || kBaseAlignment == 8);

struct RecordingOptions {
  std::size_t max_request =
      0;  ///< requests of more bytes are no event, nor what becomes of their blocks
  bool are_moves_resizes = false;  ///< a reallocation that moves is a RESIZE, no ALLOC and DEALLOC
};

class Recording {
 public:
  /// Begins a new file and a new trace. `status` must outlive it. False if that fails: status.error
  /// says why.
  bool begin(const char* path, bool is_shared_name, const RecordingOptions& options,
             RecordingStatus& status) noexcept;

  /// `block` (not null) was allocated. `alignment`: the one that the request named, or 0. A request
  /// of 0 bytes is no event, nor is what becomes of its block; the same for one above the limit.
  void allocated(const void* block, std::size_t size, std::size_t alignment) noexcept;

  /// A request failed.
  void failed(std::size_t size, std::size_t alignment) noexcept;

  /// `block` is about to be freed. Blocks that are not in the trace may be named, and null.
  void released(const void* block) noexcept;

  /// `from` (not null) was reallocated, and is `to` (not null) now, the same or another.
  void reallocated(const void* from, const void* to, std::size_t size) noexcept;

  /// Closes the file in order. What is reported after that still gets into it.
  void end() noexcept;

  /// Still recording: the file takes what comes.
  bool is_open() const noexcept { return status_->state == RecordingState::kRecording; }

 private:
  bool is_traced(std::size_t size) noexcept;
  Block* move(Block* from, const void* to) noexcept;
  void name_alignment(std::uint32_t block, std::size_t alignment) noexcept;
  void emit_sized(heaptrace::Op op, std::uint32_t block, std::uint32_t size) noexcept;
  void emit(const heaptrace::Writes& writes) noexcept;
  void put(const heaptrace::Write& write) noexcept;
  bool report_dropped() noexcept;
  void drop(std::uint32_t events) noexcept;
  void hold(std::uint64_t more, std::uint64_t less) noexcept;
  void flush() noexcept;
  void fail(const char* why) noexcept;

  TraceFile file_;
  BlockNumbers numbers_;
  BlockTable blocks_;
  RecordingStatus* status_ = nullptr;
  RecordingOptions options_{};
  std::uint32_t counted_ = 0;    ///< events that SEQUENCE counts
  std::uint32_t sequences_ = 0;  ///< periods that a SEQUENCE was written for
  std::uint32_t dropped_ = 0;    ///< and not yet reported
  std::uint8_t pending_[48] = {};
  std::size_t pending_size_ = 0;
};

}  // namespace drone::preload
