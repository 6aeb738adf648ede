// SPDX-License-Identifier: MIT
#pragma once

// `drone itm` and `drone heap` as processes, in a project whose board is the tests' own.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <thread>

#include "support/byte_stream.hpp"
#include "support/descriptor.hpp"
#include "support/test_bytes.hpp"
#include "support/test_elf.hpp"
#include "support/test_folder.hpp"

namespace drone {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using test::bytes_of;
using test::TestFolder;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

inline constexpr const char* kSync = "00 00 00 00 00 80";
inline constexpr const char* kAlloc = "FB 01 00 04 01";
inline constexpr const char* kEnd = "FB FF 00 00 00";

/// Events that suffice for the first of them to be recorded before the capture ends: the last are
/// held back until it is certain that their bytes are events.
inline const std::string kEvents = [] {
  std::string events;
  for (int i = 0; i != 30; ++i) events += std::string(kAlloc) + " ";
  return events;
}();

/// A block that is allocated and given back `count` times.
inline std::string events(int count) {
  std::string hex;
  for (int i = 0; i != count; ++i) hex += std::string(kAlloc) + " FA 00 00 ";
  return hex;
}

inline std::string text_of(const std::string& hex) {
  const auto bytes = bytes_of(hex);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline bool eventually(const std::function<bool()>& condition) {
  for (int i = 0; i != 1000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(5ms);
  }
  return false;
}

struct Result {
  int status = 0;
  std::string out;
  std::string err;
};

class ItmProcessTest : public ::testing::Test {
 protected:
  ItmProcessTest() : project_(folder_.path() / "project"), bin_(folder_.path() / "bin") {
    ::signal(SIGPIPE, SIG_IGN);  // of a FIFO whose reader has ended
    // The program looks for drone-board beside itself, and finds the tests' own.
    fs::create_directories(project_);
    fs::create_directories(bin_);
    fs::copy_file(DRONE_PROGRAM, bin_ / "drone");
    fs::copy_file(FAKE_BOARD_PROGRAM, bin_ / "drone-board");
    write_file(project_ / "Drone.toml", R"([heap]
size = "1K"
pools = [{ block = "16", capacity = 64 }]

[memory.flash]
origin = 0x08000000
size = "512K"

[memory.ram]
origin = 0x20000000
size = "128K"

[probe]
interface = "emulator"

[itm]
baud = 2_000_000
clock = 84_000_000
timestamps = true
)");
    write_file(project_ / "node.elf", test::make_elf(0x08000000, 1000));
    write_file(project_ / "heaptrace", "precious");
  }
  void TearDown() override {
    ::unsetenv("FAKE_BOARD");
    // Those of a test that has failed midway.
    for (const pid_t id : running_) {
      ::kill(-id, SIGKILL);
      ::waitpid(id, nullptr, 0);
    }
  }

  std::string drone() const { return (bin_ / "drone").string(); }
  std::string trace() const { return read_file(project_ / "heaptrace"); }
  /// Some of the first events of a capture are in its heaptrace file.
  bool records() const { return trace().starts_with(text_of(std::string(kSync) + kAlloc)); }

  /// What a command that runs has printed so far.
  std::string printed(const std::string& stream) const {
    const fs::path path = folder_.path() / stream;
    return fs::exists(path) ? read_file(path) : "";
  }

  std::string board_log() const {
    const fs::path log = project_ / ".drone/board.log";
    return fs::exists(log) ? read_file(log) : "";
  }

  void fifo() const { ASSERT_EQ(::mkfifo((project_ / "fifo").c_str(), 0600), 0); }
  /// The writing end of the FIFO, once something reads from it.
  Descriptor feed() const { return Descriptor(::open((project_ / "fifo").c_str(), O_WRONLY)); }
  /// The FIFO with something in it, before anything reads from it; it does not end.
  Descriptor filled_fifo(const std::string& bytes) const {
    fifo();
    Descriptor both(::open((project_ / "fifo").c_str(), O_RDWR | O_NONBLOCK));
    EXPECT_EQ(::write(both.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    return both;
  }
  static void send(const Descriptor& end, const std::string& hex) {
    const auto bytes = bytes_of(hex);
    ASSERT_EQ(::write(end.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }

  /// Starts `command` in a shell, in the project; the shell is replaced by it. What it prints goes
  /// to the files out and err, `streams` before their names.
  pid_t start(const std::string& command, const std::string& streams = "") const {
    const pid_t id = ::fork();
    if (id != 0) {
      running_.insert(id);
      return id;
    }
    ::setpgid(0, 0);
    ::signal(SIGPIPE, SIG_DFL);
    if (::chdir(project_.c_str()) != 0) ::_exit(126);
    const auto create = [&](const std::string& name) {
      return ::open((folder_.path() / name).c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    };
    const int out = create(streams + "out");
    const int err = create(streams + "err");
    ::dup2(out, STDOUT_FILENO);
    ::dup2(err, STDERR_FILENO);
    ::execl("/bin/sh", "sh", "-c", ("exec " + command).c_str(), nullptr);
    ::_exit(127);
  }
  Result finish(pid_t id, const std::string& streams = "") const {
    int status = 0;
    if (!eventually([&] { return ::waitpid(id, &status, WNOHANG) == id; })) {
      ADD_FAILURE() << "it does not end";
      ::kill(-id, SIGKILL);
      ::waitpid(id, &status, 0);
    }
    running_.erase(id);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status),
            read_file(folder_.path() / (streams + "out")),
            read_file(folder_.path() / (streams + "err"))};
  }
  Result run(const std::string& command) const { return finish(start(command)); }
  /// The same while another command runs.
  Result run_beside(const std::string& command) const {
    return finish(start(command, "beside_"), "beside_");
  }

  TestFolder folder_;
  fs::path project_;
  fs::path bin_;
  mutable std::set<pid_t> running_;
};

}  // namespace drone
