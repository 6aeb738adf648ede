// SPDX-License-Identifier: MIT
#pragma once

// Reads what glibc's mtrace() writes (docs/imports.md), an event a line:
//
//   = Start                       the recording begins
//   @ CALLER + ADDRESS SIZE       allocated; ADDRESS is (nil) if that failed
//   @ CALLER - ADDRESS            given back
//   @ CALLER < ADDRESS            reallocated: the old block, and in the next line
//   @ CALLER > ADDRESS SIZE       the new one, which may be the same
//   @ CALLER ! ADDRESS SIZE       a reallocation failed
//   = End                         muntrace() was called
//
// ADDRESS and SIZE are hexadecimal with 0x. "@ CALLER" is missing where it is not known, and may
// contain blanks.

#include <optional>
#include <span>
#include <string_view>

#include "heaptrace/imported_lives.hpp"
#include "heaptrace/line_splitter.hpp"

namespace drone::heaptrace {

/// Whether a file that begins with `head` is such a recording, or a part of one.
bool begins_mtrace(std::span<const std::byte> head);

/// Bytes in, in chunks of any length; events out, the same whatever the chunks. Any bytes are read;
/// lines that are none of the above are counted as malformed.
class MtraceReader {
 public:
  explicit MtraceReader(ImportedLives::Consume consume) : lives_(std::move(consume)) {}

  void feed(std::span<const std::byte> bytes);
  void flush() { lives_.flush(); }
  /// The file has ended: a last line that is not whole does not count.
  void finish(bool is_cut);
  Summary summary() const;

 private:
  void parse(const Line& line);
  void end_reallocation(ImportedLives::Id to, std::uint64_t size);

  LineSplitter lines_;
  ImportedLives lives_;
  std::optional<ImportedLives::Id> reallocated_;  ///< the old block of a pair
  bool ended_in_order_ = true;
};

}  // namespace drone::heaptrace
