// SPDX-License-Identifier: MIT
#pragma once

// The emulated board of a project while it is powered, and what remains of it when it is not.
//
// `.drone/` in the project's root is the board's: `flash.elf` is its flash, `board.sock` its debug
// connector, and `board.lock` is locked by the process that powers it and holds that process's
// number and purpose. The lock dies with its process, so nothing here can become stale: a socket
// without a lock is a leftover.

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "probe/gdb_remote.hpp"
#include "probe/probe.hpp"
#include "support/descriptor.hpp"
#include "support/subprocess.hpp"

namespace drone::probe {

/// The folder with a board's state.
class BoardFolder {
 public:
  explicit BoardFolder(const std::filesystem::path& project) : path_(project / ".drone") {}

  static constexpr const char* kFlash = "flash.elf";
  static constexpr const char* kSocket = "board.sock";
  static constexpr const char* kLock = "board.lock";

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path flash() const { return path_ / kFlash; }

  /// Makes the folder if there is none. Throws Error (kInput).
  void create() const;

  /// Who powers the board ("capture 1234"), or none. Throws Error (kInput) where that cannot be
  /// known.
  std::optional<std::string> holder() const;

  /// A connection to the powered board; it may just be starting. None if it is not powered. Throws
  /// Error (kProbe) if it is and does not answer.
  std::unique_ptr<GdbRemote> connect() const;

 private:
  std::filesystem::path path_;
};

/// Throws Error (kProbe) when nothing was flashed, Error (kInput) when what was flashed does not
/// fit the memory of `settings`.
void check_flash(const ProbeSettings& settings, const BoardFolder& folder);

/// A board powered by this process, until destruction.
class BoardSession {
 public:
  /// Starts drone-board with what was flashed, halted at reset; its SWO bytes go to `output`
  /// (negative: nowhere). `purpose` is a word for others that want the board meanwhile. Throws
  /// Error (kProbe) when nothing was flashed, another process powers the board, or it does not
  /// start; Error (kInput) when its files cannot be used.
  BoardSession(const ProbeSettings& settings, const BoardFolder& folder, const std::string& purpose,
               int output);
  ~BoardSession();

  GdbRemote& remote() { return *remote_; }

  /// Leaves the debug connector to others; the program goes on as it is.
  void disconnect() { remote_.reset(); }

  /// A connection of its own for a short look at the running target; none if that is impossible.
  /// From any thread.
  std::unique_ptr<GdbRemote> look() const;

  /// Tells the board to send what it has left and end; does not wait for either.
  void power_off();

  /// How the board ended once its output has: waits a little, then makes it end.
  ProcessEnd finish();

 private:
  void lock(const std::string& purpose);
  void connect();

  BoardFolder folder_;
  Descriptor lock_;
  std::optional<Subprocess> process_;
  std::unique_ptr<GdbRemote> remote_;
};

}  // namespace drone::probe
