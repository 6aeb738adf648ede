// SPDX-License-Identifier: MIT
#include "cli/display.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <functional>
#include <sstream>
#include <thread>

#include "support/byte_stream.hpp"
#include "support/descriptor.hpp"
#include "support/test_folder.hpp"
#include "support/test_screen.hpp"

namespace drone::cli {
namespace {

using test::Screen;
using test::TestFolder;

constexpr std::size_t kRows = 6;
constexpr std::size_t kColumns = 20;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

/// Reads what is there.
std::string read_all(int fd) {
  std::string text;
  char buffer[4096];
  pollfd readable{fd, POLLIN, 0};
  while (::poll(&readable, 1, 20) > 0 && (readable.revents & POLLIN) != 0) {
    const ssize_t n = ::read(fd, buffer, sizeof(buffer));
    if (n <= 0) break;
    text.append(buffer, static_cast<std::size_t>(n));
  }
  return text;
}

class Pty {
 public:
  Pty() {
    int master = -1;
    int slave = -1;
    winsize size{};
    size.ws_row = kRows;
    size.ws_col = kColumns;
    EXPECT_EQ(::openpty(&master, &slave, nullptr, nullptr, &size), 0);
    master_.reset(master);
    slave_.reset(slave);
  }
  int descriptor() const { return slave_.get(); }
  int keyboard() const { return master_.get(); }
  /// What the user sees.
  const Screen& screen() {
    screen_.write(read_all(master_.get()));
    EXPECT_EQ(screen_.unknown(), "");
    return screen_;
  }
  std::string seen() { return screen().text(); }

 private:
  Descriptor master_;
  Descriptor slave_;
  Screen screen_{kRows, kColumns};
};

struct Pipe {
  Pipe() {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    out.reset(ends[0]);
    in.reset(ends[1]);
  }
  Descriptor out;
  Descriptor in;
};

class DisplayTest : public ::testing::Test {
 protected:
  DisplayTest() { ::setenv("TERM", "xterm", 1); }

  Environment environment(int out, int err) {
    return {.out = stream_,
            .err = stream_,
            .directory = {},
            .out_is_terminal = ::isatty(out) == 1,
            .err_is_terminal = ::isatty(err) == 1,
            .out_descriptor = out,
            .err_descriptor = err};
  }
  /// The program writes, and what it wrote is handed on although a status line was just drawn.
  static void show(Display& display, std::string_view text) {
    display.write(bytes_of(text));
    while (!display.wants_to_write()) std::this_thread::yield();
    display.flush();
  }

