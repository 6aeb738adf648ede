// SPDX-License-Identifier: MIT
#pragma once

// Reads traces in plain text (docs/imports.md), an event a line:
//
//   a ID SIZE [ALIGN]   SIZE bytes were requested, aligned to ALIGN
//   r ID SIZE           the block was reallocated
//   f ID                the block was given back; its ID may name another one from now on
//   x SIZE [ALIGN]      a request failed
//
// Blank lines, and what follows a # at the beginning of a line, say nothing.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "heaptrace/imported_lives.hpp"
#include "heaptrace/line_splitter.hpp"

namespace drone::heaptrace {

/// What the first line of a file is that says something.
enum class TextBegin : std::uint8_t {
  kOther,
  kEntry,     ///< an event, or meant to be one: the file is such a trace
  kComments,  ///< there is none yet, and there are comments
};

/// Looks at how a file begins.
TextBegin begins_text_trace(std::span<const std::byte> head);

/// Bytes in, in chunks of any length; events out, the same whatever the chunks.
class TextReader {
 public:
  explicit TextReader(ImportedLives::Consume consume) : lives_(std::move(consume)) {}

  /// Throws Error (kInput) that names the line for one that is no event.
  void feed(std::span<const std::byte> bytes);
  void flush() { lives_.flush(); }

  /// The file has ended; `is_cut`: and should not have. A last line without an end counts if it is
  /// an event, and the file was not cut there.
  void finish(bool is_cut);

  Summary summary() const;

 private:
  void parse(const Line& line);
  ImportedLives::Id id_of(std::string_view word);
  void forget(std::string_view word);

  LineSplitter lines_;
  ImportedLives lives_;
  /// IDs that are no small number, while their blocks live.
  std::unordered_map<std::string, ImportedLives::Id> words_;
  ImportedLives::Id next_word_ = 0;
  bool ended_in_order_ = true;
};

}  // namespace drone::heaptrace
