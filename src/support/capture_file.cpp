// SPDX-License-Identifier: MIT
#include "support/capture_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "support/error.hpp"

namespace drone {
namespace {

constexpr std::size_t kBufferSize = 1 << 16;

[[noreturn]] void fail(const char* what, const std::filesystem::path& path, int error,
                       std::string hint = {}) {
  throw Error(
      ExitStatus::kInput,
      std::string(what) + " '" + path.string() + "': " + std::generic_category().message(error),
      std::move(hint));
}

std::string creation_hint(int error) {
  if (error == ENOENT) return "make its folder first";
  if (error == EISDIR) return "name a file in that folder";
  return {};
}

}  // namespace

CaptureFile::CaptureFile(const std::filesystem::path& path) : path_(path) {
  fd_.reset(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  created_ = static_cast<bool>(fd_);
  if (!created_ && errno == EEXIST) fd_.reset(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  // A symbolic link to nothing exists and does not: it is created through.
  if (!fd_ && errno == ENOENT) {
    fd_.reset(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
  }
  if (!fd_) fail("cannot create", path, errno, creation_hint(errno));
}

CaptureFile::~CaptureFile() {
  if (created_ && !started_) {
    ::unlink(path_.c_str());
    return;
  }
  try {
    flush();
  } catch (const Error&) {
    // Whoever needs to know has called flush().
  }
}

void CaptureFile::start() {
  if (started_) return;
  started_ = true;
  struct stat status {};
  if (::fstat(fd_.get(), &status) == 0 && S_ISREG(status.st_mode) &&
      ::ftruncate(fd_.get(), 0) != 0) {
    failed_ = true;
    fail("cannot write", path_, errno);
  }
}

void CaptureFile::write(std::span<const std::byte> bytes) {
  start();
  if (failed_) return;
  pending_.insert(pending_.end(), bytes.begin(), bytes.end());
  if (pending_.size() >= kBufferSize) flush();
}

void CaptureFile::flush() {
  if (failed_) return;
  std::span<const std::byte> rest(pending_);
  while (!rest.empty()) {
    const ssize_t n = ::write(fd_.get(), rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      failed_ = true;
      const int error = errno;
      pending_.clear();
      fail("cannot write", path_, error,
           written_ == 0 ? "nothing of the capture is in it"
                         : "the first " + std::to_string(written_) +
                               " bytes of the capture are in it and can be read");
    }
    written_ += static_cast<std::uint64_t>(n);
    rest = rest.subspan(static_cast<std::size_t>(n));
  }
  pending_.clear();
}

}  // namespace drone
