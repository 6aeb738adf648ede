// SPDX-License-Identifier: MIT
#include "cli/project_probe.hpp"

#include "support/error.hpp"

namespace drone::cli {
namespace {

probe::Interface interface_of(const project::Manifest& manifest) {
  switch (manifest.probe.interface) {
    case project::ProbeInterface::kOpenOcd:
      return probe::Interface::kOpenOcd;
    case project::ProbeInterface::kBlackMagic:
      return probe::Interface::kBlackMagic;
    case project::ProbeInterface::kJLink:
      return probe::Interface::kJLink;
    case project::ProbeInterface::kEmulator:
      break;
  }
  return probe::Interface::kEmulator;
}

}  // namespace

project::Manifest require_manifest(const std::filesystem::path& directory) {
  if (const auto path = project::find_manifest(directory)) return project::load_manifest(*path);
  throw Error(ExitStatus::kInput,
              "there is no Drone.toml in '" + directory.string() + "' or a folder above it",
              "run this inside a project; `drone new` makes one");
}

std::unique_ptr<probe::Probe> open_project_probe(const project::Manifest& manifest,
                                                 bool max_speed) {
  probe::ProbeSettings settings;
  settings.interface = interface_of(manifest);
  settings.core = manifest.core;
  for (const auto& [name, region] : manifest.memory) {
    settings.memory.push_back({name, region.origin, region.size});
  }
  settings.clock_hz = manifest.itm.clock;
  settings.max_speed = max_speed;
  settings.project = manifest.path.parent_path();
  return probe::open_probe(settings);
}

}  // namespace drone::cli
