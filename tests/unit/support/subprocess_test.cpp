// SPDX-License-Identifier: MIT
#include "support/subprocess.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>

#include "support/byte_stream.hpp"
#include "support/error.hpp"
#include "support/test_folder.hpp"

namespace drone {
namespace {

using namespace std::chrono_literals;
using test::TestFolder;

/// What `sh -c script` prints.
std::string output_of(const std::string& script, SubprocessOptions options = {}) {
  const TestFolder folder;
  const auto path = folder.path() / "output";
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  options.output = file.get();
  Subprocess process({"/bin/sh", "-c", script}, options);
  process.wait();
  return read_file(path);
}

TEST(Subprocess, TellsHowTheProcessEnded) {
  EXPECT_EQ(Subprocess({"/bin/sh", "-c", "exit 3"}, {}).wait().code, 3);
  EXPECT_EQ(Subprocess({"/bin/sh", "-c", "kill -TERM $$"}, {}).wait().signal, SIGTERM);
}

TEST(Subprocess, SaysWhyAProgramCannotBeStarted) {
  try {
    Subprocess process({"/nonexistent/board"}, {});
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), ExitStatus::kProbe);
    EXPECT_EQ(error.message(), "cannot start '/nonexistent/board': No such file or directory");
  }
}

TEST(Subprocess, RunsInTheFolderItIsGivenWithoutOtherDescriptors) {
  const Descriptor mine(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  SubprocessOptions options;
  options.directory = "/usr";
  EXPECT_EQ(output_of("pwd; ls /proc/self/fd | tr '\\n' ' '", options),
            "/usr\n0 1 2 3 ");  // 3 is ls reading the folder
}

TEST(Subprocess, HasDefaultSignalHandling) {
  ::signal(SIGPIPE, SIG_IGN);
  const std::string ignored = output_of("grep SigIgn /proc/self/status");
  ::signal(SIGPIPE, SIG_DFL);
  EXPECT_EQ(std::stoul(ignored.substr(ignored.find_first_of("0123456789")), nullptr, 16) &
                (1UL << (SIGPIPE - 1)),
            0U);
}

TEST(Subprocess, LeavesTheTerminalsGroupIfItIsToldTo) {
  const std::string script = "ps -o pgid= -p $$ | tr -d ' \\n'; echo; echo $$";
  const std::string own = output_of(script);
  EXPECT_EQ(own.substr(0, own.find('\n') + 1) + own.substr(0, own.find('\n') + 1), own);
  SubprocessOptions shared;
  shared.own_group = false;
  EXPECT_EQ(output_of("ps -o pgid= -p $$ | tr -d ' \\n'", shared), std::to_string(::getpgrp()));
}

TEST(Subprocess, WaitsNoLongerThanItIsTold) {
  Subprocess process({"/bin/sleep", "100"}, {});
  EXPECT_FALSE(process.wait_for(20ms));
  process.kill(SIGTERM);
  EXPECT_EQ(process.wait_for(5s).value().signal, SIGTERM);
}

TEST(Subprocess, EndsWithItsOwner) {
  pid_t id = 0;
  {
    Subprocess process({"/bin/sleep", "100"}, {});
    id = process.id();
  }
  EXPECT_EQ(::kill(id, 0), -1);
}

TEST(FindProgram, LooksThroughThePath) {
  EXPECT_TRUE(find_program("sh").has_value());
  EXPECT_FALSE(find_program("no-such-program-as-this").has_value());
}

TEST(FindCompanion, LooksBesideThisProgramFirst) {
  const auto self = std::filesystem::read_symlink("/proc/self/exe");
  EXPECT_EQ(find_companion(self.filename().string()), self);
}

}  // namespace
}  // namespace drone
