// SPDX-License-Identifier: MIT
#include "cli/display.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ostream>
#include <utility>

#include "support/error.hpp"

namespace drone::cli {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// While a status line is shown, the program's output waits for this long after it was drawn, so
/// that it is seen and does not flicker.
constexpr milliseconds kHold{50};
constexpr milliseconds kPatience{2000};
constexpr milliseconds kPatienceOnceInterrupted{200};
constexpr unsigned kUsualColumns = 80;

// What is written to a terminal (ECMA-48; ESC 7, ESC 8 and ESC D since the VT100).
constexpr std::string_view kSaveCursor =
    "\x1b"
    "7";
constexpr std::string_view kRestoreCursor =
    "\x1b"
    "8";
constexpr std::string_view kMakeLineBelow =
    "\x1b"
    "D\x1b[A";  ///< scrolls on the last line
constexpr std::string_view kLineBelow = "\x1b[B\r";
constexpr std::string_view kEraseBelow = "\x1b[J";
constexpr std::string_view kNoColor = "\x1b[0m";

/// Whether escape sequences mean anything there.
bool understands_escapes() {
  const char* const term = std::getenv("TERM");
  return term != nullptr && *term != '\0' && std::string_view(term) != "dumb";
}

/// Whether two descriptors are one terminal. /dev/tty is the one that the process was started from.
bool same_terminal(int a, int b) {
  struct stat of_a {};
  struct stat of_b {};
  if (::isatty(a) != 1 || ::isatty(b) != 1) return false;
  if (::fstat(a, &of_a) != 0 || ::fstat(b, &of_b) != 0) return false;
  const dev_t tty = makedev(5, 0);
  return of_a.st_rdev == of_b.st_rdev || of_a.st_rdev == tty || of_b.st_rdev == tty;
}

}  // namespace

Display::Display(Environment& environment, const Interrupts& interrupts)
    : environment_(environment),
      interrupts_(interrupts),
      out_channel_(environment.out_descriptor, "standard output") {
  redraws_ =
      environment.err_descriptor >= 0 && environment.err_is_terminal && understands_escapes();
  if (redraws_ && !same_terminal(environment.err_descriptor, environment.out_descriptor)) {
    err_channel_.emplace(environment.err_descriptor, "standard error");
  }
}

Display::~Display() {
  try {
    close();
  } catch (const Error&) {
    // Whoever needs to know has called close().
  }
}

void Display::write(std::span<const std::byte> bytes) {
  if (closed_ || failure_) return;
  std::size_t taken = bytes.size();
  if (!waits_ && environment_.out_descriptor >= 0) {
    const std::size_t kept = text_.size() + out_channel_.pending.size();
    taken = std::min(taken, kMostPending - std::min(kMostPending, kept));
    bytes_not_shown_ += bytes.size() - taken;
  }
  text_.append(reinterpret_cast<const char*>(bytes.data()), taken);
}

bool Display::is_held() const {
  return drawn_ && shares_terminal() && Clock::now() - drawn_at_ < kHold;
}

bool Display::wants_to_write() const {
  if (closed_ || failure_ || environment_.out_descriptor < 0) return false;
  return !out_channel_.pending.empty() || (!text_.empty() && !is_held());
}

void Display::flush() {
  drain_status();
  if (closed_ || failure_) {
    text_.clear();
  } else if (environment_.out_descriptor < 0) {
    write_stream();
  } else if (waits_) {
    wait_and_drain();
  } else if (drain(out_channel_) && !text_.empty() && !is_held()) {
    compose();
    drain(out_channel_);
  }
  if (failure_) throw *failure_;
}

void Display::write_stream() {
  if (text_.empty()) return;
  environment_.out.write(text_.data(), static_cast<std::streamsize>(text_.size()));
  environment_.out.flush();
  text_.clear();
  closed_ = !environment_.out;
}

void Display::wait_and_drain() {
  if (drain(out_channel_) && !text_.empty()) compose();
  while (!drain(out_channel_) && !interrupts_.requested()) {
    pollfd events[] = {{environment_.out_descriptor, POLLOUT, 0},
                       {interrupts_.descriptor(), POLLIN, 0}};
    ::poll(events, std::size(events), -1);
  }
}

/// Writes what goes at once; true when nothing is left.
bool Display::drain(Channel& channel) {
  if (channel.pending.empty()) return true;
  try {
    const std::size_t written =
        channel.output.write_some(std::as_bytes(std::span(channel.pending)));
    channel.pending.erase(0, written);
  } catch (const Error& error) {
    channel.pending.clear();
    if (&channel != &out_channel_) throw;
    failure_ = error;
  }
  if (channel.output.closed()) {
    if (&channel == &out_channel_) closed_ = true;
    channel.pending.clear();
  }
  return channel.pending.empty();
}

/// A terminal of its own for the status line: that it cannot be written is no reason to end.
void Display::drain_status() {
  if (!err_channel_) return;
  try {
    drain(*err_channel_);
  } catch (const Error&) {
    err_channel_->pending.clear();
    redraws_ = false;
  }
}

