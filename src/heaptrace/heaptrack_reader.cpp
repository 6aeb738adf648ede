// SPDX-License-Identifier: MIT
#include "heaptrace/heaptrack_reader.hpp"

#include <optional>

namespace drone::heaptrace {
namespace {

std::optional<std::uint64_t> take_number(std::string_view& text) {
  return number_of(take_word(text), 16);
}

/// "LETTER NUMBER...": from `least` to `most` numbers.
bool has_numbers(std::string_view text, std::string_view letter, std::size_t least,
                 std::size_t most) {
  if (take_word(text) != letter) return false;
  std::size_t count = 0;
  for (std::string_view word = take_word(text); !word.empty(); word = take_word(text)) {
    if (++count > most || !number_of(word, 16)) return false;
  }
  return count >= least;
}

}  // namespace

bool begins_heaptrack(std::span<const std::byte> head) {
  return has_numbers(first_line(head), "v", 1, 2);
}

void HeaptrackReader::feed(std::span<const std::byte> bytes) {
  lines_.feed(bytes, [this](const Line& line) { parse(line); });
}

void HeaptrackReader::parse(const Line& line) {
  lives_.set_place(line.offset);
  if (in_command_line_) {
    in_command_line_ = !has_numbers(line.text, "I", 2, 2);
    return;
  }
  std::string_view words = line.text;
  const std::string_view letter = take_word(words);
  if (letter.empty() || letter.front() == '#') return;
  if (letter.size() != 1) return lives_.note_malformed();
  switch (letter.front()) {
    case '+':
      return parse_alloc(words);
    case '-':
      return parse_dealloc(words);
    case 'a':
      return parse_requests(words);
    case 'i':
    case 't':
      return note_code_address(words);
    case 'X':
      in_command_line_ = true;
      return;
    case 'A':
      was_attached_ = true;
      return;
    case 'v':  // version
    case 'x':  // the program's file
    case 'I':  // pages of the machine
    case 'm':  // files in memory
    case 's':  // strings
    case 'S':  // suppressions
    case 'c':  // time
    case 'R':  // pages in use
      return;
    default:
      return lives_.note_unknown_operation();
  }
}

/// "SIZE CALLER ADDRESS" or "INDEX".
void HeaptrackReader::parse_alloc(std::string_view words) {
  const auto first = take_number(words);
  if (first && take_word(words).empty()) {
    if (kind_ == Kind::kRaw || *first >= requests_.size()) return lives_.note_malformed();
    kind_ = Kind::kInterpreted;
    Requests& requests = requests_[*first];
    requests.live.push_back(next_id_);
    return lives_.alloc(next_id_++, requests.size);
  }
  const auto address = take_number(words);
  if (!first || !address || kind_ == Kind::kInterpreted || !take_word(words).empty()) {
    return lives_.note_malformed();
  }
  kind_ = Kind::kRaw;
  lives_.note_address(*address);
  lives_.alloc(*address, *first);
}

/// "ADDRESS" or "INDEX".
void HeaptrackReader::parse_dealloc(std::string_view words) {
  const auto number = take_number(words);
  if (!number || !take_word(words).empty()) return lives_.note_malformed();
  if (kind_ != Kind::kInterpreted) {
    lives_.dealloc(*number);
    return;
  }
  if (*number >= requests_.size()) return lives_.note_malformed();
  std::vector<ImportedLives::Id>& live = requests_[*number].live;
  if (live.empty()) {
    lives_.dealloc(next_id_);  // nothing has this ID
    return;
  }
  lives_.dealloc(live.back());
  live.pop_back();
}

/// "SIZE CALLER"
void HeaptrackReader::parse_requests(std::string_view words) {
  const auto size = take_number(words);
  const auto caller = take_number(words);
  if (!size || !caller || kind_ == Kind::kRaw || !take_word(words).empty()) {
    return lives_.note_malformed();
  }
  kind_ = Kind::kInterpreted;
  requests_.push_back({*size, {}});
}

/// "ADDRESS MODULE..." of an interpreted file, "ADDRESS CALLER" of a raw one; "INDEX CALLER" of the
/// former is a small number and does no harm.
void HeaptrackReader::note_code_address(std::string_view words) {
  if (const auto address = take_number(words)) lives_.note_address(*address);
}

void HeaptrackReader::finish(bool is_cut) {
  ended_in_order_ = !is_cut && lines_.kept_line().text.empty();
  lives_.flush();
}

Summary HeaptrackReader::summary() const {
  Summary summary = lives_.summary();
  summary.format = kind_ == Kind::kRaw ? FileFormat::kHeaptrackRaw : FileFormat::kHeaptrack;
  summary.began_midway = summary.began_midway || was_attached_;
  summary.ended_in_order = ended_in_order_;
  return summary;
}

}  // namespace drone::heaptrace
