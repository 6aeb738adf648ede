// SPDX-License-Identifier: MIT
#include "project/templates.hpp"

#include <algorithm>
#include <system_error>

#include "support/byte_stream.hpp"
#include "support/error.hpp"

namespace drone::project {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kLicenceMark = "SPDX-License-Identifier:";

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/// The name at the beginning of `text` if an @ ends it; empty otherwise.
std::string_view name_at(std::string_view text) {
  const auto end = std::find_if_not(text.begin(), text.end(), is_name_character);
  if (end == text.end() || *end != '@') return {};
  return text.substr(0, static_cast<std::size_t>(end - text.begin()));
}

std::string_view without_licence_line(std::string_view text) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return text;
  return text.substr(0, end).find(kLicenceMark) == std::string_view::npos ? text
                                                                          : text.substr(end + 1);
}

[[noreturn]] void fail(const fs::path& path, std::string_view what, const std::error_code& error) {
  throw Error(ExitStatus::kInput,
              "cannot " + std::string(what) + " '" + path.string() + "': " + error.message());
}

}  // namespace

fs::path installed_templates() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  fs::path templates = (program.parent_path() / "../share/drone/templates").lexically_normal();
  if (error || !fs::is_directory(templates, error)) {
    throw Error(ExitStatus::kInput, "no project templates in '" + templates.string() + '\'',
                "they belong to drone's installation: install it again, with `cmake --install`");
  }
  return templates;
}

std::string instantiate(std::string_view text, const TemplateValues& values,
                        const fs::path& origin) {
  text = without_licence_line(text);
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const std::size_t mark = std::min(text.find('@'), text.size());
    result += text.substr(0, mark);
    text.remove_prefix(mark);
    if (text.empty()) break;
    const std::string_view name = name_at(text.substr(1));
    if (name.empty()) {
      result += '@';
      text.remove_prefix(1);
      continue;
    }
    const auto value = values.find(name);
    if (value == values.end()) {
      throw Error(ExitStatus::kInput,
                  '\'' + origin.string() + "': nothing is known as @" + std::string(name) + '@',
                  "the templates are those of another version of drone: install it again");
    }
    result += value->second;
    text.remove_prefix(name.size() + 2);
  }
  return result;
}

std::vector<fs::path> instantiate_folder(const fs::path& templates, const TemplateValues& values,
                                         const fs::path& folder) {
  std::vector<fs::path> places;
  std::error_code error;
  fs::recursive_directory_iterator entries(templates, error);
  if (error) fail(templates, "read", error);
  for (const fs::recursive_directory_iterator end; entries != end; entries.increment(error)) {
    if (error) fail(templates, "read", error);
    if (entries->is_regular_file()) places.push_back(entries->path().lexically_relative(templates));
  }
  if (error) fail(templates, "read", error);
  std::sort(places.begin(), places.end());
  for (const fs::path& place : places) {
    const fs::path target = folder / place;
    fs::create_directories(target.parent_path(), error);
    if (error) fail(target.parent_path(), "create", error);
    write_file(target, instantiate(read_file(templates / place), values, templates / place));
  }
  return places;
}

}  // namespace drone::project
