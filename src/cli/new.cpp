// SPDX-License-Identifier: MIT
#include "cli/new.hpp"

#include <algorithm>
#include <ostream>
#include <string_view>
#include <vector>

#include "project/devices.hpp"
#include "project/manifest.hpp"
#include "project/nearest.hpp"
#include "project/new_project.hpp"
#include "project/templates.hpp"
#include "support/error.hpp"

namespace drone::cli {
namespace {

project::Device named_device(const std::string& name) {
  const project::Device* device = project::find_device(name);
  if (device == nullptr) {
    throw Error(ExitStatus::kUsage, "unknown device '" + name + '\'',
                project::unknown_device_hint(name));
  }
  return *device;
}

const project::ProbeInterfaceInfo& named_probe(const std::string& name) {
  std::vector<std::string_view> names;
  for (const project::ProbeInterfaceInfo& info : project::probe_interfaces()) {
    if (info.name == name) return info;
    names.push_back(info.name);
  }
  throw Error(ExitStatus::kUsage, "unknown probe '" + name + '\'',
              project::did_you_mean(name, names, "one of: " + project::join(names)));
}

/// A path as the shell reads it back, and `cd` takes it for no option.
std::string quoted_for_shell(const std::string& path) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./+,:@%";
  std::string text = path.starts_with('-') ? "./" + path : path;
  // Bytes of other letters, in UTF-8, mean nothing to a shell.
  const bool is_plain = std::all_of(text.begin(), text.end(), [&](char c) {
    return kPlain.find(c) != std::string_view::npos || static_cast<unsigned char>(c) >= 0x80;
  });
  if (is_plain) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + '\'';
}

}  // namespace

ExitStatus run_new(const NewOptions& options, Environment& environment) {
  if (options.path.empty()) {
    throw Error(ExitStatus::kUsage, "the project's folder has no name", "drone new node, or .");
  }
  project::NewProject wanted;
  wanted.folder = environment.directory / options.path;
  wanted.device = named_device(options.device);
  if (options.flash_size) wanted.device.flash_size = project::parse_size(*options.flash_size);
  if (options.ram_size) wanted.device.ram_size = project::parse_size(*options.ram_size);
  const project::ProbeInterfaceInfo& probe = named_probe(options.probe);
  wanted.probe = probe.interface;

  const project::MadeProject made = project::make_project(wanted, project::installed_templates());

  std::ostream& err = environment.err;
  err << "made " << options.path.string() << ": " << made.files.size() << " files for "
      << made.manifest.device << " (" << made.manifest.core << ", "
      << project::format_size(wanted.device.flash_size) << " flash, "
      << project::format_size(wanted.device.ram_size) << " RAM), heap of "
      << project::format_size(made.manifest.heap.size) << " in " << made.manifest.heap.pools.size()
      << " pools\n";
  if (!probe.available) {
    err << "note: this version of drone cannot use the probe '" << probe.name
        << "' yet; \"emulator\" in Drone.toml runs the program without a board\n";
  }
  err << "\nNext:\n";
  if (options.path.lexically_normal() != ".")
    err << "  cd " << quoted_for_shell(options.path.string()) << '\n';
  err << "  just flash                        build it, write it into the target's flash\n"
         "  just itm                          show what it logs; Ctrl-C ends it\n"
         "  just features=heaptrace flash     the same program, reporting its heap operations\n"
         "  just heaptrace                    record them; Ctrl-C ends it\n"
         "  drone heap                        show what it asks of its heap\n";
  return ExitStatus::kDone;
}

}  // namespace drone::cli