  std::ostringstream stream_;
  Interrupts interrupts_;
  TestFolder folder_;
};

TEST_F(DisplayTest, TheStatusLineStandsUnderTheProgramsOutput) {
  Pty pty;
  Environment both = environment(pty.descriptor(), pty.descriptor());
  Display display(both, interrupts_);
  ASSERT_TRUE(display.can_redraw());
  EXPECT_EQ(display.columns(), kColumns);
  display.set_status("status 1");
  EXPECT_EQ(pty.seen(), "status 1\n");
  show(display, "one\n");
  EXPECT_EQ(pty.seen(), "one\nstatus 1\n");
  display.set_status("status");
  EXPECT_EQ(pty.seen(), "one\nstatus\n");
  show(display, "two\nthree\n");
  EXPECT_EQ(pty.seen(), "one\ntwo\nthree\nstatus\n");
  display.close();
  EXPECT_EQ(pty.seen(), "one\ntwo\nthree\n");
  EXPECT_EQ(pty.screen().row(), 3U);
  EXPECT_EQ(pty.screen().column(), 0U);
}

TEST_F(DisplayTest, AfterAFailureNothingWaitsToBeWritten) {
  const Descriptor full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  Pty pty;
  Environment both = environment(full.get(), pty.descriptor());
  Display display(both, interrupts_);
  display.write(bytes_of("one\n"));
  EXPECT_THROW(display.flush(), Error);
  display.write(bytes_of("two\n"));
  EXPECT_FALSE(display.wants_to_write());
  EXPECT_EQ(display.bytes_not_shown(), 0U) << "what failed was not slow";
}

TEST_F(DisplayTest, APromptIsSeenAndGoesOnWhereItEnded) {
  Pty pty;
  Environment both = environment(pty.descriptor(), pty.descriptor());
  Display display(both, interrupts_);
  display.set_status("status");
  show(display, "name? ");
  EXPECT_EQ(pty.seen(), "name?\nstatus\n");
  EXPECT_EQ(pty.screen().row(), 0U) << "the cursor is where the next byte goes";
  EXPECT_EQ(pty.screen().column(), 6U);
  display.set_status("other");
  show(display, "Bob");
  EXPECT_EQ(pty.seen(), "name? Bob\nother\n");
  show(display, "\nhello");
  EXPECT_EQ(pty.seen(), "name? Bob\nhello\nother\n");
  display.close();
  EXPECT_EQ(pty.seen(), "name? Bob\nhello\n");
  EXPECT_EQ(pty.screen().row(), 2U);
}

TEST_F(DisplayTest, TheSameIsSeenAtTheBottomWhereEverythingScrolls) {
  Pty pty;
  Environment both = environment(pty.descriptor(), pty.descriptor());
  Display display(both, interrupts_);
  display.set_status("status");
  std::string lines;
  for (int i = 0; i != 9; ++i) {
    show(display, std::to_string(i));
    display.set_status("status " + std::to_string(i));
    show(display, "!\n");
    lines += std::to_string(i) + "!\n";
    const Screen& screen = pty.screen();
    ASSERT_EQ(screen.scrolled() + screen.text(), lines + "status " + std::to_string(i) + "\n");
  }
  show(display, "> ");
  EXPECT_TRUE(pty.seen().ends_with("8!\n>\nstatus 8\n")) << pty.seen();
  display.close();
  EXPECT_TRUE(pty.seen().ends_with("8!\n>\n")) << pty.seen();
}

TEST_F(DisplayTest, CharactersAndSequencesThatComeInPiecesStayWhole) {
  Pty pty;
  Environment both = environment(pty.descriptor(), pty.descriptor());
  Display display(both, interrupts_);
  display.set_status("status");
  const std::string_view text = "\x1b[31mr\xC3\xB6t\x1b[0m \xE2\x82\xAC\r\n";
  for (const char& byte : text) {
    show(display, {&byte, 1});
    display.set_status("status");
    pty.screen();
  }
  EXPECT_EQ(pty.seen(), "r\xC3\xB6t \xE2\x82\xAC\nstatus\n");
}

TEST_F(DisplayTest, ALineThatFillsTheTerminalIsNotSpoiled) {
  Pty pty;
  Environment both = environment(pty.descriptor(), pty.descriptor());
  Display display(both, interrupts_);
  display.set_status("status");
  const std::string full(kColumns, 'x');
  show(display, full);
  display.set_status("status");
  show(display, "y");
  EXPECT_EQ(pty.seen(), full + "\ny\nstatus\n");
  show(display, "\n" + full);
  display.set_status("status");
  show(display, "\n");
  EXPECT_EQ(pty.seen(), full + "\ny\n" + full + "\nstatus\n") << "no empty line";
}

TEST_F(DisplayTest, AProgramThatRewritesItsLineKeepsIt) {
  Pty pty;
  Environment both = environment(pty.descriptor(), pty.descriptor());
  Display display(both, interrupts_);
  display.set_status("status");
  show(display, "50 %\r");
  display.set_status("status");
  EXPECT_EQ(pty.seen(), "50 %\nstatus\n");
  show(display, "60 %\r");
  EXPECT_EQ(pty.seen(), "60 %\nstatus\n");
}

TEST_F(DisplayTest, NotesStandAboveTheStatusLine) {
  Pty pty;
  Environment both = environment(pty.descriptor(), pty.descriptor());
  Display display(both, interrupts_);
  display.set_status("status");
  display.note("note 1");
  EXPECT_EQ(pty.seen(), "note 1\nstatus\n");
  show(display, "prompt> ");
  display.note("note 2");
  EXPECT_EQ(pty.seen(), "note 1\nprompt>\nnote 2\nstatus\n");
  show(display, "more\n");
  EXPECT_EQ(pty.seen(), "note 1\nprompt>\nnote 2\nmore\nstatus\n");
}

TEST_F(DisplayTest, WithoutAStatusLineTheTerminalGetsTheProgramsBytes) {
  Pty pty;
  Environment both = environment(pty.descriptor(), pty.descriptor());
  Display display(both, interrupts_);
  show(display, "one\ntwo");
  EXPECT_EQ(read_all(pty.keyboard()), "one\r\ntwo");
  display.close();
  EXPECT_EQ(read_all(pty.keyboard()), "\r\n") << "so that what we say has a line of its own";
}

TEST_F(DisplayTest, WhatWasTypedIsNotLeftInTheLineAtTheEnd) {
  Pty pty;
  Environment both = environment(pty.descriptor(), pty.descriptor());
  Display display(both, interrupts_);
  display.set_status("status");
  EXPECT_EQ(pty.seen(), "status\n");
  const char ctrl_c = '\x03';
  ASSERT_EQ(::write(pty.keyboard(), &ctrl_c, 1), 1);
  EXPECT_EQ(pty.seen(), "^Catus\n");
  display.close();
  EXPECT_EQ(pty.seen(), "");
}

TEST_F(DisplayTest, OnlyStandardErrorIsATerminal) {
  Pty pty;
  const Pipe pipe;
  Environment split = environment(pipe.in.get(), pty.descriptor());
  Display display(split, interrupts_);
  display.set_status("status");
  display.write(bytes_of("text without end"));
  display.flush();
  EXPECT_EQ(read_all(pipe.out.get()), "text without end") << "not held back";
  EXPECT_EQ(pty.seen(), "status\n");
  display.note("note");
  EXPECT_EQ(pty.seen(), "note\nstatus\n");
  display.close();
  EXPECT_EQ(pty.seen(), "note\n");
  EXPECT_EQ(read_all(pipe.out.get()), "");
}

TEST_F(DisplayTest, OnlyStandardOutputIsATerminal) {
  Pty pty;
  const Pipe pipe;
  Environment split = environment(pty.descriptor(), pipe.in.get());
  Display display(split, interrupts_);
  EXPECT_FALSE(display.can_redraw());
  display.set_status("status");
  show(display, "text\n");
  display.note("note");
  EXPECT_EQ(pty.seen(), "text\n");
  EXPECT_EQ(stream_.str(), "note\n");
}

TEST_F(DisplayTest, TwoTerminalsAreToldApart) {
  Pty out;
  Pty err;
  Environment split = environment(out.descriptor(), err.descriptor());
  Display display(split, interrupts_);
  display.set_status("status");
  show(display, "text");
  EXPECT_EQ(out.seen(), "text\n");
  EXPECT_EQ(err.seen(), "status\n");
}

TEST_F(DisplayTest, ADumbTerminalGetsNoEscapeSequences) {
  Pty pty;
  ::setenv("TERM", "dumb", 1);
  Environment both = environment(pty.descriptor(), pty.descriptor());
  Display display(both, interrupts_);
  EXPECT_FALSE(display.can_redraw());
  display.set_status("status");
  EXPECT_EQ(read_all(pty.keyboard()), "");
}

TEST_F(DisplayTest, AReaderThatDoesNotReadIsNotWaitedFor) {
  const Pipe pipe;
  const Pipe err;
  Environment split = environment(pipe.in.get(), err.in.get());
  Display display(split, interrupts_);
  const std::string chunk(100'000, 'x');
  std::size_t written = 0;
  while (display.bytes_not_shown() == 0) {
    display.write(bytes_of(chunk));
    display.flush();
    written += chunk.size();
  }
  EXPECT_TRUE(display.wants_to_write());
  // The pipe's own buffer, what is kept, and what was dropped.
  std::size_t read = 0;
  while (display.wants_to_write()) {
    read += read_all(pipe.out.get()).size();
    display.write_some();
  }
  read += read_all(pipe.out.get()).size();
  EXPECT_EQ(read + display.bytes_not_shown(), written);
  EXPECT_GE(read, Display::kMostPending);
  EXPECT_EQ(::fcntl(pipe.in.get(), F_GETFL) & O_NONBLOCK, 0) << "others write to it too";
}

TEST_F(DisplayTest, WhatIsLeftAtTheEndIsCountedToo) {
  const Pipe pipe;
  const Pipe err;
  Environment split = environment(pipe.in.get(), err.in.get());
  Display display(split, interrupts_);
  const std::string text(300'000, 'x');
  display.write(bytes_of(text));
  display.flush();
  EXPECT_EQ(display.bytes_not_shown(), 0U);
  std::raise(SIGINT);
  display.close();
  EXPECT_EQ(display.bytes_not_shown() + read_all(pipe.out.get()).size(), text.size());
  EXPECT_GT(display.bytes_not_shown(), 0U);
}

TEST_F(DisplayTest, AStoppedTerminalIsNotWaitedForAndGetsEverythingOnceItGoesOn) {
  Pty pty;
  Environment both = environment(pty.descriptor(), pty.descriptor());
  Display display(both, interrupts_);
  ASSERT_EQ(::tcflow(pty.descriptor(), TCOOFF), 0);  // as Ctrl-S does
  display.set_status("status");
  for (int i = 0; i != 3; ++i) {
    display.write(bytes_of("line\n"));
    display.flush();
    display.set_status("status " + std::to_string(i));
  }
  EXPECT_EQ(pty.seen(), "");
  ASSERT_EQ(::tcflow(pty.descriptor(), TCOON), 0);
  display.flush();
  display.set_status("on");
  EXPECT_EQ(pty.seen(), "line\nline\nline\non\n");
  EXPECT_EQ(display.bytes_not_shown(), 0U);
  EXPECT_EQ(::fcntl(pty.descriptor(), F_GETFL) & O_NONBLOCK, 0);
}

TEST_F(DisplayTest, AReaderThatCanBeWaitedForGetsEverything) {
  const Pipe pipe;
  const Pipe err;
  Environment split = environment(pipe.in.get(), err.in.get());
  Display display(split, interrupts_);
  display.wait_for_reader();
  const std::string text(3 * Display::kMostPending, 'x');
  std::size_t read = 0;
  std::thread reader([&] {
    char buffer[65536];
    while (read != text.size()) {
      const ssize_t n = ::read(pipe.out.get(), buffer, sizeof(buffer));
      if (n <= 0) break;
      read += static_cast<std::size_t>(n);
    }
  });
  display.write(bytes_of(text));
  display.flush();
  display.close();
  reader.join();
  EXPECT_EQ(read, text.size());
  EXPECT_EQ(display.bytes_not_shown(), 0U);
}

TEST_F(DisplayTest, AFileIsWrittenWhole) {
  const auto path = folder_.path() / "out";
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600));
  const Pipe err;
  Environment split = environment(file.get(), err.in.get());
  Display display(split, interrupts_);
  const std::string text(2 * Display::kMostPending, 'x');
  for (std::size_t at = 0; at != text.size(); at += text.size() / 8) {
    display.write(bytes_of(std::string_view(text).substr(at, text.size() / 8)));
    display.flush();
  }
  EXPECT_EQ(read_file(path), text);
  EXPECT_EQ(display.bytes_not_shown(), 0U);
}

TEST_F(DisplayTest, KnowsThatTheReaderHasGone) {
  Pipe pipe;
  const Pipe err;
  Environment split = environment(pipe.in.get(), err.in.get());
  Display display(split, interrupts_);
  pipe.out.reset();
  display.write(bytes_of("x"));
  display.flush();
  EXPECT_TRUE(display.closed());
  EXPECT_FALSE(display.wants_to_write());
}

}  // namespace
}  // namespace drone::cli
