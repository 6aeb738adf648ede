// SPDX-License-Identifier: MIT
#include "cli/print.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>
#include <string>

#include "cli/project_probe.hpp"
#include "project/devices.hpp"
#include "project/header.hpp"
#include "project/manifest.hpp"

namespace drone::cli {
namespace {

std::string megahertz(std::uint32_t hz) { return fmt::format("{:g} MHz", hz / 1e6); }

void print_devices(std::ostream& out) {
  std::size_t width = 0;
  for (const project::Device& device : project::devices()) {
    width = std::max(width, device.name.size());
  }
  out << fmt::format("{:<{}}  {:<9}  {:<3}  {:>5}  {:>5}  {:>10}  {}\n", "device", width, "core",
                     "FPU", "flash", "RAM", "clock", "facts from");
  for (const project::Device& device : project::devices()) {
    out << fmt::format(
        "{:<{}}  {:<9}  {:<3}  {:>5}  {:>5}  {:>10}  {}\n", device.name, width, device.core,
        device.fpu ? "yes" : "no", project::format_size(device.flash_size),
        project::format_size(device.ram_size), megahertz(device.core_clock_hz), device.source);
  }
}

void print_probes(std::ostream& out) {
  out << fmt::format("{:<9}  {:<19}  {}\n", "probe", "", "reaches");
  for (const project::ProbeInterfaceInfo& probe : project::probe_interfaces()) {
    out << fmt::format("{:<9}  {:<19}  {}\n", probe.name,
                       probe.available ? "works" : "not in this version", probe.description);
  }
}

}  // namespace

ExitStatus run_print(Printable what, Environment& environment) {
  switch (what) {
    case Printable::kDevices:
      print_devices(environment.out);
      break;
    case Printable::kProbes:
      print_probes(environment.out);
      break;
    case Printable::kHeader:
      environment.out << project::header_text(require_manifest(environment.directory));
      break;
    case Printable::kMemory:
      environment.out << project::memory_text(require_manifest(environment.directory));
      break;
  }
  return ExitStatus::kDone;
}

}  // namespace drone::cli
