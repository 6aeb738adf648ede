// SPDX-License-Identifier: MIT
#include "probe/emulated_probe.hpp"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include "support/error.hpp"
#include "support/test_elf.hpp"
#include "support/test_folder.hpp"

namespace drone::probe {
namespace {

namespace fs = std::filesystem;
using test::make_elf;
using test::TestFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using namespace std::chrono_literals;

/// Waits for what another process does.
bool eventually(const std::function<bool()>& condition) {
  for (int i = 0; i != 1000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(5ms);
  }
  return false;
}

class EmulatedProbeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ::unsetenv("FAKE_BOARD");
    settings_.core = "cortex-m4";
    settings_.memory = {{"ccm", 0x10000000, 64 << 10},
                        {"flash", 0x08000000, 512 << 10},
                        {"ram", 0x20000000, 128 << 10}};
    settings_.clock_hz = 84'000'000;
    settings_.project = folder_.path();
    settings_.board_program = FAKE_BOARD_PROGRAM;
    setup_ = {.port_mask = 0x80000001, .trace_clock_hz = 84'000'000, .swo_baud = 2'000'000};
  }
  void TearDown() override { ::unsetenv("FAKE_BOARD"); }

  fs::path elf(std::uint32_t size = 64) const {
    const fs::path path = folder_.path() / "node.elf";
    std::ofstream(path, std::ios::binary) << make_elf(0x08000000, size);
    return path;
  }
  std::vector<std::string> log() const {
    std::ifstream file(settings_.project / ".drone/board.log");
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }
  pid_t board() const {
    pid_t id = 0;
    std::ifstream(settings_.project / ".drone/board.pid") >> id;
    return id;
  }
  std::unique_ptr<SwoStream> flash_and_trace() {
    EmulatedProbe probe(settings_);
    probe.flash(elf());
    return probe.trace(setup_);
  }
  static std::string read_all(SwoStream& stream) {
    std::string text;
    std::vector<std::byte> buffer(16);
    while (const std::size_t n = stream.read(buffer)) {
      text.append(reinterpret_cast<const char*>(buffer.data()), n);
    }
    return text;
  }
  static std::string read_some(SwoStream& stream, std::size_t size) {
    std::string text;
    std::vector<std::byte> buffer(1);
    while (text.size() != size && stream.read(buffer) == 1) text += static_cast<char>(buffer[0]);
    return text;
  }
  template <class Function>
  static Error error_of(Function function) {
    try {
      function();
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "nothing was thrown";
    return Error(ExitStatus::kDone, "");
  }

  TestFolder folder_;
  ProbeSettings settings_;
  TraceSetup setup_;
};

TEST_F(EmulatedProbeTest, FlashKeepsTheProgramInTheProjectsStateFolder) {
  EmulatedProbe probe(settings_);
  const FlashResult result = probe.flash(elf(100));
  EXPECT_EQ(result.bytes, 100U);
  EXPECT_FALSE(result.running);
  EXPECT_EQ(read_file(folder_.path() / ".drone/flash.elf"), make_elf(0x08000000, 100));
}

TEST_F(EmulatedProbeTest, FlashRefusesWhatDoesNotFitAndKeepsWhatWasThere) {
  EmulatedProbe probe(settings_);
  probe.flash(elf(100));
  const Error error = error_of([&] { probe.flash(elf((512 << 10) + 1)); });
  EXPECT_EQ(error.status(), ExitStatus::kInput);
  EXPECT_THAT(error.message(), HasSubstr("does not fit flash"));
  EXPECT_EQ(read_file(folder_.path() / ".drone/flash.elf"), make_elf(0x08000000, 100));
}

TEST_F(EmulatedProbeTest, NothingFlashedIsAnErrorThatSaysHowTo) {
  EmulatedProbe probe(settings_);
  for (const Error& error :
       {error_of([&] { probe.trace(setup_); }), error_of([&] { probe.reset(); }),
        error_of([&] { probe.debug(std::nullopt, false); })}) {
    EXPECT_EQ(error.status(), ExitStatus::kProbe);
    EXPECT_THAT(error.hint(), HasSubstr("just flash"));
  }
}

TEST_F(EmulatedProbeTest, TraceSetsTheUnitsUpBeforeTheProgramRuns) {
  const auto stream = flash_and_trace();
  EXPECT_EQ(read_some(*stream, 5), "hello");
  EXPECT_THAT(log(),
              ElementsAre("arguments --clock 84000000 --speed real --core cortex-m4 --memory "
                          "flash:0x08000000:524288 --memory ccm:0x10000000:65536 --memory "
                          "ram:0x20000000:131072 --gdb board.sock "
                          "--halt flash.elf",
                          "Me000edfc,4:00000001", "Me0000fb0,4:55ceacc5", "Me0000e80,4:00000000",
                          "Me0040004,4:01000000", "Me0040010,4:29000000", "Me00400f0,4:02000000",
                          "Me0040304,4:00010000", "Me0001000,4:01040000", "Me0000e80,4:0f000100",
                          "Me0000e40,4:00000000", "Me0000e00,4:01000080", "c"));
}

TEST_F(EmulatedProbeTest, AStoppedStreamGivesWhatTheBoardStillHad) {
  const auto stream = flash_and_trace();
  EXPECT_EQ(read_some(*stream, 5), "hello");
  stream->stop();
  EXPECT_EQ(read_all(*stream), "bye");
  EXPECT_EQ(stream->end_note(), "");
  EXPECT_EQ(log().back(), "k");
}

TEST_F(EmulatedProbeTest, AProgramThatEndsIsANormalEndWithANote) {
  ::setenv("FAKE_BOARD", "ends", 1);
  const auto stream = flash_and_trace();
  EXPECT_EQ(read_all(*stream), "hello");
  EXPECT_THAT(stream->end_note(), HasSubstr("has ended"));
}

TEST_F(EmulatedProbeTest, ACrashIsAnErrorOnceAllBytesAreRead) {
  ::setenv("FAKE_BOARD", "faults", 1);
  const auto stream = flash_and_trace();
  EXPECT_EQ(read_some(*stream, 5), "hello");
  const Error error = error_of([&] { read_all(*stream); });
  EXPECT_EQ(error.status(), ExitStatus::kProbe);
  EXPECT_THAT(error.message(), HasSubstr("crashed"));
  EXPECT_EQ(read_all(*stream), "") << "the stream has ended, and says so once";
}

TEST_F(EmulatedProbeTest, AProgramThatEndsWithAFailureIsAFailedCheck) {
  ::setenv("FAKE_BOARD", "fails", 1);
  const auto stream = flash_and_trace();
  EXPECT_EQ(read_some(*stream, 5), "hello");
  EXPECT_EQ(error_of([&] { read_all(*stream); }).status(), ExitStatus::kCheckFailed);
}

TEST_F(EmulatedProbeTest, ABoardThatIsKilledIsAnError) {
  const auto stream = flash_and_trace();
  EXPECT_EQ(read_some(*stream, 5), "hello");
  ::kill(board(), SIGKILL);
  EXPECT_THAT(error_of([&] { read_all(*stream); }).message(), HasSubstr("signal 9"));
}

TEST_F(EmulatedProbeTest, ABoardThatRefusesToStartIsAnError) {
  ::setenv("FAKE_BOARD", "refuses", 1);
  EXPECT_THAT(error_of([&] { flash_and_trace(); }).message(), HasSubstr("refused to start"));
}

TEST_F(EmulatedProbeTest, AMissingBoardProgramIsAnErrorThatNamesIt) {
  settings_.board_program = folder_.path() / "absent";
  const Error error = error_of([&] { flash_and_trace(); });
  EXPECT_EQ(error.status(), ExitStatus::kProbe);
  EXPECT_THAT(error.message(), HasSubstr("absent"));
}

TEST_F(EmulatedProbeTest, OneBoardIsTracedByOneProcess) {
  auto stream = flash_and_trace();
  const Error error = error_of([&] { EmulatedProbe(settings_).trace(setup_); });
  EXPECT_EQ(error.status(), ExitStatus::kProbe);
  EXPECT_THAT(error.message(), HasSubstr("in use by capture " + std::to_string(::getpid())));
  stream.reset();
  EXPECT_EQ(read_some(*EmulatedProbe(settings_).trace(setup_), 5), "hello");
}

TEST_F(EmulatedProbeTest, FlashAndResetReachARunningBoard) {
  const auto stream = flash_and_trace();
  EmulatedProbe probe(settings_);
  EXPECT_TRUE(probe.flash(elf()).running);
  EXPECT_EQ(log().back(), "monitor load " + (folder_.path() / ".drone/flash.elf").string());
  EXPECT_EQ(probe.reset(), ResetResult::kRestarted);
  EXPECT_EQ(log().back(), "monitor reset");
}

TEST_F(EmulatedProbeTest, ABoardThatIsOffNeedsNoReset) {
  EmulatedProbe probe(settings_);
  probe.flash(elf());
  EXPECT_EQ(probe.reset(), ResetResult::kNotRunning);
}

TEST_F(EmulatedProbeTest, WhatAKilledCaptureLeftBehindIsNoRunningBoard) {
  EmulatedProbe probe(settings_);
  probe.flash(elf());
  std::ofstream(folder_.path() / ".drone/board.lock") << "capture 1";
  const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  (folder_.path() / ".drone/board.sock").string().copy(address.sun_path, 100);
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ::close(listener);
  EXPECT_EQ(probe.reset(), ResetResult::kNotRunning);
  EXPECT_EQ(read_some(*probe.trace(setup_), 5), "hello");
}

TEST_F(EmulatedProbeTest, AProjectMayLieDeepInTheFileSystem) {
  settings_.project =
      folder_.path() / std::string(150, 'a') / ("with space " + std::string(99, 'b'));
  fs::create_directories(settings_.project);
  const auto stream = flash_and_trace();
  EXPECT_EQ(EmulatedProbe(settings_).reset(), ResetResult::kRestarted);
  stream->stop();
  EXPECT_EQ(read_all(*stream), "hellobye");
}

TEST_F(EmulatedProbeTest, AnUnreachableBaudRateIsFoundBeforeTheBoardStarts) {
  setup_.swo_baud = 60'000'000;
  EXPECT_THAT(error_of([&] { flash_and_trace(); }).hint(), HasSubstr("84000000 or 42000000"));
  EXPECT_FALSE(fs::exists(folder_.path() / ".drone/board.log"));
}

TEST_F(EmulatedProbeTest, AStubbornBoardEndsWithItsStream) {
  ::setenv("FAKE_BOARD", "stubborn", 1);
  auto stream = flash_and_trace();
  EXPECT_EQ(read_some(*stream, 5), "hello");
  const pid_t id = board();
  stream->stop();
  stream.reset();
  EXPECT_EQ(::kill(id, 0), -1) << "it is gone, and was waited for";
}

TEST_F(EmulatedProbeTest, TheBoardDiesWithAProcessThatIsKilled) {
  EmulatedProbe(settings_).flash(elf());
  ::setenv("FAKE_BOARD", "stubborn", 1);
  const pid_t capture = ::fork();
  if (capture == 0) {
    const auto stream = EmulatedProbe(settings_).trace(setup_);
    ::pause();
    ::_exit(0);
  }
  ASSERT_TRUE(eventually([&] { return !log().empty() && log().back() == "c"; }));
  const pid_t id = board();
  ::kill(capture, SIGKILL);
  ::waitpid(capture, nullptr, 0);
  // Init, or whoever adopted it, may not have waited for it yet: a zombie counts as gone.
  EXPECT_TRUE(eventually([&] {
    std::ifstream status("/proc/" + std::to_string(id) + "/stat");
    std::string text;
    std::getline(status, text);
    return text.empty() || text.find(") Z ") != std::string::npos;
  }));
}

/// A GDB that says what it is asked to do, and whether the socket it is to use is one.
class DebuggerTest : public EmulatedProbeTest {
 protected:
  void SetUp() override {
    EmulatedProbeTest::SetUp();
    fs::create_directory(folder_.path() / "bin");
    write_file(folder_.path() / "bin/arm-none-eabi-gdb",
               "#!/bin/sh\nprintf '%s\\n' \"$@\" > " + (folder_.path() / "asked").string() +
                   "\ntest -S ${3#target remote } && exit 7\n");
    fs::permissions(folder_.path() / "bin/arm-none-eabi-gdb", fs::perms::owner_all);
    path_ = std::getenv("PATH");
    ::setenv("PATH", (folder_.path() / "bin").c_str(), 1);
  }
  void TearDown() override {
    ::setenv("PATH", path_.c_str(), 1);
    EmulatedProbeTest::TearDown();
  }
  std::vector<std::string> asked() const {
    std::ifstream file(folder_.path() / "asked");
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }

