// SPDX-License-Identifier: MIT
#pragma once

// Reads what heaptrack 1.4 writes (docs/imports.md): text, a fact a line, all numbers hexadecimal
// without 0x. Of either kind of file:
//
//   v VERSION [FILE_VERSION]    first line
//   X COMMAND LINE              as it was typed: it may have several lines, up to
//   I PAGE_SIZE PAGES           the line that follows it
//   A                           heaptrack was attached to a program that was running
//   c TIME, R PAGES, # ...      and other lines that say nothing of blocks
//
// `heaptrack --raw` keeps what the recorder sent:
//
//   + SIZE CALLER ADDRESS       allocated
//   - ADDRESS                   given back
//
// Else heaptrack has interpreted that: requests of one size and caller are one, named by their
// index.
//
//   a SIZE CALLER               the next index, from 0 on
//   + INDEX                     allocated
//   - INDEX                     given back
//
// Lives of one index are alike for whoever counts them, so each end is given to the youngest.

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "heaptrace/imported_lives.hpp"
#include "heaptrace/line_splitter.hpp"

namespace drone::heaptrace {

/// Whether a file that begins with `head` is such a file.
bool begins_heaptrack(std::span<const std::byte> head);

/// Bytes in, in chunks of any length; events out, the same whatever the chunks. Any bytes are read;
/// events that cannot be are counted as malformed. Memory grows with the live blocks, and with the
/// callers of an interpreted file.
class HeaptrackReader {
 public:
  explicit HeaptrackReader(ImportedLives::Consume consume) : lives_(std::move(consume)) {}

  void feed(std::span<const std::byte> bytes);
  void flush() { lives_.flush(); }
  /// The file has ended: a last line that is not whole does not count.
  void finish(bool is_cut);
  Summary summary() const;

 private:
  /// Requests of one size and caller.
  struct Requests {
    std::uint64_t size;
    std::vector<ImportedLives::Id> live;
  };
  enum class Kind : std::uint8_t { kUnknown, kRaw, kInterpreted };

  void parse(const Line& line);
  void parse_alloc(std::string_view words);
  void parse_dealloc(std::string_view words);
  void parse_requests(std::string_view words);
  void note_code_address(std::string_view words);

  LineSplitter lines_;
  ImportedLives lives_;
  Kind kind_ = Kind::kUnknown;
  std::vector<Requests> requests_;
  ImportedLives::Id next_id_ = 0;
  bool in_command_line_ = false;
  bool was_attached_ = false;
  bool ended_in_order_ = true;
};

}  // namespace drone::heaptrace
