// SPDX-License-Identifier: MIT
#include "probe/board_session.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <thread>

#include "support/error.hpp"

namespace drone::probe {
namespace {

using namespace std::chrono_literals;

constexpr auto kStartTimeout = 10s;
constexpr auto kEndTimeout = 2s;
constexpr auto kRetryInterval = 5ms;
constexpr auto kLookPatience = 500ms;

// drone-board's exit statuses.
constexpr int kBoardUsage = 2;
constexpr int kBoardElf = 3;

struct flock whole_file() {
  struct flock range {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  return range;
}

[[noreturn]] void fail_to_lock(const std::filesystem::path& path, int error) {
  throw Error(ExitStatus::kInput,
              "cannot lock '" + path.string() + "': " + std::generic_category().message(error),
              "the folder .drone and its files must be yours to write");
}

std::string hex(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>((value >> shift) & 0xFF);
  return "0x" + to_hex(bytes);
}

std::filesystem::path board_program(const ProbeSettings& settings) {
  if (!settings.board_program.empty()) return settings.board_program;
  if (auto path = find_companion("drone-board")) return *std::move(path);
  throw Error(ExitStatus::kProbe, "the emulated board's program, drone-board, is missing",
              "install it beside drone, or in a folder of PATH");
}

std::vector<std::string> board_command(const ProbeSettings& settings) {
  std::vector<std::string> command = {std::filesystem::absolute(board_program(settings)).string(),
                                      "--clock", std::to_string(settings.clock_hz), "--speed",
                                      settings.max_speed ? "max" : "real"};
  if (!settings.core.empty()) command.insert(command.end(), {"--core", settings.core});
  // The board takes its first memory for the flash.
  std::vector<AddressRange> memory = settings.memory;
  std::stable_partition(memory.begin(), memory.end(),
                        [](const AddressRange& range) { return range.name == "flash"; });
  for (const AddressRange& range : memory) {
    command.insert(command.end(), {"--memory", range.name + ":" + hex(range.origin) + ":" +
                                                   std::to_string(range.size)});
  }
  // Relative to the state folder, which it runs in: a socket's path may not be long.
  command.insert(command.end(), {"--gdb", BoardFolder::kSocket, "--halt", BoardFolder::kFlash});
  return command;
}

}  // namespace

void BoardFolder::create() const {
  std::error_code error;
  std::filesystem::create_directories(path_, error);
  if (error) {
    throw Error(ExitStatus::kInput, "cannot create '" + path_.string() + "': " + error.message());
  }
}

void check_flash(const ProbeSettings& settings, const BoardFolder& folder) {
  if (!std::filesystem::exists(folder.flash())) {
    throw Error(ExitStatus::kProbe, "nothing has been flashed onto the emulated board",
                "build and flash the program first: just flash");
  }
  check_elf_fits(load_elf_image(folder.flash()), settings.memory, folder.flash());
}

std::optional<std::string> BoardFolder::holder() const {
  const Descriptor file(::open((path_ / kLock).c_str(), O_RDWR | O_CLOEXEC));
  if (!file && errno == ENOENT) return std::nullopt;
  if (!file) fail_to_lock(path_ / kLock, errno);
  struct flock range = whole_file();
  if (::fcntl(file.get(), F_OFD_GETLK, &range) != 0 || range.l_type == F_UNLCK) return std::nullopt;
  std::array<char, 64> text{};
  const ssize_t n = ::pread(file.get(), text.data(), text.size(), 0);
  return std::string(text.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
}

std::unique_ptr<GdbRemote> BoardFolder::connect() const {
  const auto deadline = std::chrono::steady_clock::now() + kEndTimeout;
  while (const auto who = holder()) {
    if (auto remote = GdbRemote::connect(path_, kSocket)) return remote;
    if (std::chrono::steady_clock::now() > deadline) {
      throw Error(ExitStatus::kProbe,
                  "the emulated board does not answer (it is run by " + *who + ")");
    }
    std::this_thread::sleep_for(kRetryInterval);
  }
  return nullptr;
}

BoardSession::BoardSession(const ProbeSettings& settings, const BoardFolder& folder,
                           const std::string& purpose, int output)
    : folder_(folder) {
  check_flash(settings, folder_);
  lock(purpose);
  ::unlink((folder_.path() / BoardFolder::kSocket).c_str());
  SubprocessOptions options;
  options.directory = folder_.path();
  options.output = output;
  process_.emplace(board_command(settings), options);
  connect();
}

BoardSession::~BoardSession() {
  remote_.reset();
  process_.reset();
  ::unlink((folder_.path() / BoardFolder::kSocket).c_str());
}

void BoardSession::lock(const std::string& purpose) {
  const std::filesystem::path path = folder_.path() / BoardFolder::kLock;
  lock_.reset(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  struct flock range = whole_file();
  if (lock_ && ::fcntl(lock_.get(), F_OFD_SETLK, &range) == 0) {
    const std::string text = purpose + " " + std::to_string(::getpid());
    if (::ftruncate(lock_.get(), 0) == 0 &&
        ::pwrite(lock_.get(), text.data(), text.size(), 0) > 0) {
      return;
    }
  } else if (lock_ && (errno == EAGAIN || errno == EACCES)) {
    throw Error(ExitStatus::kProbe,
                "the emulated board of this project is in use by " +
                    folder_.holder().value_or("another process"),
                "end that first: one board has one trace port");
  }
  fail_to_lock(path, errno);
}

void BoardSession::connect() {
  const auto deadline = std::chrono::steady_clock::now() + kStartTimeout;
  while (!(remote_ = GdbRemote::connect(folder_.path(), BoardFolder::kSocket))) {
    if (const auto end = process_->wait_for(kRetryInterval)) {
      if (end->code == kBoardUsage || end->code == kBoardElf) {
        throw Error(ExitStatus::kProbe, "the emulated board refused to start, as said above",
                    "check [memory] and [itm] in Drone.toml, and flash again: just flash");
      }
      throw Error(ExitStatus::kProbe,
                  "the emulated board ended as it started (" + describe(*end) + ")");
    }
    if (std::chrono::steady_clock::now() > deadline) {
      throw Error(ExitStatus::kProbe, "the emulated board does not start");
    }
  }
}

std::unique_ptr<GdbRemote> BoardSession::look() const {
  return GdbRemote::connect(folder_.path(), BoardFolder::kSocket, kLookPatience);
}

void BoardSession::power_off() {
  try {
    if (!remote_) remote_ = GdbRemote::connect(folder_.path(), BoardFolder::kSocket);
    if (remote_) {
      remote_->kill();
      return;
    }
  } catch (const Error&) {
    // It has ended, or does not listen any more.
  }
  process_->kill(SIGTERM);
}

ProcessEnd BoardSession::finish() {
  if (const auto end = process_->wait_for(kEndTimeout)) return *end;
  process_->kill(SIGKILL);
  return process_->wait();
}

}  // namespace drone::probe
