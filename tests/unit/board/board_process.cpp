// SPDX-License-Identifier: MIT
#include "board_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "itm/decoder.hpp"

extern char** environ;

namespace drone::board_test {

std::string firmware(const std::string& name) {
  return std::string(BOARD_FIRMWARE_DIR) + "/" + name + ".elf";
}

BoardProcess::BoardProcess(const std::vector<std::string>& arguments) {
  std::vector<std::string> words = {DRONE_BOARD, "--memory", "flash:0x08000000:64K", "--memory",
                                    "ram:0x20000000:16K"};
  if (std::find(arguments.begin(), arguments.end(), "--clock") == arguments.end()) {
    words.insert(words.end(), {"--clock", "84000000"});
  }
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  std::array<int, 2> out{};
  std::array<int, 2> err{};
  if (::pipe2(out.data(), O_CLOEXEC) != 0 || ::pipe2(err.data(), O_CLOEXEC) != 0) {
    throw std::runtime_error("no pipe");
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err[1], STDERR_FILENO);
  const int error = ::posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(out[1]);
  ::close(err[1]);
  out_ = out[0];
  err_ = err[0];
  if (error != 0) throw std::runtime_error("drone-board does not start");
}

BoardProcess::~BoardProcess() {
  if (running()) {
    signal(SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  if (out_ >= 0) ::close(out_);
  if (err_ >= 0) ::close(err_);
}

// Takes what is there; false when both outputs have ended.
bool BoardProcess::pump(int timeout_ms) {
  std::array<pollfd, 2> descriptors = {pollfd{out_, POLLIN, 0}, pollfd{err_, POLLIN, 0}};
  if (out_ < 0 && err_ < 0) return false;
  ::poll(descriptors.data(), descriptors.size(), timeout_ms);
  std::array<char, 65536> buffer{};
  for (int* descriptor : {&out_, &err_}) {
    const pollfd& polled = descriptors[descriptor == &out_ ? 0 : 1];
    if (*descriptor < 0 || polled.revents == 0) continue;
    const ssize_t got = ::read(*descriptor, buffer.data(), buffer.size());
    if (got <= 0) {
      ::close(*descriptor);
      *descriptor = -1;
    } else if (descriptor == &err_) {
      log_.append(buffer.data(), static_cast<std::size_t>(got));
    } else {
      for (ssize_t i = 0; i != got; ++i) {
        trace_.push_back(static_cast<std::byte>(buffer[static_cast<std::size_t>(i)]));
      }
    }
  }
  return out_ >= 0 || err_ >= 0;
}

const std::vector<std::byte>& BoardProcess::read_trace(std::size_t size,
                                                       std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (trace_.size() < size && std::chrono::steady_clock::now() < deadline && pump(5)) {
  }
  return trace_;
}

void BoardProcess::close_trace() {
  ::close(out_);
  out_ = -1;
}

void BoardProcess::signal(int number) const { ::kill(pid_, number); }

bool BoardProcess::running() {
  if (pid_ < 0) return false;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return true;
  pid_ = -1;
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return false;
}

int BoardProcess::wait() {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (pump(50)) {
    if (std::chrono::steady_clock::now() > deadline) return -1;
  }
  while (running()) {
    if (std::chrono::steady_clock::now() > deadline) return -1;
    ::usleep(1000);
  }
  return status_;
}

Result run_board(const std::string& name, const std::vector<std::string>& arguments) {
  std::vector<std::string> all = arguments;
  if (std::find(all.begin(), all.end(), "--speed") == all.end()) {
    all.insert(all.end(), {"--speed", "max"});
  }
  all.push_back(firmware(name));
  BoardProcess board(all);
  const int status = board.wait();
  return {status, board.trace(), board.log()};
}

std::vector<itm::Packet> decode(const std::vector<std::byte>& trace) {
  std::vector<itm::Packet> packets;
  itm::Decoder decoder;
  decoder.feed(trace, packets);
  decoder.finish(packets);
  return packets;
}

std::vector<std::uint64_t> said(const std::vector<std::byte>& trace, unsigned port) {
  std::vector<std::uint64_t> values;
  for (const itm::Packet& packet : decode(trace)) {
    if (packet.kind == itm::PacketKind::kInstrumentation && packet.source == port) {
      values.push_back(packet.value);
    }
  }
  return values;
}

}  // namespace drone::board_test
