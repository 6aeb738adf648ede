// SPDX-License-Identifier: MIT
// toml++ 3.3 meets some malformed text (a line "[.") with an assertion, and in an optimised build
// with an assumption that the compiler may rely on. In this file, its only user, both are checks.
#undef NDEBUG
namespace {
struct MalformedToml {};
}  // namespace
#define TOML_ASSERT(expr)               \
  do {                                  \
    if (!(expr)) throw MalformedToml(); \
  } while (false)
#include "project/section.hpp"

#pragma GCC diagnostic push
#if defined(__GNUC__) && !defined(__clang__)
// Assertions about the tree, in functions that are noexcept, end the program as assertions do;
// those about the text, in the parser, can be caught.
#pragma GCC diagnostic ignored "-Wterminate"
#endif
#include <toml++/toml.h>
#pragma GCC diagnostic pop

#include <algorithm>
#include <limits>
#include <utility>

#include "project/manifest.hpp"
#include "project/nearest.hpp"
#include "support/error.hpp"

namespace drone::project {
namespace {

const toml::node& toml_node(const void* raw) { return *static_cast<const toml::node*>(raw); }

Place place_of(const toml::source_region& where) { return {where.begin.line, where.begin.column}; }

std::string type_name(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "text";
    case toml::node_type::integer:
      return "a whole number";
    case toml::node_type::floating_point:
      return "a number with a fraction";
    case toml::node_type::boolean:
      return "true or false";
    default:
      return "a date or time";
  }
}

bool is_malformed(std::string_view text) {
  try {
    static_cast<void>(toml::parse(text));
  } catch (const MalformedToml&) {
    return true;
  } catch (const toml::parse_error&) {
  }
  return false;
}

/// The number of the line with which a text becomes malformed. Text is read from front to back, so
/// whatever contains that line is malformed, and what ends before it is not.
std::size_t malformed_line(std::string_view text) {
  std::vector<std::size_t> ends;
  for (std::size_t at = text.find('\n'); at != std::string_view::npos;
       at = text.find('\n', at + 1)) {
    ends.push_back(at + 1);
  }
  const auto first = std::partition_point(ends.begin(), ends.end(), [&](std::size_t end) {
    return !is_malformed(text.substr(0, end));
  });
  return static_cast<std::size_t>(first - ends.begin()) + 1;
}

/// What to do about a mistake that the TOML library describes so.
std::string syntax_hint(std::string_view description) {
  const auto says = [&](std::string_view words) {
    return description.find(words) != std::string_view::npos;
  };
  if (says("redefine") || says("already")) return "a key or table stands in its place once only";
  if (says("not representable")) return "the largest number is 4294967295";
  if (says("UTF-8") || says("utf-8")) return "save the file as UTF-8";
  return "tables begin with a line [name], values are written key = value, text stands in double "
         "quotes";
}

/// UTF-16, by its byte order mark or by the zeros that ASCII text has in it.
bool is_utf16(std::string_view text) {
  return text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff") ||
         (text.size() >= 2 && (text[0] == '\0') != (text[1] == '\0'));
}

toml::table parse_toml(std::string_view text, const std::string& file) {
  if (is_utf16(text)) {
    throw Error(ExitStatus::kInput, file + ":1:1: this is UTF-16", "save the file as UTF-8");
  }
  try {
    return toml::parse(text, file);
  } catch (const toml::parse_error& error) {
    const toml::source_position at = error.source().begin;
    throw Error(ExitStatus::kInput,
                file + ':' + std::to_string(at.line) + ':' + std::to_string(at.column) + ": " +
                    std::string(error.description()),
                syntax_hint(error.description()));
  } catch (const MalformedToml&) {
    throw Error(ExitStatus::kInput,
                file + ':' + std::to_string(malformed_line(text)) + ":1: malformed line",
                syntax_hint({}));
  }
}

}  // namespace

std::string in_quotes(std::string_view text) { return '"' + std::string(text) + '"'; }

Place Node::place() const { return place_of(toml_node(raw_).source()); }

bool Node::is_table() const { return toml_node(raw_).is_table(); }

Section::Section(Node table, std::string name, std::string file,
                 std::span<const std::string_view> known)
    : table_(table), name_(std::move(name)), file_(std::move(file)) {
  if (known.empty()) return;
  for (const Entry& entry : entries()) {
    if (std::find(known.begin(), known.end(), entry.key) == known.end()) {
      fail_unknown(entry, known);
    }
  }
}

