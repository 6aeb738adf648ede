// SPDX-License-Identifier: MIT
#pragma once

// What the user sees of a capture while it runs: the program's own output on standard output, and a
// status line under it, where standard error is a terminal.
//
// Where both are the same terminal, the cursor stays where the program's output ends, and the
// status line is drawn on the line below it, or on that line if nothing is on it yet; so a prompt
// without a newline is seen, and goes on where it ended. What is drawn is erased before the program
// writes, and the cursor is brought back by the terminal itself: where it is need not be known.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cli/cursor_tracker.hpp"
#include "cli/environment.hpp"
#include "support/byte_stream.hpp"
#include "support/error.hpp"
#include "support/interrupts.hpp"
#include "support/nonblocking_output.hpp"

namespace drone::cli {

/// Never waits for a reader, unless told to: up to kMostPending bytes are kept for one that is
/// slow, what is beyond is dropped and counted. Knows when the reader has gone. Standard output
/// that is a file is written whole.
class Display final : public ByteSink {
 public:
  static constexpr std::size_t kMostPending = std::size_t{1} << 20;

  Display(Environment& environment, const Interrupts& interrupts);
  Display(const Display&) = delete;
  Display& operator=(const Display&) = delete;
  ~Display() override;

  /// Nothing is dropped from now on: flush() waits for the reader until an end is requested. For
  /// sources that can wait.
  void wait_for_reader() { waits_ = true; }

  /// Takes bytes of the program's output.
  void write(std::span<const std::byte> bytes) override;

  /// Hands on what goes at once. Throws Error (kInput) when standard output cannot be written.
  void flush() override;

  /// Something is left that flush() could hand on once standard output is writable.
  bool wants_to_write() const;
  void write_some() { flush(); }

  /// Bytes of the program's output, and what is drawn, that were not handed on yet.
  std::size_t pending_bytes() const { return text_.size() + out_channel_.pending.size(); }

  /// Nobody reads standard output any more.
  bool closed() const { return closed_; }
  void mark_closed() { closed_ = true; }

  /// Bytes that were dropped.
  std::uint64_t bytes_not_shown() const { return bytes_not_shown_; }

  /// Standard error is a terminal on which a line can be redrawn.
  bool can_redraw() const { return redraws_; }

  /// How many columns that terminal has, now.
  unsigned columns() const;

  /// Redraws the status line: at most columns() - 1 wide, with colours if they are wanted. Empty:
  /// none. Does nothing unless can_redraw().
  void set_status(std::string text);

  /// A line on standard error, above the status line.
  void note(const std::string& line);

  /// Hands on what is left: for two seconds without progress at most, for a moment if an end was
  /// requested. What cannot be written counts as not shown. Then removes the status line and leaves
  /// the cursor at the beginning of a line.
  void close();

 private:
  /// A terminal, and what is to be written there. A status line is only composed when all before it
  /// was written, so it is never old.
  struct Channel {
    Channel(int fd, const char* name) : output(fd, name) {}

    NonblockingOutput output;
    std::string pending;
    std::size_t text_bytes = 0;  ///< of the program, in `pending`; behind them stand `tail_bytes`
    std::size_t tail_bytes = 0;
  };

  bool shares_terminal() const { return redraws_ && !err_channel_; }
  Channel& status_channel() { return err_channel_ ? *err_channel_ : out_channel_; }
  bool is_held() const;
  void compose();
  std::string drawing(std::string_view text) const;
  std::string erasure();
  void append_status(std::string& to);
  bool drain(Channel& channel);
  void drain_status();
  void wait_and_drain();
  void write_stream();
  void drain_to_end();
  void close_terminal();
  void give_up();

  Environment& environment_;
  const Interrupts& interrupts_;
  bool waits_ = false;
  bool redraws_ = false;
  bool closed_ = false;
  std::optional<Error> failure_;  ///< of standard output: nothing is written any more
  bool ended_ = false;            ///< close() was called
  Channel out_channel_;
  std::optional<Channel> err_channel_;  ///< a terminal that standard output is not
  std::string text_;                    ///< of the program, not composed yet
  std::string status_;
  bool drawn_ = false;  ///< the status line is on the screen
  CursorTracker cursor_;
  std::chrono::steady_clock::time_point drawn_at_;
  std::uint64_t bytes_not_shown_ = 0;
};

}  // namespace drone::cli
