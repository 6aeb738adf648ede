// SPDX-License-Identifier: MIT
#pragma once

// The way to a target: one interface, a back end per kind of probe.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "probe/trace_state.hpp"
#include "support/byte_stream.hpp"
#include "support/elf_image.hpp"

namespace drone::probe {

/// What the target's trace units are set up to before it runs on.
struct TraceSetup {
  std::uint32_t port_mask = 0;  ///< bit n: stimulus port n on
  std::uint32_t trace_clock_hz = 0;
  std::uint32_t swo_baud = 0;
  bool local_timestamps = true;
  bool reset = false;  ///< restart the program once set up: its first event is captured
};

/// SWO bytes as they come. Throws like Probe: what came before a failure is read first.
class SwoStream : public ByteSource {
 public:
  /// Readable (poll) when read() would not block.
  virtual int descriptor() const = 0;

  /// Whether the source may be left unread for any time and loses nothing: a file, a pipe. A target
  /// that runs on whether it is listened to or not cannot wait.
  virtual bool can_wait() const = 0;

  /// Ends the capture: what the target has sent until now can still be read, then read() returns 0.
  virtual void stop() = 0;

  /// After read() has returned 0: why the stream ended by itself, a sentence for the user without a
  /// full stop. Empty where there is nothing to say.
  virtual std::string end_note() const { return {}; }

  /// What the target's trace registers say now, if the source has a target and can ask it while it
  /// runs. May take half a second. From any thread; not after stop().
  virtual std::optional<TraceState> trace_state() { return std::nullopt; }
};

struct FlashResult {
  std::uint64_t bytes = 0;  ///< written into flash
  bool running = false;     ///< the target runs the new program now
};

enum class ResetResult {
  kRestarted,
  kNotRunning,  ///< an emulated board that is not powered now; it always starts from reset
};

/// Everything here throws Error (kProbe) that says what the probe or the target answered, and what
/// to do about it; Error (kInput) for an unusable ELF file.
class Probe {
 public:
  virtual ~Probe() = default;

  /// What is on the other end, for messages: "the emulated board".
  virtual std::string name() const = 0;

  /// Writes a program into flash and restarts the target if it is running.
  virtual FlashResult flash(const std::filesystem::path& elf) = 0;

  /// The program in the target's flash, if it is known: the ELF file that was flashed last.
  virtual std::optional<std::filesystem::path> flashed() const { return std::nullopt; }

  /// Restarts the program.
  virtual ResetResult reset() = 0;

  virtual std::unique_ptr<SwoStream> trace(const TraceSetup& setup) = 0;

  /// Runs a debugger on the target until the user leaves it; returns its exit status.
  virtual int debug(const std::optional<std::filesystem::path>& elf, bool reset) = 0;
};

enum class Interface { kEmulator, kOpenOcd, kBlackMagic, kJLink };

struct ProbeSettings {
  Interface interface = Interface::kEmulator;
  std::string core;                  ///< of the emulated board: "cortex-m4"
  std::vector<AddressRange> memory;  ///< "flash", "ram", whatever else the device has
  std::uint32_t clock_hz = 0;        ///< of the emulated core and its trace units
  bool max_speed = false;            ///< emulate as fast as it goes, not in real time
  std::filesystem::path project;     ///< the project's root; `.drone/` in it holds what was flashed
  std::filesystem::path board_program;  ///< empty: drone-board beside this program, or on PATH
};

/// The probe that the settings describe. Nothing is started or contacted yet. Throws Error (kProbe)
/// for an interface that this version cannot use.
std::unique_ptr<Probe> open_probe(const ProbeSettings& settings);

}  // namespace drone::probe
