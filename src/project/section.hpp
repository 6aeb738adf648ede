// SPDX-License-Identifier: MIT
#pragma once

// Tables of a TOML file and what is to be read from them. Every mistake is an Error (kInput) with
// file, line, column and what would be right. The TOML library is known to section.cpp alone.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace drone::project {

inline constexpr std::string_view kAnyWhole = "from 0 to 4294967295";
inline constexpr std::string_view kAnySize = "from 1 to 4294967295 bytes";

std::string in_quotes(std::string_view text);

struct Place {
  std::uint32_t line = 1;
  std::uint32_t column = 1;

  friend auto operator<=>(const Place&, const Place&) = default;
};

/// From the first character to the one behind the last.
struct Extent {
  Place begin;
  Place end;
};

/// A value in a file; valid as long as the TomlFile is.
class Node {
 public:
  Place place() const;
  Extent extent() const;  ///< of the value as it is written; not for tables that have a heading
  bool is_table() const;
  bool is_inline_table() const;  ///< { key = value }
  bool is_text() const;

 private:
  friend class Section;
  friend class TomlFile;
  explicit Node(const void* raw) : raw_(raw) {}

  const void* raw_;
};

/// One table: knows the table's place in the file, and which keys it may have. Valid as long as the
/// TomlFile is.
class Section {
 public:
  /// `table` must be one. `name` is as in the file, without brackets; empty for the file as a
  /// whole. Throws if a key is none of `known`, unless that is empty.
  Section(Node table, std::string name, std::string file,
          std::span<const std::string_view> known = {});

  const std::string& name() const { return name_; }
  const std::string& file() const { return file_; }
  Place place() const { return table_.place(); }
  bool is_inline() const { return table_.is_inline_table(); }

  struct Entry {
    std::string key;
    Place place;  ///< of the key
    Node value;
  };
  /// All that the table holds, in the order of the keys.
  std::vector<Entry> entries() const;

  [[noreturn]] void fail(Place where, const std::string& message, std::string hint) const;
  [[noreturn]] void fail(Node where, const std::string& message, std::string hint) const {
    fail(where.place(), message, std::move(hint));
  }
  [[noreturn]] void fail_missing(std::string_view key, std::string hint) const;
  [[noreturn]] void fail_unknown(const Entry& entry, std::span<const std::string_view> known) const;
  [[noreturn]] void fail_type(Node node, std::string_view key, std::string_view wanted,
                              std::string hint) const;

  std::optional<Node> find(std::string_view key) const;
  Node require(std::string_view key, std::string hint) const;

  /// A number of bytes: an integer, or text that parse_size reads.
  /// `range` says what is possible to who goes below 0 or beyond 32 bits.
  std::uint32_t bytes(Node node, std::string_view key, std::string_view range = kAnyWhole) const;

  /// `example` is a value that is possible, `range` as for bytes().
  std::uint32_t integer(Node node, std::string_view key, std::string_view example,
                        std::string_view range) const;

  std::string text(Node node, std::string_view key, const std::string& hint) const;

  bool boolean(Node node, std::string_view key) const;

  /// `wanted` says what the list is of.
  std::vector<Node> list(Node node, std::string_view key, std::string_view wanted,
                         const std::string& hint) const;

  Section section(std::string_view key, std::span<const std::string_view> known,
                  const std::string& hint) const;

 private:
  std::string in() const { return name_.empty() ? std::string() : " in [" + name_ + ']'; }
  std::uint32_t whole(Node node, std::string_view key, std::string_view wanted, std::string hint,
                      std::string_view range) const;

  Node table_;
  std::string name_;
  std::string file_;
};

/// A whole file, parsed.
class TomlFile {
 public:
  /// `file` is used in messages only.
  TomlFile(std::string_view text, std::string file);
  ~TomlFile();
  TomlFile(const TomlFile&) = delete;
  TomlFile& operator=(const TomlFile&) = delete;

  /// The keys outside of all tables, and the tables.
  Section root(std::span<const std::string_view> known) const;

 private:
  struct Content;
  std::string file_;
  std::unique_ptr<Content> content_;
};

}  // namespace drone::project
