// SPDX-License-Identifier: MIT
#include "preload/trace_file.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>

namespace drone::preload {
namespace {

constexpr std::size_t kWindow = std::size_t{1} << 20;
constexpr std::uint64_t kPage = 65536;  // a multiple of the pages of all processors

/// While it lives, what the kernel may do to a thread that writes is not done to the program's: it
/// is not cancelled in a system call, and a file that may not grow is no signal.
class Undisturbed {
 public:
  Undisturbed() noexcept {
    ::pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelling_);
    ::sigemptyset(&signals_);
    ::sigaddset(&signals_, SIGXFSZ);
    ::pthread_sigmask(SIG_BLOCK, &signals_, &before_);
  }
  Undisturbed(const Undisturbed&) = delete;
  Undisturbed& operator=(const Undisturbed&) = delete;
  ~Undisturbed() noexcept {
    if (::sigismember(&before_, SIGXFSZ) == 0) {
      const timespec at_once{};
      (void)::sigtimedwait(&signals_, nullptr, &at_once);
    }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    ::pthread_setcancelstate(cancelling_, nullptr);
  }

 private:
  int cancelling_ = 0;
  sigset_t signals_{};
  sigset_t before_{};
};

/// A descriptor as far from the program's own as it can be, closed in programs that it starts.
int move_up(int fd) noexcept {
  rlimit limit{};
  rlim_t highest = 1024;
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) highest = std::min<rlim_t>(limit.rlim_cur, 1 << 20);
  const int high =
      ::fcntl(fd, F_DUPFD_CLOEXEC, static_cast<int>(std::max<rlim_t>(highest, 64) - 16));
  if (high < 0) return fd;
  ::close(fd);
  return high;
}

}  // namespace

bool TraceFile::fail(const char* what, int reason) noexcept {
  // strerror() may allocate; this does not.
  const char* const words = ::strerrordesc_np(reason);
  std::snprintf(error_, sizeof(error_), "%s '%.150s': %s", what, path_,
                words != nullptr ? words : "unknown error");
  return false;
}

bool TraceFile::create(const char* path, bool is_shared_name) noexcept {
  const Undisturbed guard;
  *this = {};
  const std::size_t size = std::strlen(path);
  if (size + 12 > kMostPath) return fail("cannot create", ENAMETOOLONG);
  std::memcpy(path_, path, size + 1);

  struct stat found {};
  int more = O_EXCL;
  if (!is_shared_name && ::lstat(path_, &found) == 0) {
    if (S_ISREG(found.st_mode)) {
      ::unlink(path_);
    } else {
      more = O_TRUNC;
    }
  }
  for (unsigned number = 1;; ++number) {
    fd_ = ::open(path_, O_RDWR | O_CREAT | O_CLOEXEC | more, 0666);
    if (fd_ >= 0 || errno != EEXIST || !is_shared_name || number == 10000) break;
    std::snprintf(path_ + size, kMostPath - size, ".%u", number);
  }
  if (fd_ < 0) return fail("cannot create", errno);
  fd_ = move_up(fd_);
  if (::fstat(fd_, &found) != 0) return fail("cannot create", errno);
  if (!S_ISREG(found.st_mode)) return fail("cannot record into", EINVAL);
  device_ = found.st_dev;
  inode_ = found.st_ino;
  return true;
}

int TraceFile::acquire() noexcept {
  const auto is_it = [this](int fd) {
    struct stat found {};
    return fd >= 0 && ::fstat(fd, &found) == 0 && found.st_dev == device_ && found.st_ino == inode_;
  };
  if (is_it(fd_)) return fd_;
  fd_ = -1;
  const int fd = ::open(path_, O_RDWR | O_CLOEXEC);
  if (is_it(fd)) return fd;
  if (fd >= 0) ::close(fd);
  return -1;
}

void TraceFile::release(int fd) const noexcept {
  if (fd >= 0 && fd != fd_) ::close(fd);
}

void TraceFile::drop_window() noexcept {
  if (window_ != nullptr) ::munmap(window_, kWindow);
  window_ = nullptr;
}

bool TraceFile::move_window() noexcept {
  const Undisturbed guard;
  drop_window();
  const std::uint64_t at = length_ / kPage * kPage;
  const int fd = acquire();
  if (fd < 0) return fail("the program closed, and cannot open again,", EBADF);
  // Reserves the blocks: a full disk shall be an error here, and no SIGBUS later.
  int reason = 0;
  if (::fallocate(fd, 0, static_cast<off_t>(at), kWindow) != 0) reason = errno;
  if (reason == EOPNOTSUPP || reason == ENOSYS) {
    reason = ::ftruncate(fd, static_cast<off_t>(at + kWindow)) != 0 ? errno : 0;
  }
  void* window = MAP_FAILED;
  if (reason == 0) {
    window =
        ::mmap(nullptr, kWindow, PROT_READ | PROT_WRITE, MAP_SHARED, fd, static_cast<off_t>(at));
    if (window == MAP_FAILED) reason = errno;
  }
  if (reason != 0) (void)!::ftruncate(fd, static_cast<off_t>(length_));
  release(fd);
  if (reason != 0) return fail("cannot write", reason);
  ::madvise(window, kWindow, MADV_DONTFORK);
  window_ = static_cast<std::uint8_t*>(window);
  window_at_ = at;
  return true;
}

bool TraceFile::write_at_end(const std::uint8_t* bytes, std::size_t size) noexcept {
  const Undisturbed guard;
  std::uint8_t all[64];
  if (size != 0) std::memcpy(all, bytes, size);
  std::memcpy(all + size, tail_, tail_size_);
  const std::size_t whole = size + tail_size_;
  const int fd = acquire();
  if (fd < 0) return fail("the program closed, and cannot open again,", EBADF);
  const ssize_t written = ::pwrite(fd, all, whole, static_cast<off_t>(length_));
  const int reason = written < 0 ? errno : ENOSPC;
  release(fd);
  if (written != static_cast<ssize_t>(whole)) return fail("cannot write", reason);
  length_ += size;
  return true;
}

bool TraceFile::append(const std::uint8_t* bytes, std::size_t size) noexcept {
  if (is_closed()) return write_at_end(bytes, size);
  if (window_ == nullptr || length_ + size > window_at_ + kWindow) {
    if (!move_window()) return false;
  }
  std::memcpy(window_ + (length_ - window_at_), bytes, size);
  length_ += size;
  return true;
}

bool TraceFile::close_with(const std::uint8_t* tail, std::size_t size) noexcept {
  const Undisturbed guard;
  drop_window();
  tail_size_ = std::min(size, kMostTail);
  std::memcpy(tail_, tail, tail_size_);
  if (!write_at_end(nullptr, 0)) return false;
  const int fd = acquire();
  const bool is_cut = fd >= 0 && ::ftruncate(fd, static_cast<off_t>(length_ + tail_size_)) == 0;
  release(fd);
  return is_cut;
}

}  // namespace drone::preload