/// Puts the program's output on its way, the status line behind it.
void Display::compose() {
  if (failure_) {
    text_.clear();
    return;
  }
  Channel& channel = out_channel_;
  if (shares_terminal()) channel.pending += erasure();
  channel.pending += text_;
  cursor_.add(std::as_bytes(std::span(text_)));
  channel.text_bytes = text_.size();
  channel.tail_bytes = 0;
  text_.clear();
  if (!shares_terminal()) return;
  const std::size_t before = channel.pending.size();
  append_status(channel.pending);
  channel.tail_bytes = channel.pending.size() - before;
}

/// What draws `text` in place of the status line that is there, or of none.
std::string Display::drawing(std::string_view text) const {
  std::string bytes;
  const bool below = shares_terminal() && !cursor_.at_fresh_line();
  // Behind the line's beginning there may be what was typed: the terminal's own ^C.
  bytes += below ? kMakeLineBelow : "\r";
  bytes += kSaveCursor;
  bytes += kNoColor;
  if (below) bytes += kLineBelow;
  bytes += kEraseBelow;
  bytes += text;
  bytes += kRestoreCursor;
  return bytes;
}

std::string Display::erasure() {
  if (!std::exchange(drawn_, false)) return {};
  return drawing({});
}

void Display::append_status(std::string& to) {
  if (status_.empty()) return;
  // In the middle of a character the terminal would take what is drawn for the rest of it, and on
  // the last column the cursor cannot be brought back to where it is.
  if (shares_terminal() && (!cursor_.between_characters() || cursor_.may_wrap(columns()))) return;
  to += drawing(status_);
  drawn_ = true;
  drawn_at_ = Clock::now();
}

unsigned Display::columns() const {
  winsize size{};
  if (::ioctl(environment_.err_descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
    return kUsualColumns;
  }
  return size.ws_col;
}

void Display::set_status(std::string text) {
  if (!redraws_ || ended_) return;
  status_ = std::move(text);
  if (!err_channel_) {
    if (closed_ || !drain(out_channel_)) return;
    compose();
    drain(out_channel_);
    return;
  }
  drain_status();
  if (!err_channel_->pending.empty()) return;
  if (status_.empty()) err_channel_->pending += erasure();
  append_status(err_channel_->pending);
  drain_status();
}

void Display::note(const std::string& line) {
  if (!redraws_) {
    environment_.err << line << '\n' << std::flush;
    return;
  }
  if (!err_channel_ && !text_.empty()) {
    drain(out_channel_);
    if (out_channel_.pending.empty()) compose();
  }
  Channel& channel = status_channel();
  const std::size_t before = channel.pending.size();
  channel.pending += erasure();
  if (!err_channel_ && !cursor_.at_fresh_line()) channel.pending += "\n";
  channel.pending += line + "\n";
  if (!err_channel_) cursor_.add(std::as_bytes(std::span(std::string_view("\n"))));
  append_status(channel.pending);
  channel.tail_bytes += channel.pending.size() - before;
  if (err_channel_) {
    drain_status();
  } else {
    drain(out_channel_);
  }
}

void Display::close() {
  if (std::exchange(ended_, true)) return;
  status_.clear();
  try {
    if (environment_.out_descriptor < 0) {
      flush();
    } else {
      drain_to_end();
      if (redraws_) close_terminal();
    }
  } catch (const Error&) {
    give_up();
  }
}

void Display::drain_to_end() {
  auto progress = Clock::now();
  while (!closed_) {
    const std::size_t before = out_channel_.pending.size();
    if (drain(out_channel_)) {
      if (text_.empty()) return;
      compose();
      continue;
    }
    if (out_channel_.pending.size() != before) progress = Clock::now();
    const bool interrupted = interrupts_.requested();
    const milliseconds patience = interrupted ? kPatienceOnceInterrupted : kPatience;
    if ((interrupted || !waits_) && Clock::now() - progress > patience) return give_up();
    // An interrupt ends the waiting; once it has come, its descriptor is readable for ever.
    pollfd events[] = {{environment_.out_descriptor, POLLOUT, 0},
                       {interrupted ? -1 : interrupts_.descriptor(), POLLIN, 0}};
    ::poll(events, std::size(events), 50);
  }
}

/// Nothing of ours stays on the terminal, nor what was typed to end the capture.
void Display::close_terminal() {
  const bool on_fresh_line = err_channel_ || cursor_.at_fresh_line();
  std::string last = erasure();
  if (last.empty() && interrupts_.requested() && on_fresh_line) last = drawing({});
  if (!on_fresh_line) last += "\n";
  status_channel().pending += last;
  if (err_channel_) {
    drain_status();
  } else {
    drain_to_end();
  }
}

/// The reader does not take what is left.
void Display::give_up() {
  Channel& channel = out_channel_;
  const std::size_t left = channel.pending.size();
  bytes_not_shown_ += std::min(left - std::min(left, channel.tail_bytes), channel.text_bytes);
  bytes_not_shown_ += text_.size();
  channel.pending.clear();
  channel.text_bytes = 0;
  text_.clear();
}

}  // namespace drone::cli
