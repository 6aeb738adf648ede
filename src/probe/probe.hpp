// SPDX-License-Identifier: MIT
#pragma once

// The way to a target: one interface, a back end per kind of probe.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "support/byte_stream.hpp"

namespace drone::probe {

/// What the target's trace units are set up to before it runs on.
struct TraceSetup {
  std::uint32_t port_mask = 0;  ///< bit n: stimulus port n on
  std::uint32_t trace_clock_hz = 0;
  std::uint32_t swo_baud = 0;
  bool local_timestamps = true;
  bool reset = false;  ///< restart the program once set up: its first event is captured
};

/// SWO bytes as they come.
class SwoStream : public ByteSource {
 public:
  /// Readable (poll) when read() would not block.
  virtual int descriptor() const = 0;

  /// Ends the capture: what the target has sent until now can still be read, then read() returns 0.
  virtual void stop() = 0;
};

/// Everything here throws Error (kProbe) that says what the probe or the target answered, and what
/// to do about it; Error (kInput) for an unusable ELF file.
class Probe {
 public:
  virtual ~Probe() = default;

  /// Writes a program into flash and restarts the target if it is running.
  virtual void flash(const std::filesystem::path& elf) = 0;

  /// Restarts the program.
  virtual void reset() = 0;

  virtual std::unique_ptr<SwoStream> trace(const TraceSetup& setup) = 0;

  /// Runs a debugger on the target until the user leaves it; returns its exit status.
  virtual int debug(const std::optional<std::filesystem::path>& elf, bool reset) = 0;
};

}  // namespace drone::probe
