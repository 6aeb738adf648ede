// SPDX-License-Identifier: MIT
#pragma once

// Makes a firmware project: all of it, or nothing.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "project/devices.hpp"
#include "project/manifest.hpp"

namespace drone::project {

struct NewProject {
  std::filesystem::path folder;  ///< absolute; to be created, or an empty folder
  Device device;                 ///< memory sizes as wanted, which need not be the device's own
  ProbeInterface probe = ProbeInterface::kEmulator;
};

struct MadeProject {
  std::string name;                          ///< of the program: NAME.elf
  std::vector<std::filesystem::path> files;  ///< relative to the folder, sorted
  Manifest manifest;                         ///< its Drone.toml
};

/// What a project in a folder of that name calls its program: letters, digits, _ and -, anything
/// else becoming _; not beginning with a digit or -.
std::string project_name(std::string_view folder_name);

/// A heap for a program that nothing is known of yet: the bytes shared out evenly to blocks of 8,
/// 16, 32 ... 512 bytes.
HeapSection default_heap(std::uint32_t ram_size);

/// Instantiates `templates`/project. Folders above are created as needed. When anything fails,
/// whatever was created is removed again. Throws Error (kInput): the folder exists and is not
/// empty, or cannot be written; Error (kUsage): the device's memory cannot serve a project, or the
/// folder's path has a character that cannot be built with.
MadeProject make_project(const NewProject& project, const std::filesystem::path& templates);

}  // namespace drone::project
