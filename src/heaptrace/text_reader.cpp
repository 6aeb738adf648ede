// SPDX-License-Identifier: MIT
#include "heaptrace/text_reader.hpp"

#include <algorithm>
#include <bit>
#include <optional>

#include "support/error.hpp"

namespace drone::heaptrace {
namespace {

using Id = ImportedLives::Id;

/// IDs from here on stand for words.
constexpr Id kFirstWord = Id{1} << 63;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

/// One line, read.
struct Entry {
  char kind = 0;  ///< a, r, f or x; 0: it says nothing
  std::string_view id;
  std::uint64_t size = 0;
  std::uint32_t alignment = ImportedLives::kBaseAlignment;
};

/// What is wrong with a line: in words, if there is anything.
using Fault = std::optional<std::string>;

/// A word of the file, fit to be shown.
std::string shown(std::string_view word) {
  constexpr std::size_t kMost = 40;
  std::string text(word.substr(0, kMost));
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  }
  return "'" + text + (word.size() > kMost ? "...'" : "'");
}

bool is_hexadecimal(std::string_view word) {
  return word.size() > 2 && word[0] == '0' && (word[1] == 'x' || word[1] == 'X');
}

/// The number, decimal or with 0x. Sizes of up to 18 digits are read by hand: that is what nearly
/// all of a file is.
std::optional<std::uint64_t> plain_number(std::string_view word) {
  if (is_hexadecimal(word)) return number_of(word.substr(2), 16);
  constexpr std::size_t kMostDigits = 18;
  if (word.empty() || word.size() > kMostDigits) return number_of(word, 10);
  std::uint64_t number = 0;
  for (const char c : word) {
    const auto digit = static_cast<unsigned>(c) - '0';
    if (digit > 9) return std::nullopt;
    number = number * 10 + digit;
  }
  return number;
}

Fault read_size(std::string_view word, std::uint64_t& size) {
  const std::optional<std::uint64_t> number = plain_number(word);
  if (number && *number <= UINT32_MAX) {
    size = *number;
    return std::nullopt;
  }
  const bool is_too_large =
      number || (!word.empty() && std::all_of(word.begin(), word.end(),
                                              [](char c) { return c >= '0' && c <= '9'; }));
  if (is_too_large) {
    return "the size " + shown(word) + " is more than a 32-bit heap can hold";
  }
  return shown(word) + " is no size: a number of bytes";
}

Fault read_alignment(std::string_view word, std::uint32_t& alignment) {
  const std::optional<std::uint64_t> number = plain_number(word);
  constexpr std::uint64_t kMost = std::uint64_t{1} << 31;
  if (!number || !std::has_single_bit(*number) || *number > kMost) {
    return shown(word) + " is no alignment: a power of two";
  }
  alignment = std::max(static_cast<std::uint32_t>(*number), ImportedLives::kBaseAlignment);
  return std::nullopt;
}

std::string form_of(char kind) {
  switch (kind) {
    case 'a':
      return "`a ID SIZE [ALIGN]`";
    case 'r':
      return "`r ID SIZE`";
    case 'f':
      return "`f ID`";
    default:
      return "`x SIZE [ALIGN]`";
  }
}

Fault read_entry(std::string_view text, Entry& entry) {
  const std::string_view kind = take_word(text);
  if (kind.empty() || kind.front() == '#') return std::nullopt;
  constexpr std::string_view kKinds = "arfx";
  if (kind.size() != 1 || kKinds.find(kind.front()) == std::string_view::npos) {
    return shown(kind) + " begins no event";
  }
  entry.kind = kind.front();
  if (entry.kind != 'x') {
    entry.id = take_word(text);
    if (entry.id.empty()) return "the ID is missing in " + form_of(entry.kind);
  }
  if (entry.kind != 'f') {
    const std::string_view word = take_word(text);
    if (word.empty()) return "the size is missing in " + form_of(entry.kind);
    if (Fault fault = read_size(word, entry.size)) return fault;
  }
  std::string_view more = take_word(text);
  if (!more.empty() && (entry.kind == 'a' || entry.kind == 'x')) {
    if (Fault fault = read_alignment(more, entry.alignment)) return fault;
    more = take_word(text);
  }
  if (!more.empty()) return shown(more) + " is too much in " + form_of(entry.kind);
  return std::nullopt;
}

std::string_view without_mark(const Line& line) {
  const bool has_mark = line.number == 1 && line.text.starts_with(kByteOrderMark);
  return has_mark ? line.text.substr(kByteOrderMark.size()) : line.text;
}

/// Whether a line is meant to be an entry, right or not.
bool begins_entry(std::string_view text) {
  const std::string_view kind = take_word(text);
  const std::string_view number = take_word(text);
  return kind.size() == 1 &&
         std::string_view("arfx").find(kind.front()) != std::string_view::npos && !number.empty() &&
         std::string_view("-0123456789").find(number.front()) != std::string_view::npos;
}

}  // namespace

