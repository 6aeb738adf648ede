// SPDX-License-Identifier: MIT
#include "support/text_diff.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace drone {
namespace {

constexpr std::size_t kContext = 3;
/// Beyond so many pairs of lines, what is common in the differing part is not looked for.
constexpr std::size_t kMostPairs = std::size_t{1} << 24;

using Lines = std::span<const std::string_view>;

/// Each with its end.
std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return lines;
}

class Writer {
 public:
  explicit Writer(bool color) : color_(color) {}

  void heading(const std::string& line) { add(line, "\x1b[1m"); }
  void place(const std::string& line) { add(line, "\x1b[36m"); }
  void same(Lines lines) { add(' ', lines, ""); }
  void removed(Lines lines) { add('-', lines, "\x1b[31m"); }
  void added(Lines lines) { add('+', lines, "\x1b[32m"); }
  std::string text() { return std::move(text_); }

 private:
  void add(std::string_view line, std::string_view color) {
    const bool is_colored = color_ && !color.empty();
    if (is_colored) text_ += color;
    text_ += line;
    if (is_colored) text_ += "\x1b[0m";
    text_ += '\n';
  }
  void add(char mark, Lines lines, std::string_view color) {
    for (std::string_view line : lines) {
      const bool is_ended = line.ends_with('\n');
      if (is_ended) line.remove_suffix(1);
      add(mark + std::string(line), color);
      if (!is_ended) text_ += "\\ No newline at end of file\n";
    }
  }

  bool color_;
  std::string text_;
};

/// Writes what differs, by the longest common subsequence of lines.
void write_changes(Writer& writer, Lines before, Lines after) {
  const std::size_t n = before.size();
  const std::size_t m = after.size();
  if (n * m > kMostPairs) {
    writer.removed(before);
    writer.added(after);
    return;
  }
  // [i * (m + 1) + j]: of before from i on and after from j on.
  std::vector<std::uint32_t> longest((n + 1) * (m + 1));
  for (std::size_t i = n; i-- != 0;) {
    for (std::size_t j = m; j-- != 0;) {
      std::uint32_t& here = longest[i * (m + 1) + j];
      here = before[i] == after[j]
                 ? longest[(i + 1) * (m + 1) + j + 1] + 1
                 : std::max(longest[(i + 1) * (m + 1) + j], longest[i * (m + 1) + j + 1]);
    }
  }
  std::size_t i = 0;
  std::size_t j = 0;
  while (i != n || j != m) {
    const std::size_t first_i = i;
    const std::size_t first_j = j;
    while (i != n && j != m && before[i] == after[j]) ++i, ++j;
    writer.same(before.subspan(first_i, i - first_i));
    const std::size_t changed_i = i;
    const std::size_t changed_j = first_j + (i - first_i);
    j = changed_j;
    while ((i != n || j != m) && !(i != n && j != m && before[i] == after[j])) {
      if (j == m || (i != n && longest[(i + 1) * (m + 1) + j] >= longest[i * (m + 1) + j + 1])) {
        ++i;
      } else {
        ++j;
      }
    }
    writer.removed(before.subspan(changed_i, i - changed_i));
    writer.added(after.subspan(changed_j, j - changed_j));
  }
}

/// "12,3": where a part begins and how many lines it has.
std::string part(std::size_t first, std::size_t count) {
  return std::to_string(count == 0 ? first : first + 1) + ',' + std::to_string(count);
}

}  // namespace

std::string unified_diff(std::string_view before_text, std::string_view after_text,
                         std::string_view name, bool color) {
  if (before_text == after_text) return {};
  const std::vector<std::string_view> before_lines = lines_of(before_text);
  const std::vector<std::string_view> after_lines = lines_of(after_text);
  const Lines before = before_lines;
  const Lines after = after_lines;
  const auto [before_end, after_end] =
      std::mismatch(before.begin(), before.end(), after.begin(), after.end());
  const auto head = static_cast<std::size_t>(before_end - before.begin());
  std::size_t tail = 0;
  while (tail < std::min(before.size(), after.size()) - head &&
         before[before.size() - 1 - tail] == after[after.size() - 1 - tail]) {
    ++tail;
  }
  const std::size_t first = head - std::min(head, kContext);
  const std::size_t below = std::min(tail, kContext);

  Writer writer(color);
  writer.heading("--- " + std::string(name));
  writer.heading("+++ " + std::string(name));
  writer.place("@@ -" + part(first, before.size() - tail + below - first) + " +" +
               part(first, after.size() - tail + below - first) + " @@");
  writer.same(before.subspan(first, head - first));
  write_changes(writer, before.subspan(head, before.size() - tail - head),
                after.subspan(head, after.size() - tail - head));
  writer.same(before.subspan(before.size() - tail, below));
  return writer.text();
}

}  // namespace drone
