// SPDX-License-Identifier: MIT
#include "probe/file_stream.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <system_error>

#include "support/byte_stream.hpp"
#include "support/decompress.hpp"
#include "support/descriptor.hpp"
#include "support/error.hpp"

namespace drone::probe {
namespace {

std::string reason(int error) { return std::generic_category().message(error); }

class FileStream final : public SwoStream {
 public:
  FileStream(int fd, Descriptor owned, std::string name)
      : fd_(fd), owned_(std::move(owned)), name_(std::move(name)) {
    struct stat status {};
    always_readable_.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    is_regular_ = ::fstat(fd_, &status) == 0 && S_ISREG(status.st_mode);
  }

  // Once stopped, read() never waits.
  int descriptor() const override { return stopped_ ? always_readable_.get() : fd_; }

  // Only a terminal, which a serial line is, does not hold up its writer.
  bool can_wait() const override { return ::isatty(fd_) != 1; }

  void stop() override { stopped_ = true; }

  std::size_t read(std::span<std::byte> buffer) override {
    while (true) {
      // A file that is there as a whole ends where it is stopped; of a pipe what has been written
      // is taken. A FIFO that nobody has written to yet reads as ended, so it is waited for.
      if (stopped_ && (is_regular_ || !wait_readable(0))) return 0;
      if (!stopped_ && !is_regular_) wait_readable(-1);
      const ssize_t n = ::read(fd_, buffer.data(), buffer.size());
      if (n >= 0) return static_cast<std::size_t>(n);
      if (errno != EINTR && errno != EAGAIN) {
        throw Error(ExitStatus::kInput, "cannot read " + name_ + ": " + reason(errno));
      }
    }
  }

 private:
  bool wait_readable(int timeout_ms) const {
    pollfd readable{fd_, POLLIN, 0};
    return ::poll(&readable, 1, timeout_ms) > 0;
  }

  int fd_;
  Descriptor owned_;
  Descriptor always_readable_;
  std::string name_;
  bool is_regular_ = false;
  bool stopped_ = false;
};

/// A compressed file, as what it holds.
class CompressedStream final : public SwoStream {
 public:
  explicit CompressedStream(const std::filesystem::path& path)
      : source_(open_source(path)),
        name_("'" + path.string() + "'"),
        always_readable_(::open("/dev/null", O_RDONLY | O_CLOEXEC)) {}

  int descriptor() const override { return always_readable_.get(); }
  bool can_wait() const override { return true; }
  void stop() override { stopped_ = true; }

  std::size_t read(std::span<std::byte> buffer) override {
    if (stopped_) return 0;
    try {
      return source_.read(buffer);
    } catch (const Error& error) {
      throw Error(error.status(), "cannot read " + name_ + ": " + error.message(), error.hint());
    }
  }

  std::string end_note() const override {
    if (!source_.is_cut()) return {};
    return "note: " + name_ + " ends in the middle of its " +
           std::string(name_of(source_.compression())) + " data: what came before that counts";
  }

 private:
  DecompressingSource source_;
  std::string name_;
  Descriptor always_readable_;
  bool stopped_ = false;
};

/// Whether it is a file, which can be read again, and begins as compressed data do.
bool is_compressed_file(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return false;
  std::array<std::byte, 16> head;
  const ssize_t n = ::pread(fd, head.data(), head.size(), 0);
  return n > 0 &&
         compression_of(std::span(head).first(static_cast<std::size_t>(n))) != Compression::kNone;
}

}  // namespace

std::unique_ptr<SwoStream> open_file_stream(const std::filesystem::path& path) {
  // Without O_NONBLOCK, opening a FIFO waits for its writer, deaf to Ctrl-C.
  Descriptor file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  const std::string name = "'" + path.string() + "'";
  if (!file) {
    const int error = errno;
    throw Error(ExitStatus::kInput, "cannot open " + name + ": " + reason(error),
                error == ENOENT ? "give an ITM stream that was recorded before, or make a FIFO and "
                                  "have something write to it"
                                : "");
  }
  if (std::filesystem::is_directory(path)) {
    throw Error(ExitStatus::kInput, "cannot read " + name + ": it is a folder");
  }
  const int fd = file.get();
  if (is_compressed_file(fd)) return std::make_unique<CompressedStream>(path);
  return std::make_unique<FileStream>(fd, std::move(file), name);
}

std::unique_ptr<SwoStream> standard_input_stream() {
  return std::make_unique<FileStream>(STDIN_FILENO, Descriptor(), "standard input");
}

}  // namespace drone::probe
