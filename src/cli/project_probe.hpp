// SPDX-License-Identifier: MIT
#pragma once

// The probe of the project that a command runs in.

#include <filesystem>
#include <memory>

#include "probe/probe.hpp"
#include "project/manifest.hpp"

namespace drone::cli {

/// Drone.toml of the project that `directory` is in. Throws Error (kInput) outside of projects.
project::Manifest require_manifest(const std::filesystem::path& directory);

/// The probe that `manifest` names. `max_speed` is for an emulated board.
std::unique_ptr<probe::Probe> open_project_probe(const project::Manifest& manifest,
                                                 bool max_speed = false);

}  // namespace drone::cli
