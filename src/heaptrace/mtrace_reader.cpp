// SPDX-License-Identifier: MIT
#include "heaptrace/mtrace_reader.hpp"

#include <utility>

namespace drone::heaptrace {
namespace {

/// One line, read.
struct Entry {
  char kind = 0;  ///< + - < > ! or, for "= Start" and "= End", S and E; 0: it is no such line
  std::uint64_t address = 0;
  std::uint64_t size = 0;
};

/// printf's %p, or %#lx, which writes a zero without 0x.
std::optional<std::uint64_t> read_number(std::string_view word) {
  if (word == "(nil)" || word == "0") return 0;
  if (!word.starts_with("0x")) return std::nullopt;
  return number_of(word.substr(2), 16);
}

bool is_kind(std::string_view word, std::string_view kinds) {
  return word.size() == 1 && kinds.find(word.front()) != std::string_view::npos;
}

/// From its end on, for what stands before may be anything.
Entry read_entry(std::string_view text) {
  if (text.starts_with('=')) {
    text.remove_prefix(1);
    const std::string_view word = take_word(text);
    return {word == "Start" ? 'S' : word == "End" ? 'E' : '\0'};
  }
  const auto last = read_number(take_last_word(text));
  if (!last) return {};
  const std::string_view word = take_last_word(text);
  if (is_kind(word, "-<")) return {word.front(), *last, 0};
  const auto address = read_number(word);
  const std::string_view kind = take_last_word(text);
  if (!address || !is_kind(kind, "+>!")) return {};
  return {kind.front(), *address, *last};
}

}  // namespace

bool begins_mtrace(std::span<const std::byte> head) {
  return read_entry(first_line(head)).kind != 0;
}

void MtraceReader::feed(std::span<const std::byte> bytes) {
  lines_.feed(bytes, [this](const Line& line) { parse(line); });
}

void MtraceReader::parse(const Line& line) {
  lives_.set_place(line.offset);
  const Entry entry = read_entry(line.text);
  lives_.note_address(entry.address);
  if (entry.kind == '>' && reallocated_) return end_reallocation(entry.address, entry.size);
  if (reallocated_) {  // the second line of the pair is missing
    lives_.note_malformed();
    reallocated_.reset();
  }
  switch (entry.kind) {
    case '+':
      return entry.address == 0 ? lives_.fail(entry.size) : lives_.alloc(entry.address, entry.size);
    case '-':
      if (entry.address != 0) lives_.dealloc(entry.address);
      return;
    case '<':
      reallocated_ = entry.address;
      return;
    case '!':
      return lives_.fail(entry.size);
    case 'S':
      return lives_.reset();
    case 'E':
      return;
    default:
      return lives_.note_malformed();
  }
}

void MtraceReader::end_reallocation(ImportedLives::Id to, std::uint64_t size) {
  const ImportedLives::Id from = *std::exchange(reallocated_, std::nullopt);
  if (from == to) return lives_.resize(to, size);
  lives_.move(from, to, size);
}

void MtraceReader::finish(bool is_cut) {
  ended_in_order_ = !is_cut && lines_.kept_line().text.empty() && !reallocated_;
  lives_.flush();
}

Summary MtraceReader::summary() const {
  Summary summary = lives_.summary();
  summary.format = FileFormat::kMtrace;
  summary.ended_in_order = ended_in_order_;
  return summary;
}

}  // namespace drone::heaptrace
