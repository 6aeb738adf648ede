// SPDX-License-Identifier: MIT
#include "cli/write_layout.hpp"

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

void write_layout(const HeapInput& input, std::span<const heap::PoolSpec> pools, bool with_size,
                  std::uint32_t size, Environment& environment) {
  if (!input.manifest) {
    throw Error(ExitStatus::kInput, "there is no Drone.toml to write the layout into",
                "run it in a project, or keep what it prints: drone heap generate > heap.toml");
  }
  // A link stays a link: what it leads to is replaced.
  std::error_code failure;
  std::filesystem::path path = std::filesystem::canonical(*input.manifest, failure);
  if (failure) path = *input.manifest;
  const std::string shown(project::kManifestName);
  const std::string section = "[" + project::section_name(input.section) + "]";

  const std::string before = read_file(path);
  const std::string after =
      project::with_layout(before, shown, input.section.name, pools,
                           with_size ? std::optional<std::uint32_t>(size) : std::nullopt);
  environment.out << std::flush;
  if (after == before) {
    environment.err << shown << ": " << section << " has this layout already\n";
    return;
  }
  environment.err << '\n' << unified_diff(before, after, shown, colors_errors(environment));
  write_file(path, after);
  environment.err << shown << ": " << section << " written\n";
}

}  // namespace drone::cli
