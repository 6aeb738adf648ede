// SPDX-License-Identifier: MIT
#pragma once

// A heaptrace file that is still being written.

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "heaptrace/reader.hpp"
#include "heaptrace/usage.hpp"
#include "support/descriptor.hpp"
#include "support/error.hpp"

namespace drone::heaptrace {

/// Reads what is appended to a file, and only that. Starts over when another file takes its place,
/// or when it is written anew: a new capture. The file need not be there yet.
class FollowedTrace {
 public:
  FollowedTrace(std::filesystem::path path, const ReadOptions& options);
  FollowedTrace(const FollowedTrace&) = delete;
  FollowedTrace& operator=(const FollowedTrace&) = delete;

  /// Reads what is new; false if that is nothing. Throws Error (kInput) when the file cannot be
  /// read, or is of another kind.
  bool update();

  /// The file was there, with something in it.
  bool has_begun() const { return bytes_ != 0; }

  /// Its capture was closed in order: nothing more will come.
  bool has_ended() const { return ended_; }

  std::uint64_t bytes() const { return bytes_; }    ///< read so far
  std::uint64_t starts() const { return starts_; }  ///< captures seen, this one included

  /// Of what was read. Unless has_ended() or finish() was called, the last events of a long file
  /// may be missing: decoders are not sure of them before they have seen what comes behind.
  const UsageCollector& usage() const { return usage_; }
  const Summary& summary() const { return summary_; }

  /// Nothing more will be read: brings usage() and summary() to what read_events() would say of the
  /// file as it was read. Throws as that does.
  void finish();

 private:
  void start_over();
  bool was_replaced(std::uint64_t size) const;
  void read_to(std::uint64_t size);
  void take(std::span<const std::byte> bytes);
  void make_reader();
  void reread_head();
  bool ends_like_a_capture() const;
  bool finish_reader();

  std::filesystem::path path_;
  ReadOptions options_;
  Descriptor file_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  std::uint64_t starts_ = 0;
  std::uint64_t bytes_ = 0;
  bool use_description_ = true;
  bool ended_ = false;
  /// The file as far as it is read while it is so short that what it is is not sure: it is read
  /// from its beginning then, each time, and to its last event.
  std::vector<std::byte> head_;
  std::vector<std::byte> tail_;          ///< the last bytes read: whether they are still there
  std::unique_ptr<TraceReader> reader_;  ///< of what is longer
  std::uint64_t no_end_at_ = 0;          ///< it looked like an end there, and was none
  UsageCollector usage_;
  Summary summary_;
};

}  // namespace drone::heaptrace
