// SPDX-License-Identifier: MIT
#pragma once

// Requests to end: Ctrl-C (SIGINT), SIGTERM, and SIGHUP, the terminal's end.

namespace drone {

/// While it lives, the first such signal is a request that `requested()` and `descriptor()` tell
/// of, and a second ends the process at once with status 130, whatever it is doing; a terminal's
/// foreground is given back before. What comes within 300 ms of the first is the same request: it
/// was sent to the process and to its group (timeout, a stop button). System calls that wait are
/// interrupted by both. SIGPIPE and SIGXFSZ are ignored: a reader that goes away and a file that
/// may not grow are errors of write(). One at a time.
class Interrupts {
 public:
  Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;
  ~Interrupts();

  bool requested() const;

  /// Readable (poll) from the first request on. Nothing needs to be read from it.
  int descriptor() const;
};

}  // namespace drone
