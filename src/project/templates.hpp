// SPDX-License-Identifier: MIT
#pragma once

// The files that `drone new` makes projects of: a folder of plain text, in which @name@ stands for
// a value. Nothing else in them is special, so what reads like CMake or C++ is just that.

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace drone::project {

/// What @name@ stands for; names are lower-case letters, digits and _.
using TemplateValues = std::map<std::string, std::string, std::less<>>;

/// The templates that came with this program: ../share/drone/templates from its folder, in an
/// installation as in a build tree. Throws Error (kInput) if they are not there.
std::filesystem::path installed_templates();

/// The text with every @name@ replaced, and without its first line if that is a licence line: a
/// project is its owner's. Throws Error (kInput) that names `origin`, the template's file, for a
/// name without a value.
std::string instantiate(std::string_view text, const TemplateValues& values,
                        const std::filesystem::path& origin);

/// Instantiates every file under `templates` to the same relative place under `folder`, which
/// exists. Returns these places, sorted. Throws Error (kInput).
std::vector<std::filesystem::path> instantiate_folder(const std::filesystem::path& templates,
                                                      const TemplateValues& values,
                                                      const std::filesystem::path& folder);

}  // namespace drone::project
