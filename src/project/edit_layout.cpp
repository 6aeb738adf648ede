// SPDX-License-Identifier: MIT
#include "project/edit_layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <utility>
#include <vector>

#include "project/manifest.hpp"
#include "project/section.hpp"
#include "support/error.hpp"

namespace drone::project {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::size_t kLineLength = 100;
constexpr std::string_view kBlanks = " \t";

/// Bytes of a text.
struct Range {
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// The byte at a place: columns are characters.
std::size_t offset_of(std::string_view text, Place place) {
  std::size_t at = text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
  for (std::uint32_t line = 1; line != place.line; ++line) at = text.find('\n', at) + 1;
  for (std::uint32_t column = 1; column != place.column; ++column) {
    do {
      ++at;
    } while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80);
  }
  return std::min(at, text.size());
}

Range range_of(std::string_view text, Node node) {
  const Extent extent = node.extent();
  return {offset_of(text, extent.begin), offset_of(text, extent.end)};
}

std::string_view slice(std::string_view text, Range range) {
  return text.substr(range.begin, range.end - range.begin);
}

struct Edit {
  Range range;
  std::string text;
};

/// A pool as it is written.
struct WrittenPool {
  heap::PoolSpec spec;
  Range range;                        ///< { ... }
  Range capacity;                     ///< the value
  std::string comment;                ///< behind it, with the blanks before it
  std::vector<std::string> comments;  ///< on lines of their own, before it
};

/// An array of pools as it is written.
struct WrittenPools {
  Range range;  ///< [ ... ]
  std::vector<WrittenPool> pools;
  std::vector<std::string> last_comments;  ///< on lines of their own, behind the last pool
  std::string opening_comment;             ///< behind the bracket, with the blanks before it
};

/// Splits what stands between two pools: what follows the one on its line, and the comments on
/// lines of their own.
void read_comments(std::string_view between, std::string& behind,
                   std::vector<std::string>& own_lines) {
  bool is_first_line = true;
  while (!between.empty()) {
    const std::size_t end = between.find('\n');
    std::string_view line = between.substr(0, end);
    between.remove_prefix(end == std::string_view::npos ? between.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    const std::size_t comment = line.find('#');
    if (comment != std::string_view::npos) {
      if (is_first_line) {
        const std::size_t blanks = line.find_last_not_of(kBlanks, comment - 1);
        const std::size_t begin = comment == 0 || blanks == std::string_view::npos ? 0 : blanks + 1;
        behind = std::string(line.substr(begin));
      } else {
        own_lines.emplace_back(line.substr(comment));
      }
    }
    is_first_line = false;
  }
}

WrittenPools read_written(std::string_view text, const Section& heap,
                          std::span<const heap::PoolSpec> specs) {
  const Node node = heap.require("pools", {});
  WrittenPools written;
  written.range = range_of(text, node);
  const std::vector<Node> nodes = heap.list(node, "pools", "a list of pools", {});
  for (std::size_t i = 0; i != nodes.size(); ++i) {
    if (!nodes[i].is_inline_table()) {
      heap.fail(nodes[i], "these pools are written as [[" + heap.name() + ".pools]]",
                "only pools written as pools = [{ block = \"32\", capacity = 10 }] can be replaced "
                "in place: write them so, or paste what `drone heap generate` prints");
    }
    const Section pool(nodes[i], heap.name() + ".pools", heap.file());
    written.pools.push_back(
        {specs[i], range_of(text, nodes[i]), range_of(text, pool.require("capacity", {})), {}, {}});
  }
  // What is not where the parser says is not to be cut.
  const auto is_whole = [text](Range range, char open, char close) {
    return range.begin < range.end && range.end <= text.size() && text[range.begin] == open &&
           text[range.end - 1] == close;
  };
  bool is_sound = is_whole(written.range, '[', ']');
  std::size_t at = written.range.begin + 1;
  for (const WrittenPool& pool : written.pools) {
    is_sound = is_sound && is_whole(pool.range, '{', '}') && at <= pool.range.begin &&
               pool.range.end <= written.range.end;
    at = pool.range.end;
  }
  if (!is_sound) throw std::logic_error("the pools' place in the file is not known");

  std::string* behind = &written.opening_comment;
  at = written.range.begin + 1;
  for (WrittenPool& pool : written.pools) {
    read_comments(slice(text, {at, pool.range.begin}), *behind, pool.comments);
    behind = &pool.comment;
    at = pool.range.end;
  }
  read_comments(slice(text, {at, written.range.end - 1}), *behind, written.last_comments);
  return written;
}

/// What stands before a place on its line, if that is blanks only.
std::string indent_at(std::string_view text, std::size_t at) {
  const std::size_t begin = at == 0 ? 0 : text.rfind('\n', at - 1) + 1;
  const std::string_view before = text.substr(begin, at - begin);
  return std::string(before.substr(0, before.find_first_not_of(kBlanks)));
}

std::string pool_text(std::string_view text, const WrittenPools& written, bool is_quoted,
                      const heap::PoolSpec& pool) {
  for (const WrittenPool& old : written.pools) {
    if (old.spec.block_size != pool.block_size) continue;
    if (old.spec.capacity == pool.capacity) return std::string(slice(text, old.range));
    return std::string(slice(text, {old.range.begin, old.capacity.begin})) +
           std::to_string(pool.capacity) +
           std::string(slice(text, {old.capacity.end, old.range.end}));
  }
  const std::string_view quote = is_quoted ? "\"" : "";
  return fmt::format("{{ block = {}{}{}, capacity = {} }}", quote, pool.block_size, quote,
                     pool.capacity);
}

std::string in_one_line(const std::vector<std::string>& pools, std::string_view old) {
  const bool is_spaced = old.size() > 2 && old[1] == ' ';
  std::string line = is_spaced ? "[ " : "[";
  for (const std::string& pool : pools) line += (&pool == &pools.front() ? "" : ", ") + pool;
  return line + (is_spaced ? " ]" : "]");
}

/// The array with other pools in it.
std::string array_text(std::string_view text, const WrittenPools& written, bool is_quoted,
                       bool must_stay_one_line, std::span<const heap::PoolSpec> pools) {
  std::vector<std::string> texts;
  texts.reserve(pools.size());
  for (const heap::PoolSpec& pool : pools) {
    texts.push_back(pool_text(text, written, is_quoted, pool));
  }
  const std::string_view old = slice(text, written.range);
  const bool is_one_line = old.find('\n') == std::string_view::npos;
  if (is_one_line) {
    std::string line = in_one_line(texts, old);
    const std::size_t begin =
        written.range.begin == 0 ? 0 : text.rfind('\n', written.range.begin - 1) + 1;
    if (must_stay_one_line || written.range.begin - begin + line.size() <= kLineLength) return line;
  }

  const std::string_view newline = text.find("\r\n") == std::string_view::npos ? "\n" : "\r\n";
  const std::string outer = indent_at(text, written.range.begin);
  std::string inner = outer + "    ";
  if (!is_one_line) {
    const std::size_t first = written.pools.front().range.begin;
    const std::string indent = indent_at(text, first);
    if (text.substr(0, first).ends_with("\n" + indent)) inner = indent;
  }
  std::string result = "[" + written.opening_comment;
  result += newline;
  const auto add_comments = [&](const std::vector<std::string>& comments) {
    for (const std::string& comment : comments) result.append(inner).append(comment) += newline;
  };
  std::size_t next_old = 0;
  for (std::size_t i = 0; i != pools.size(); ++i) {
    std::string comment;
    for (; next_old != written.pools.size(); ++next_old) {
      const WrittenPool& pool = written.pools[next_old];
      if (pool.spec.block_size > pools[i].block_size) break;
      add_comments(pool.comments);
      if (pool.spec.block_size == pools[i].block_size) comment = pool.comment;
    }
    result.append(inner).append(texts[i]).append(",").append(comment) += newline;
  }
  for (; next_old != written.pools.size(); ++next_old)
    add_comments(written.pools[next_old].comments);
  add_comments(written.last_comments);
  return result + outer + "]";
}

HeapSection& find_heap(Manifest& manifest, std::string_view name) {
  if (name.empty() && !manifest.heap.pools.empty()) return manifest.heap;
  for (HeapSection& heap : manifest.named_heaps) {
    if (heap.name == name) return heap;
  }
  const std::string section = name.empty() ? "heap" : "heap." + std::string(name);
  throw Error(ExitStatus::kInput,
              manifest.path.string() + ": there is no [" + section + "] to write the layout into",
              "add what `drone heap generate` prints to the file");
}

}  // namespace

std::string with_layout(std::string_view text, const std::filesystem::path& path,
                        std::string_view name, std::span<const heap::PoolSpec> pools,
                        std::optional<std::uint32_t> size) {
  const Manifest before = parse_manifest(text, path, name);
  Manifest wanted = before;
  HeapSection& heap = find_heap(wanted, name);
  const HeapSection old = heap;
  heap.pools.assign(pools.begin(), pools.end());
  heap.size = size.value_or(heap.size);
  if (wanted == before) return std::string(text);

  const TomlFile file(text, path.string());
  const Section main = file.root({}).section("heap", {}, {});
  const Section section = name.empty() ? main : main.section(name, {}, {});
  std::vector<Edit> edits;
  if (heap.pools != old.pools) {
    const WrittenPools written = read_written(text, section, old.pools);
    const Node first = section.list(section.require("pools", {}), "pools", {}, {}).front();
    const bool is_quoted = Section(first, {}, {}).require("block", {}).is_text();
    edits.push_back({written.range, array_text(text, written, is_quoted,
                                               section.is_inline() || main.is_inline(), pools)});
  }
  if (heap.size != old.size) {
    edits.push_back(
        {range_of(text, section.require("size", {})), '"' + format_size(heap.size) + '"'});
  }
  std::sort(edits.begin(), edits.end(),
            [](const Edit& a, const Edit& b) { return a.range.begin > b.range.begin; });
  std::string result(text);
  for (const Edit& edit : edits) {
    result.replace(edit.range.begin, edit.range.end - edit.range.begin, edit.text);
  }
  Manifest after = parse_manifest(result, path);
  if (after != wanted) {
    throw std::logic_error("the layout could not be written in place: please report this");
  }
  return result;
}

}  // namespace drone::project