  std::string path_;
};

TEST_F(DebuggerTest, GetsAHaltedBoardAndWhatWasFlashed) {
  EmulatedProbe probe(settings_);
  probe.flash(elf());
  EXPECT_EQ(probe.debug(std::nullopt, false), 7);
  EXPECT_THAT(asked(), ElementsAre("-q", "-ex", StartsWith("target remote /proc/"),
                                   (folder_.path() / ".drone/flash.elf").string()));
  EXPECT_THAT(log(), ElementsAre(HasSubstr("--halt"))) << "the program does not run by itself";
  EXPECT_EQ(::kill(board(), 0), -1) << "the board is off again";
}

TEST_F(DebuggerTest, JoinsARunningCapture) {
  const auto stream = flash_and_trace();
  const pid_t id = board();
  EXPECT_EQ(EmulatedProbe(settings_).debug(folder_.path() / "node.elf", true), 7);
  EXPECT_EQ(asked().back(), (folder_.path() / "node.elf").string());
  EXPECT_EQ(log().back(), "monitor reset halt");
  EXPECT_EQ(::kill(id, 0), 0) << "the capture goes on";
}

TEST_F(DebuggerTest, IsNamedWhenItIsMissing) {
  fs::remove(folder_.path() / "bin/arm-none-eabi-gdb");
  EmulatedProbe probe(settings_);
  probe.flash(elf());
  const Error error = error_of([&] { probe.debug(std::nullopt, false); });
  EXPECT_EQ(error.status(), ExitStatus::kProbe);
  EXPECT_THAT(error.hint(), HasSubstr("gdb-multiarch"));
}

TEST_F(EmulatedProbeTest, OtherInterfacesAreRefusedByName) {
  settings_.interface = Interface::kOpenOcd;
  const Error error = error_of([&] { open_probe(settings_); });
  EXPECT_EQ(error.status(), ExitStatus::kProbe);
  EXPECT_THAT(error.message(), HasSubstr("OpenOCD"));
  EXPECT_THAT(error.hint(), HasSubstr("emulator"));
}

TEST_F(EmulatedProbeTest, TheTracesStateCanBeReadWhileTheProgramRuns) {
  const auto stream = flash_and_trace();
  const auto state = stream->trace_state();
  ASSERT_TRUE(state.has_value());
  EXPECT_TRUE(state->trace_enabled);
  EXPECT_TRUE(state->itm_enabled);
  EXPECT_EQ(state->ports, setup_.port_mask);
  EXPECT_TRUE(state->uart);
  EXPECT_EQ(state->divisor, 42U);
  EXPECT_EQ(read_some(*stream, 5), "hello");
  stream->stop();
  EXPECT_EQ(read_all(*stream), "bye");
}

TEST_F(EmulatedProbeTest, ABoardThatHasEndedHasNoTraceState) {
  ::setenv("FAKE_BOARD", "ends", 1);
  const auto stream = flash_and_trace();
  EXPECT_EQ(read_all(*stream), "hello");
  EXPECT_FALSE(stream->trace_state().has_value());
}

TEST_F(EmulatedProbeTest, WhatWasFlashedLastIsKnown) {
  EmulatedProbe probe(settings_);
  EXPECT_FALSE(probe.flashed().has_value());
  probe.flash(elf());
  ASSERT_TRUE(probe.flashed().has_value());
  EXPECT_TRUE(fs::equivalent(*probe.flashed(), settings_.project / ".drone/flash.elf"));
}

}  // namespace
}  // namespace drone::probe
