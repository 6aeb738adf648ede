// SPDX-License-Identifier: MIT
#include "support/nonblocking_output.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <system_error>
#include <utility>

#include "support/error.hpp"

namespace drone {
namespace {

/// What a terminal that says it is writable takes without waiting, in practice. (Linux says so from
/// one byte of room on, but has a buffer of kilobytes.)
constexpr std::size_t kTerminalBytes = 64;

}  // namespace

NonblockingOutput::NonblockingOutput(int fd, std::string name) : fd_(fd), name_(std::move(name)) {
  if (fd < 0) return;
  struct stat status {};
  const bool known = ::fstat(fd, &status) == 0;
  const bool may_wait =
      known && (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode) || ::isatty(fd) == 1);
  kind_ = may_wait ? Kind::kOther : Kind::kFile;
  if (!may_wait || S_ISSOCK(status.st_mode)) return;
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  own_.reset(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
}

bool NonblockingOutput::is_writable() const {
  pollfd writable{target(), POLLOUT, 0};
  return ::poll(&writable, 1, 0) > 0 && (writable.revents & (POLLOUT | POLLERR | POLLHUP)) != 0;
}

std::size_t NonblockingOutput::write_some(std::span<const std::byte> bytes) {
  if (kind_ == Kind::kNone) return bytes.size();
  std::size_t written = 0;
  while (written != bytes.size() && !closed_) {
    std::size_t size = bytes.size() - written;
    if (kind_ == Kind::kOther && !own_) {
      if (!is_writable()) break;
      // A pipe that is writable has this much room.
      size = std::min<std::size_t>(size, ::isatty(fd_) == 1 ? kTerminalBytes : PIPE_BUF);
    }
    const ssize_t n = ::write(target(), bytes.data() + written, size);
    if (n >= 0) {
      written += static_cast<std::size_t>(n);
    } else if (errno == EAGAIN) {
      break;
    } else if (errno == EPIPE || (errno == EIO && kind_ == Kind::kOther)) {
      closed_ = true;
    } else if (errno != EINTR) {
      throw Error(ExitStatus::kInput,
                  "cannot write to " + name_ + ": " + std::generic_category().message(errno));
    }
  }
  return written;
}

}  // namespace drone
