// SPDX-License-Identifier: MIT
#include "cli/target.hpp"

#include <ostream>

#include "cli/project_probe.hpp"
#include "support/foreground.hpp"

namespace drone::cli {

ExitStatus run_flash(const FlashOptions& options, Environment& environment) {
  const project::Manifest manifest = require_manifest(environment.directory);
  const auto probe = open_project_probe(manifest);
  const probe::FlashResult result = probe->flash(environment.directory / options.elf);
  environment.err << "flashed " << options.elf.stem().string() << ": " << result.bytes
                  << " bytes of " << project::format_size(manifest.memory.at("flash").size)
                  << " flash" << (result.running ? "; restarted" : "") << '\n';
  return ExitStatus::kDone;
}

ExitStatus run_reset(Environment& environment) {
  const auto probe = open_project_probe(require_manifest(environment.directory));
  if (probe->reset() == probe::ResetResult::kNotRunning) {
    environment.err << "note: " << probe->name()
                    << " is off; `drone itm` and `drone gdb` power it, and it starts from reset\n";
  } else {
    environment.err << "restarted the program on " << probe->name() << '\n';
  }
  return ExitStatus::kDone;
}

ExitStatus run_gdb(const GdbOptions& options, Environment& environment) {
  const auto probe = open_project_probe(require_manifest(environment.directory));
  std::optional<std::filesystem::path> elf = options.elf;
  if (elf) elf = environment.directory / *elf;
  const ForegroundGroup foreground;  // Ctrl-C stops the target, not who started this command
  return static_cast<ExitStatus>(probe->debug(elf, options.reset));
}

}  // namespace drone::cli
