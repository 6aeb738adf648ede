// SPDX-License-Identifier: MIT
#pragma once

// The probe of the emulated board: drone-board, a program of its own that is powered by whoever
// traces or debugs it, and starts from reset each time.

#include "probe/board_session.hpp"
#include "probe/probe.hpp"

namespace drone::probe {

class EmulatedProbe final : public Probe {
 public:
  explicit EmulatedProbe(const ProbeSettings& settings)
      : settings_(settings), folder_(settings.project) {}

  std::string name() const override { return "the emulated board"; }
  FlashResult flash(const std::filesystem::path& elf) override;
  std::optional<std::filesystem::path> flashed() const override;
  ResetResult reset() override;
  std::unique_ptr<SwoStream> trace(const TraceSetup& setup) override;
  int debug(const std::optional<std::filesystem::path>& elf, bool reset) override;

 private:
  ProbeSettings settings_;
  BoardFolder folder_;
};

}  // namespace drone::probe
