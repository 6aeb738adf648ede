// SPDX-License-Identifier: MIT
#include "cli/write_layout.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <optional>
#include <ostream>
#include <string>
#include <system_error>

#include "cli/color.hpp"
#include "project/edit_layout.hpp"
#include "support/byte_stream.hpp"
#include "support/error.hpp"
#include "support/text_diff.hpp"

namespace drone::cli {
namespace {

/// Others may have written it while the layout was searched, or while the difference was looked at.
void check_unchanged(const HeapInput& input, const std::filesystem::path& path) {
  if (read_file(path) == input.manifest_text) return;
  throw Error(ExitStatus::kInput,
              std::string(project::kManifestName) +
                  " was changed by something else in the meantime: it is left as it is now",
              "run it again: the layout follows from what stood in the file before");
}

/// A file is replaced whole, so its other names would keep the old text.
void check_links(const std::filesystem::path& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0 || found.st_nlink == 1) return;
  throw Error(ExitStatus::kInput,
              std::string(project::kManifestName) + " has " + std::to_string(found.st_nlink) +
                  " names (hard links), of which only this one would be written",
              "make it a file of its own (cp Drone.toml copy && mv copy Drone.toml), or a symbolic "
              "link, through which is written");
}

/// A link stays a link: what it leads to is replaced.
std::filesystem::path path_of(const HeapInput& input) {
  std::error_code failure;
  std::filesystem::path path = std::filesystem::canonical(*input.manifest, failure);
  return failure ? *input.manifest : path;
}

}  // namespace

void check_writable(const HeapInput& input) {
  if (!input.manifest) {
    throw Error(
        ExitStatus::kInput, "there is no Drone.toml to write the layout into",
        "run it in a project, or keep what it prints: drone heap generate --pools 5 > heap.toml");
  }
  const std::filesystem::path path = path_of(input);
  check_links(path);
  check_file_is_writable(path);
}

void write_layout(const HeapInput& input, std::span<const heap::PoolSpec> pools, bool with_size,
                  std::uint32_t size, Environment& environment) {
  check_writable(input);
  const std::filesystem::path path = path_of(input);
  const std::string shown(project::kManifestName);
  const std::string section = "[" + project::section_name(input.section) + "]";

  const std::string& before = input.manifest_text;
  const std::string after =
      project::with_layout(before, shown, input.section.name, pools,
                           with_size ? std::optional<std::uint32_t>(size) : std::nullopt);
  environment.out << std::flush;
  check_unchanged(input, path);
  if (after == before) {
    environment.err << shown << ": " << section << " has this layout already\n";
    return;
  }
  environment.err << '\n' << unified_diff(before, after, shown, colors_errors(environment));
  environment.err << std::flush;
  check_unchanged(input, path);
  write_file(path, after);
  environment.err << shown << ": " << section << " written\n";
}

}  // namespace drone::cli
