// SPDX-License-Identifier: MIT

// `drone itm` and `drone heap` on a terminal.

#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>

#include <regex>

#include "itm_process.hpp"
#include "support/test_screen.hpp"

namespace drone {
namespace {

/// A terminal, and what runs in it as a shell's job would: leader of a session and of the
/// foreground group.
class Terminal {
 public:
  Terminal(const fs::path& folder, const std::string& command) {
    int master = -1;
    winsize size{};
    size.ws_row = kRows;
    size.ws_col = kColumns;
    id_ = ::forkpty(&master, nullptr, nullptr, &size);
    if (id_ == 0) {
      if (::chdir(folder.c_str()) != 0) ::_exit(126);
      ::setenv("TERM", "xterm", 1);
      ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
      ::_exit(127);
    }
    master_.reset(master);
  }
  ~Terminal() {
    if (id_ <= 0) return;
    ::kill(-id_, SIGKILL);
    ::waitpid(id_, nullptr, 0);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  void type(char key) const { (void)!::write(master_.get(), &key, 1); }

  /// Reads until `text` was printed.
  bool shows(const std::string& text) {
    return eventually([&] {
      pollfd readable{master_.get(), POLLIN, 0};
      char buffer[4096];
      while (::poll(&readable, 1, 0) > 0) {
        const ssize_t n = ::read(master_.get(), buffer, sizeof(buffer));
        if (n <= 0) break;
        screen_.append(buffer, static_cast<std::size_t>(n));
        model_.write({buffer, static_cast<std::size_t>(n)});
      }
      return screen_.find(text) != std::string::npos;
    });
  }
  const std::string& screen() const { return screen_; }

  /// Reads until the user sees `pattern` on the screen.
  bool sees(const std::string& pattern) {
    return eventually([&] {
      shows("");
      return std::regex_search(model_.text(), std::regex(pattern));
    });
  }
  const test::Screen& model() const { return model_; }
  void resize(unsigned short columns) {
    winsize size{};
    size.ws_row = kRows;
    size.ws_col = columns;
    ::ioctl(master_.get(), TIOCSWINSZ, &size);
  }

 private:
  static constexpr unsigned short kRows = 24;
  static constexpr unsigned short kColumns = 120;

  pid_t id_ = -1;
  Descriptor master_;
  std::string screen_;
  test::Screen model_{kRows, kColumns};
};

constexpr char kCtrlC = '\x03';
constexpr char kCtrlZ = '\x1A';

class TerminalTest : public ItmProcessTest {
 protected:
  TerminalTest() {
    run(drone() + " flash node.elf");
    write_file(project_ / "swo.bin", text_of("01 41 " + kEvents));
    ::setenv("FAKE_BOARD", (project_ / "swo.bin").c_str(), 1);
    write_file(project_ / "Justfile", "heaptrace:\n    @" + drone() +
                                          " itm --heaptrace heaptrace\n"
                                          "absent:\n    @" +
                                          drone() + " itm --from file:absent\n");
  }
};

TEST_F(TerminalTest, CtrlCEndsJustHeaptraceWithoutAnErrorAndTheShellHasItsTerminalBack) {
  // `read` fails unless the shell is in the terminal's foreground.
  Terminal terminal(project_, "just heaptrace; echo \"status $?\"; read x; echo \"read $x\"");
  ASSERT_TRUE(terminal.shows(
      "recording the heap's port 31 in heaptrace from the emulated board; Ctrl-C ends it"))
      << terminal.screen();
  ASSERT_TRUE(eventually([&] { return records(); }));
  terminal.type(kCtrlC);
  ASSERT_TRUE(terminal.shows("status 0")) << terminal.screen();
  EXPECT_THAT(terminal.screen(), Not(HasSubstr("error")));
  EXPECT_THAT(terminal.screen(), HasSubstr("next: drone heap"));
  EXPECT_TRUE(trace().ends_with(text_of(kEnd)));
  terminal.type('y');
  terminal.type('\n');
  EXPECT_TRUE(terminal.shows("read y")) << terminal.screen();
}

TEST_F(TerminalTest, CtrlZDoesNotStopACaptureThatNobodyCouldContinue) {
  Terminal terminal(project_, "just heaptrace; echo \"status $?\"");
  ASSERT_TRUE(terminal.shows("Ctrl-C ends it")) << terminal.screen();
  ASSERT_TRUE(eventually([&] { return records(); }));
  terminal.type(kCtrlZ);
  std::this_thread::sleep_for(50ms);
  terminal.type(kCtrlC);
  EXPECT_TRUE(terminal.shows("status 0")) << terminal.screen();
}

TEST_F(TerminalTest, AnErrorGivesTheTerminalBackToo) {
  Terminal terminal(project_, "just absent; echo \"status $?\"; read x; echo \"read $x\"");
  ASSERT_TRUE(terminal.shows("status 3")) << terminal.screen();
  terminal.type('y');
  terminal.type('\n');
  EXPECT_TRUE(terminal.shows("read y")) << terminal.screen();
}

TEST_F(TerminalTest, ASecondCtrlCGivesTheTerminalBackToo) {
  ::setenv("FAKE_BOARD", ("stubborn:" + (project_ / "swo.bin").string()).c_str(), 1);
  Terminal terminal(project_, "just heaptrace; echo \"status $?\"; read x; echo \"read $x\"");
  ASSERT_TRUE(terminal.shows("Ctrl-C ends it")) << terminal.screen();
  ASSERT_TRUE(eventually([&] { return records(); }));
  terminal.type(kCtrlC);
  std::this_thread::sleep_for(500ms);
  terminal.type(kCtrlC);
  ASSERT_TRUE(terminal.shows("status 130")) << terminal.screen();
  terminal.type('y');
  terminal.type('\n');
  EXPECT_TRUE(terminal.shows("read y")) << terminal.screen();
}

TEST_F(TerminalTest, APipelineKeepsTheTerminal) {
  // The other end of the pipe reads from the terminal, as a pager does.
  Terminal terminal(project_, "just heaptrace | sh -c 'read x </dev/tty; echo \"read $x\"'");
  ASSERT_TRUE(eventually([&] { return records(); }));
  terminal.type('y');
  terminal.type('\n');
  EXPECT_TRUE(terminal.shows("read y")) << terminal.screen();
}

TEST_F(TerminalTest, TheStatusLineStandsUnderThePromptAndLeavesNothingBehind) {
  fifo();
  Terminal terminal(project_,
                    drone() + " itm --from file:fifo --heaptrace heaptrace; echo status $?");
  const Descriptor end = feed();
  ASSERT_TRUE(
      terminal.sees("^recording the heap's port 31 [^\n]*\n0 s \\| 0 events \\|[^\n]*no event "
                    "yet\n$"))
      << terminal.model().text();
  send(end, "01 3E " + events(50));
  ASSERT_TRUE(terminal.sees(
      "^recording [^\n]*\n>\n[0-9]+ s \\| [0-9]{2,} events \\|[^\n]*growing[^\n]*\n$"))
      << terminal.model().text();
  EXPECT_EQ(terminal.model().row(), 1U) << "the cursor is behind the prompt";
  EXPECT_EQ(terminal.model().column(), 1U);
  send(end, "01 20 02 C3 BC 01 0A 01 24");  // a space, a u with dots, a newline, and a dollar sign
  ASSERT_TRUE(terminal.sees("\n> \u00FC\n\\$\n[0-9]+ s \\| [^\n]*\n$")) << terminal.model().text();
  terminal.resize(60);
  ASSERT_TRUE(terminal.sees("\n[^\n]{1,59}\n$")) << "it still fits";
  terminal.type(kCtrlC);
  ASSERT_TRUE(terminal.sees("status 0\n$")) << terminal.model().text();
  EXPECT_EQ(terminal.model().unknown(), "");
  EXPECT_THAT(terminal.model().text(),
              ::testing::MatchesRegex("recording [^\n]*\n> \u00FC\n\\$(\\^C)?\n"
                                      "heaptrace: 100 heap events of port 31, 411 bytes; nothing "
                                      "was lost on the way\n"
                                      "stream: [^\n]*\n"
                                      "next: drone heap\n"
                                      "status 0\n"));
}

TEST_F(TerminalTest, TheStatusLineIsNotInTheOutputThatGoesElsewhere) {
  fifo();
  Terminal terminal(project_,
                    drone() + " itm --from file:fifo --heaptrace heaptrace >text; echo end $?");
  Descriptor end = feed();
  send(end, "01 3E " + events(50));
  ASSERT_TRUE(terminal.sees("\n[0-9]+ s \\| [0-9]{2,} events \\|[^\n]*\n$"))
      << terminal.model().text();
  end.reset();
  ASSERT_TRUE(terminal.sees("end 0\n$")) << terminal.model().text();
  EXPECT_THAT(terminal.model().text(), Not(HasSubstr("growing")));
  EXPECT_EQ(read_file(project_ / "text"), ">");
}

TEST_F(TerminalTest, AnErrorStandsOnALineOfItsOwn) {
  run(drone() + " flash node.elf");
  write_file(project_ / "swo.bin", text_of("01 3E " + events(50)));
  ::setenv("FAKE_BOARD", ("faults:" + (project_ / "swo.bin").string()).c_str(), 1);
  Terminal terminal(project_, drone() + " itm --heaptrace heaptrace; echo status $?");
  ASSERT_TRUE(terminal.sees("status 4\n$")) << terminal.model().text();
  EXPECT_THAT(terminal.model().text(), HasSubstr("\n>\n"));
  EXPECT_THAT(terminal.model().text(), HasSubstr("\nerror: the program on the emulated board has"));
  EXPECT_THAT(terminal.model().text(), Not(HasSubstr(" | ")));
}

TEST_F(TerminalTest, FollowShowsTheTableWhileItIsRecordedAndLeavesTheLastOne) {
  fs::remove(project_ / "heaptrace");
  Terminal terminal(project_, "trap : INT; " + drone() + " heap --follow; echo status $?");
  ASSERT_TRUE(terminal.sees("^waiting for 'heaptrace'; Ctrl-C ends it\n$"))
      << terminal.model().text();
  write_file(project_ / "heaptrace", text_of(kSync + events(3)));
  ASSERT_TRUE(terminal.sees("HEAP USAGE[^$]*\n +65 +1 +3\n[^$]*following 'heaptrace': "))
      << terminal.model().text();
  write_file(project_ / "heaptrace", text_of(kSync + events(2)));
  ASSERT_TRUE(terminal.sees("HEAP USAGE[^$]*\n +65 +1 +2\n[^$]*following 'heaptrace': "))
      << "a new capture\n"
      << terminal.model().text();
  terminal.type(kCtrlC);
  ASSERT_TRUE(terminal.sees("status 0\n$")) << terminal.model().text();
  EXPECT_THAT(terminal.model().text(), HasSubstr("-- HEAP USAGE --"));
  EXPECT_THAT(terminal.model().text(), Not(HasSubstr("following")));
  EXPECT_EQ(terminal.model().unknown(), "");
}

}  // namespace
}  // namespace drone
