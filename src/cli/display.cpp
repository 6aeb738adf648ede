// SPDX-License-Identifier: MIT
#include "cli/display.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <ostream>
#include <system_error>

#include "support/error.hpp"

namespace drone::cli {

void Display::write(std::span<const std::byte> bytes) {
  pending_.insert(pending_.end(), bytes.begin(), bytes.end());
}

void Display::flush() {
  std::vector<std::byte> bytes;
  bytes.swap(pending_);
  if (closed_ || bytes.empty()) return;
  if (environment_.out_descriptor >= 0) {
    write_descriptor(bytes);
    return;
  }
  environment_.out.write(reinterpret_cast<const char*>(bytes.data()),
                         static_cast<std::streamsize>(bytes.size()));
  environment_.out.flush();
  closed_ = !environment_.out;
}

void Display::write_descriptor(std::span<const std::byte> bytes) {
  const int fd = environment_.out_descriptor;
  while (!bytes.empty()) {
    pollfd events[] = {{fd, POLLOUT, 0}, {interrupts_.descriptor(), POLLIN, 0}};
    if (::poll(events, std::size(events), interrupts_.requested() ? 0 : -1) < 0) continue;
    if (events[0].revents == 0) {
      if (interrupts_.requested()) return;
      continue;
    }
    // A pipe that is writable takes this many bytes without waiting.
    const ssize_t n = ::write(fd, bytes.data(), std::min<std::size_t>(bytes.size(), PIPE_BUF));
    if (n >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    } else if (errno == EPIPE) {
      closed_ = true;
      return;
    } else if (errno != EINTR && errno != EAGAIN) {
      throw Error(ExitStatus::kInput,
                  "cannot write to standard output: " + std::generic_category().message(errno));
    }
  }
}

}  // namespace drone::cli