std::vector<Section::Entry> Section::entries() const {
  std::vector<Entry> entries;
  for (const auto& [key, node] : *toml_node(table_.raw_).as_table()) {
    entries.push_back({std::string(key.str()), place_of(key.source()), Node(&node)});
  }
  return entries;
}

void Section::fail(Place where, const std::string& message, std::string hint) const {
  throw Error(ExitStatus::kInput,
              file_ + ':' + std::to_string(where.line) + ':' + std::to_string(where.column) + ": " +
                  message,
              std::move(hint));
}

void Section::fail_missing(std::string_view key, std::string hint) const {
  // The root table has no place of its own.
  Place where = place();
  if (where.line == 0) where = {1, 1};
  fail(where, in_quotes(key) + " is missing" + in(), std::move(hint));
}

void Section::fail_unknown(const Entry& entry, std::span<const std::string_view> known) const {
  fail(entry.place, "unknown key " + in_quotes(entry.key) + in(),
       did_you_mean(entry.key, known, "known here: " + join(known)));
}

void Section::fail_type(Node node, std::string_view key, std::string_view wanted,
                        std::string hint) const {
  fail(node,
       in_quotes(key) + in() + " must be " + std::string(wanted) + ", not " +
           type_name(toml_node(node.raw_)),
       std::move(hint));
}

std::optional<Node> Section::find(std::string_view key) const {
  const toml::node* const node = toml_node(table_.raw_).as_table()->get(key);
  if (node == nullptr) return std::nullopt;
  return Node(node);
}

Node Section::require(std::string_view key, std::string hint) const {
  const std::optional<Node> node = find(key);
  if (!node) fail_missing(key, std::move(hint));
  return *node;
}

std::uint32_t Section::bytes(Node node, std::string_view key, std::string_view range) const {
  if (const auto* text = toml_node(node.raw_).as_string()) {
    try {
      return parse_size(text->get());
    } catch (const Error& error) {
      fail(node, in_quotes(key) + ": " + error.message(), error.hint());
    }
  }
  return whole(node, key, "a size", "bytes, as a number or as text: 10240, \"10K\"", range);
}

std::uint32_t Section::integer(Node node, std::string_view key, std::string_view example,
                               std::string_view range) const {
  return whole(node, key, "a whole number",
               "digits without quotes: " + std::string(key) + " = " + std::string(example), range);
}

std::string Section::text(Node node, std::string_view key, const std::string& hint) const {
  const auto* text = toml_node(node.raw_).as_string();
  if (text == nullptr) fail_type(node, key, "text in double quotes", hint);
  return text->get();
}

bool Section::boolean(Node node, std::string_view key) const {
  const auto* value = toml_node(node.raw_).as_boolean();
  if (value == nullptr)
    fail_type(node, key, "true or false", "without quotes: " + std::string(key) + " = true");
  return value->get();
}

std::vector<Node> Section::list(Node node, std::string_view key, std::string_view wanted,
                                const std::string& hint) const {
  const auto* array = toml_node(node.raw_).as_array();
  if (array == nullptr) fail_type(node, key, wanted, hint);
  std::vector<Node> nodes;
  for (const toml::node& each : *array) nodes.push_back(Node(&each));
  return nodes;
}

Section Section::section(std::string_view key, std::span<const std::string_view> known,
                         const std::string& hint) const {
  const Node node = require(key, hint);
  const std::string name = name_.empty() ? std::string(key) : name_ + '.' + std::string(key);
  if (!node.is_table()) fail_type(node, key, "a table", "begin it with a line [" + name + "]");
  return {node, name, file_, known};
}

std::uint32_t Section::whole(Node node, std::string_view key, std::string_view wanted,
                             std::string hint, std::string_view range) const {
  const auto* number = toml_node(node.raw_).as_integer();
  if (number == nullptr) fail_type(node, key, wanted, std::move(hint));
  const std::int64_t value = number->get();
  if (value < 0 || value > std::numeric_limits<std::uint32_t>::max()) {
    fail(node, in_quotes(key) + " is out of range: " + std::to_string(value), std::string(range));
  }
  return static_cast<std::uint32_t>(value);
}

struct TomlFile::Content {
  toml::table table;
};

TomlFile::TomlFile(std::string_view text, std::string file)
    : file_(std::move(file)),
      content_(std::make_unique<Content>(Content{parse_toml(text, file_)})) {}

TomlFile::~TomlFile() = default;

Section TomlFile::root(std::span<const std::string_view> known) const {
  return {Node(static_cast<const toml::node*>(&content_->table)), {}, file_, known};
}

}  // namespace drone::project
