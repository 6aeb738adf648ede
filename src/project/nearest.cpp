// SPDX-License-Identifier: MIT
#include "project/nearest.hpp"

#include <algorithm>
#include <utility>

namespace drone::project {
namespace {

// What a user mistypes is short; anything longer is not a misspelling of a known name.
constexpr std::size_t kLongestName = 64;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same(char a, char b) { return lower(a) == lower(b); }

bool starts_with(std::string_view text, std::string_view beginning) {
  return text.size() >= beginning.size() &&
         std::equal(beginning.begin(), beginning.end(), text.begin(), same);
}

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
  // Rows of the table for a's prefixes of i - 2, i - 1 and i characters, over all prefixes of b.
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> above(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = above[j - 1] + (same(a[i - 1], b[j - 1]) ? 0 : 1);
      row[j] = std::min({replaced, above[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1])) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    std::swap(before, above);
    std::swap(above, row);
  }
  return above[b.size()];
}

std::vector<std::string_view> nearest(std::string_view name,
                                      std::span<const std::string_view> known, std::size_t limit) {
  if (name.empty() || name.size() > kLongestName) return {};
  // 0 for a name that was cut short, or has something added; else one more than the edit distance.
  std::vector<std::pair<std::size_t, std::string_view>> ranked;
  const std::size_t tolerated = std::max<std::size_t>(1, name.size() / 3);
  std::size_t best = tolerated + 1;
  for (const std::string_view candidate : known) {
    const bool continues =
        name.size() >= 3 && (starts_with(candidate, name) || starts_with(name, candidate));
    const std::size_t rank = continues ? 0 : edit_distance(name, candidate) + 1;
    best = std::min(best, rank);
    ranked.emplace_back(rank, candidate);
  }
  std::vector<std::string_view> names;
  for (const auto& [rank, candidate] : ranked) {
    if (rank == best && names.size() != limit) names.push_back(candidate);
  }
  return names;
}

std::string did_you_mean(std::string_view name, std::span<const std::string_view> known,
                         std::string fallback) {
  const std::vector<std::string_view> names = nearest(name, known, 3);
  if (names.empty()) return fallback;
  std::string text = "did you mean ";
  for (std::size_t i = 0; i != names.size(); ++i) {
    if (i != 0) text += i + 1 == names.size() ? " or " : ", ";
    text.append("\"").append(names[i]).append("\"");
  }
  return text + '?';
}

std::string join(std::span<const std::string_view> names) {
  std::string text;
  for (const std::string_view name : names) {
    if (!text.empty()) text += ", ";
    text += name;
  }
  return text;
}

}  // namespace drone::project
