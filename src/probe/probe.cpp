// SPDX-License-Identifier: MIT
#include "probe/probe.hpp"

#include "probe/emulated_probe.hpp"
#include "support/error.hpp"

namespace drone::probe {
namespace {

[[noreturn]] void refuse(const std::string& name) {
  throw Error(ExitStatus::kProbe, "this version of drone cannot use " + name + " as a probe yet",
              "set interface = \"emulator\" in the [probe] section of Drone.toml; a stream that "
              "another tool records can be read with `drone itm --from file:PATH` or `--from -`");
}

}  // namespace

std::unique_ptr<Probe> open_probe(const ProbeSettings& settings) {
  switch (settings.interface) {
    case Interface::kEmulator:
      return std::make_unique<EmulatedProbe>(settings);
    case Interface::kOpenOcd:
      refuse("OpenOCD");
    case Interface::kBlackMagic:
      refuse("a Black Magic Probe");
    case Interface::kJLink:
      refuse("a J-Link");
  }
  refuse("this interface");
}

}  // namespace drone::probe