TextBegin begins_text_trace(std::span<const std::byte> head) {
  enum class Verdict { kOpen, kYes, kNo } verdict = Verdict::kOpen;
  bool has_comment = false;
  const auto judge = [&](const Line& line) {
    if (verdict != Verdict::kOpen) return;
    Entry entry;
    std::string_view unmarked = without_mark(line);
    if (read_entry(unmarked, entry)) {
      // With a mistake in its first line it still is one, to be read and told about.
      verdict = begins_entry(unmarked) ? Verdict::kYes : Verdict::kNo;
    } else if (entry.kind != 0) {
      verdict = Verdict::kYes;
    } else if (!take_word(unmarked).empty()) {
      has_comment = true;
    }
  };
  LineSplitter lines;
  lines.feed(head, judge);
  const bool has_only_comments = verdict == Verdict::kOpen && has_comment;
  judge(lines.kept_line());
  if (verdict == Verdict::kYes) return TextBegin::kEntry;
  // A line whose end is not there yet may become an entry.
  if (has_only_comments || (verdict == Verdict::kOpen && has_comment)) return TextBegin::kComments;
  return TextBegin::kOther;
}

void TextReader::feed(std::span<const std::byte> bytes) {
  lines_.feed(bytes, [this](const Line& line) { parse(line); });
}

void TextReader::parse(const Line& line) {
  Entry entry;
  Fault fault = read_entry(without_mark(line), entry);
  if (!fault && !line.is_whole) fault = "the line is longer than 1 MB";
  if (fault) {
    throw Error(ExitStatus::kInput, "line " + std::to_string(line.number) + ": " + *fault,
                "an event a line: `a ID SIZE [ALIGN]`, `r ID SIZE`, `f ID`, or `x SIZE [ALIGN]` "
                "for a request that failed; # begins a comment");
  }
  lives_.set_place(line.offset);
  switch (entry.kind) {
    case 'a':
      return lives_.alloc(id_of(entry.id), entry.size, entry.alignment);
    case 'r':
      return lives_.resize(id_of(entry.id), entry.size);
    case 'f':
      lives_.dealloc(id_of(entry.id));
      return forget(entry.id);
    case 'x':
      return lives_.fail(entry.size, entry.alignment);
    default:
      return;
  }
}

/// Numbers are their own IDs, other words get one.
Id TextReader::id_of(std::string_view word) {
  if (const auto number = plain_number(word); number && *number < kFirstWord) {
    if (is_hexadecimal(word)) lives_.note_address(*number);
    return *number;
  }
  const auto [found, is_new] = words_.try_emplace(std::string(word), kFirstWord + next_word_);
  if (is_new) ++next_word_;
  return found->second;
}

void TextReader::forget(std::string_view word) {
  if (!words_.empty()) words_.erase(std::string(word));
}

void TextReader::finish(bool is_cut) {
  const Line last = lines_.kept_line();
  Entry entry;
  if (last.text.empty()) {
    ended_in_order_ = !is_cut;
  } else if (is_cut || (read_entry(without_mark(last), entry) && lives_.events() != 0)) {
    ended_in_order_ = false;
  } else {
    parse(last);
  }
  lives_.flush();
}

Summary TextReader::summary() const {
  Summary summary = lives_.summary();
  summary.format = FileFormat::kText;
  summary.ended_in_order = ended_in_order_;
  return summary;
}

}  // namespace drone::heaptrace
