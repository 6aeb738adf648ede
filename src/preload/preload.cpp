// SPDX-License-Identifier: MIT

// The tracer that `drone heap record` puts before a program's allocator (LD_PRELOAD): functions of
// the names malloc, free and so on, which call the next ones of that name and report what these
// did.
//
// In here nothing may be taken for granted that a program usually can: the first call comes before
// the C library is initialised, any function called may allocate and so come back, a signal handler
// may come in between, a fork may copy the process while another thread is at work, and the program
// may close, change and forget whatever it inherited.

#include <dlfcn.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>

#include "preload/pages.hpp"
#include "preload/recording.hpp"
#include "preload/recording_status.hpp"

namespace drone::preload {
namespace {

// The next functions of these names: the C library's, or those of another allocator that the
// program was linked with.

struct Allocator {
  void* (*malloc)(std::size_t);
  void (*free)(void*);
  void* (*calloc)(std::size_t, std::size_t);
  void* (*realloc)(void*, std::size_t);
  void* (*memalign)(std::size_t, std::size_t);
  void* (*aligned_alloc)(std::size_t, std::size_t);
  int (*posix_memalign)(void**, std::size_t, std::size_t);
  void* (*valloc)(std::size_t);
  void* (*pvalloc)(std::size_t);
};

constinit Allocator next_functions{};
constinit bool are_known = false;

template <class Function>
void look_up(Function& function, const char* name) noexcept {
  function = reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

/// dlsym() may allocate. What it gets then is never given back: it comes from here.
class Bootstrap {
 public:
  void* allocate(std::size_t size) noexcept {
    const std::size_t taken = (size + 15) / 16 * 16;
    if (size > sizeof(memory_) || taken > sizeof(memory_) - used_) return nullptr;
    void* const block = memory_ + used_;
    used_ += taken;
    return block;
  }
  bool owns(const void* block) const noexcept {
    return block >= memory_ && block < memory_ + sizeof(memory_);
  }
  /// Bytes that may be read from a block of it on.
  std::size_t size_from(const void* block) const noexcept {
    return static_cast<std::size_t>(memory_ + sizeof(memory_) -
                                    static_cast<const std::byte*>(block));
  }

 private:
  alignas(16) std::byte memory_[16384] = {};
  std::size_t used_ = 0;
};

constinit Bootstrap bootstrap{};

/// The next functions, or null while they are being looked up.
const Allocator* next() noexcept {
  if (are_known) [[likely]] {
    return &next_functions;
  }
  static constinit bool is_looking = false;
  if (is_looking) return nullptr;
  is_looking = true;
  look_up(next_functions.malloc, "malloc");
  look_up(next_functions.free, "free");
  look_up(next_functions.calloc, "calloc");
  look_up(next_functions.realloc, "realloc");
  look_up(next_functions.memalign, "memalign");
  look_up(next_functions.aligned_alloc, "aligned_alloc");
  look_up(next_functions.posix_memalign, "posix_memalign");
  look_up(next_functions.valloc, "valloc");
  look_up(next_functions.pvalloc, "pvalloc");
  is_looking = false;
  are_known = true;
  return &next_functions;
}

// What a forked process must find as it is in no process: the kernel makes zeros of this page in
// it, so that it is not recorded into its parent's file, and does not wait for a thread that it
// lacks. A vfork() shares its parent's memory, this included: it allocates from its parent's heap.

struct OfThisProcess {
  std::uint32_t is_recording;
  pthread_mutex_t lock;  // zeros are PTHREAD_MUTEX_INITIALIZER
};

constinit OfThisProcess not_yet{};
constinit OfThisProcess* of_this_process = &not_yet;

enum class Phase : std::uint8_t {
  kUntried,
  kStarted,  // if is_recording is not set with that, this is a forked process
  kPassive,  // nothing to be recorded, now and later
};
constinit Phase phase = Phase::kUntried;

constinit Recording recording{};
constinit RecordingStatus own_status{};
constinit pid_t recorded_process = 0;

/// This thread is in a function of this file: what comes meanwhile is the allocator calling itself,
/// or a signal handler, and not traced.
[[gnu::tls_model("initial-exec")]] constinit thread_local bool is_inside = false;

void say(const char* what) noexcept {
  char line[400];
  const int size = std::snprintf(line, sizeof(line), "drone heap record: %s\n", what);
  if (size > 0) {
    (void)!::write(STDERR_FILENO, line, std::min(static_cast<std::size_t>(size), sizeof(line) - 1));
  }
}

/// Whether this is the process that shall be recorded, by the variable that names it.
bool is_chosen(char* chosen) noexcept {
  char mine[kPidDigits + 1];
  std::snprintf(mine, sizeof(mine), "%0*d", static_cast<int>(kPidDigits), ::getpid());
  if (std::strlen(chosen) != kPidDigits) return false;
  if (std::strspn(chosen, "0") == kPidDigits) std::memcpy(chosen, mine, kPidDigits);
  return std::strcmp(chosen, mine) == 0;
}

/// The path with each %p replaced. False if it does not fit.
bool expand(const char* name, char* path, std::size_t size) noexcept {
  std::size_t length = 0;
  if (name[0] != '/') {
    if (::getcwd(path, size - 1) == nullptr) return false;
    length = std::strlen(path);
    path[length++] = '/';
  }
  for (; *name != 0 && length + kPidDigits + 2 < size; ++name) {
    if (name[0] == '%' && name[1] == 'p') {
      length +=
          static_cast<std::size_t>(std::snprintf(path + length, size - length, "%d", ::getpid()));
      ++name;
    } else {
      path[length++] = *name;
    }
  }
  path[length] = 0;
  return *name == 0;
}

/// The memory where `drone` reads how it went; if nobody does, this process's own.
RecordingStatus& open_status(const char* path) noexcept {
  if (path == nullptr) return own_status;
  const int fd = ::open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return own_status;
  void* const mapped =
      ::mmap(nullptr, sizeof(RecordingStatus), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ::close(fd);
  return mapped == MAP_FAILED ? own_status : *static_cast<RecordingStatus*>(mapped);
}

bool prepare_process() noexcept {
  if (of_this_process != &not_yet) return true;
  constexpr std::size_t kPage = 4096;
  void* const page = map_pages(kPage);
  if (page == nullptr) return false;
  if (::madvise(page, kPage, MADV_WIPEONFORK) != 0) {
    unmap_pages(page, kPage);
    return false;
  }
  of_this_process = static_cast<OfThisProcess*>(page);
  return true;
}

/// Begins the recording of this process. A process has one thread when it allocates first, and
/// likewise after a fork.
void start() noexcept {
  // Some of the dynamic loader's allocations come before there is an environment.
  if (::environ == nullptr) return;
  const bool is_forked = phase == Phase::kStarted;
  phase = Phase::kPassive;

  const char* name = ::getenv(kFileVariable);
  if (name == nullptr) name = "heaptrace";
  const bool are_all = std::strstr(name, "%p") != nullptr;
  if (is_forked && !are_all) return;

  // The first process reports to `drone`, whether others are recorded or not.
  char* const chosen = ::getenv(kPidVariable);
  const bool is_first = !is_forked && (chosen == nullptr || is_chosen(chosen));
  if (!is_first && !are_all) return;
  // Started by hand, without the variable: programs started by this one would replace its file.
  if (chosen == nullptr && !are_all) ::unsetenv("LD_PRELOAD");

  RecordingOptions options{std::numeric_limits<std::size_t>::max(), false};
  if (const char* const most = ::getenv(kMaxRequestVariable); most != nullptr) {
    options.max_request = static_cast<std::size_t>(::strtoull(most, nullptr, 10));
  }
  const char* const resizes = ::getenv(kResizesVariable);
  options.are_moves_resizes = resizes != nullptr && std::strcmp(resizes, "1") == 0;
  static char path[4096];
  RecordingStatus& status = is_first ? open_status(::getenv(kStatusVariable)) : own_status;
  if (!expand(name, path, sizeof(path))) {
    say("the name of the trace is too long");
    return;
  }
  if (!prepare_process()) {
    say("this system cannot keep forked processes apart (madvise MADV_WIPEONFORK)");
    return;
  }
  if (!recording.begin(path, are_all, options, status)) {
    if (&status == &own_status) say(status.error);
    return;
  }
  recorded_process = ::getpid();
  phase = Phase::kStarted;
  of_this_process->is_recording = 1;
}

/// One call of a function of this file.
class Call {
 public:
  Call() noexcept : is_outermost_(!is_inside) {
    is_inside = true;
    if (!is_outermost_) return;
    if (of_this_process->is_recording == 0 && phase != Phase::kPassive) [[unlikely]] {
      const int error = errno;
      start();
      errno = error;
    }
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  ~Call() noexcept {
    if (is_outermost_) is_inside = false;
  }

  bool is_recorded() const noexcept { return is_outermost_ && of_this_process->is_recording != 0; }

 private:
  bool is_outermost_;
};

/// While it lives, no other thread reports.
class Report {
 public:
  Report() noexcept : error_(errno) { ::pthread_mutex_lock(&of_this_process->lock); }
  Report(const Report&) = delete;
  Report& operator=(const Report&) = delete;
  ~Report() noexcept {
    if (!recording.is_open()) [[unlikely]] {
      if (of_this_process->is_recording != 0 && own_status.error[0] != 0) say(own_status.error);
      of_this_process->is_recording = 0;
      phase = Phase::kPassive;
    }
    ::pthread_mutex_unlock(&of_this_process->lock);
    errno = error_;
  }

  /// The recording, unless it failed while this thread waited.
  Recording* operator->() const noexcept { return &recording; }
  explicit operator bool() const noexcept { return of_this_process->is_recording != 0; }

  /// errno is to be what it is now.
  void keep_error() noexcept { error_ = errno; }

 private:
  int error_;
};

/// Reports a request that was made: of `size` bytes, and its outcome.
void* requested(const Call& call, void* block, std::size_t size,
                std::size_t alignment = 0) noexcept {
  if (!call.is_recorded()) return block;
  const Report report;
  if (!report) return block;
  if (block != nullptr) {
    report->allocated(block, size, alignment);
  } else if (errno != EINVAL) {
    report->failed(size, alignment);
  }
  return block;
}

/// count * size, saturating.
std::size_t product(std::size_t count, std::size_t size) noexcept {
  std::size_t bytes = 0;
  return __builtin_mul_overflow(count, size, &bytes) ? std::numeric_limits<std::size_t>::max()
                                                     : bytes;
}

std::size_t page_size() noexcept { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

void* resize(void* block, std::size_t size) noexcept {
  const Call call;
  const Allocator* const allocator = next();
  if (allocator == nullptr || bootstrap.owns(block)) {
    void* const moved = allocator == nullptr ? bootstrap.allocate(size)
                                             : requested(call, allocator->malloc(size), size);
    if (moved != nullptr && block != nullptr) {
      std::memcpy(moved, block, std::min(size, bootstrap.size_from(block)));
    }
    return moved;
  }
  if (!call.is_recorded()) return allocator->realloc(block, size);
  if (block == nullptr) return requested(call, allocator->realloc(block, size), size);
  // As soon as the old block is given back another thread may get it: that shall report it after.
  Report report;
  void* const result = allocator->realloc(block, size);
  report.keep_error();
  if (!report) return result;
  if (size == 0) {
    report->released(block);
  } else if (result == nullptr) {
    report->failed(size, 0);
  } else {
    report->reallocated(block, result, size);
  }
  return result;
}

[[gnu::constructor]] void begin() noexcept {
  (void)next();
  const Call call;
}

[[gnu::destructor]] void end() noexcept {
  const Call call;
  if (!call.is_recorded() || ::getpid() != recorded_process)
    return;  // a vfork() is not the program
  const Report report;
  if (report) report->end();
}

}  // namespace
}  // namespace drone::preload

// The functions that the program calls.

using drone::preload::Allocator;
using drone::preload::bootstrap;
using drone::preload::Call;
using drone::preload::end;
using drone::preload::next;
using drone::preload::page_size;
using drone::preload::product;
using drone::preload::Report;
using drone::preload::requested;
using drone::preload::resize;

extern "C" {
#pragma GCC visibility push(default)

void* malloc(std::size_t size) noexcept {
  const Call call;
  const Allocator* const allocator = next();
  if (allocator == nullptr) return bootstrap.allocate(size);
  return requested(call, allocator->malloc(size), size);
}

void* calloc(std::size_t count, std::size_t size) noexcept {
  const Call call;
  const Allocator* const allocator = next();
  if (allocator == nullptr) return bootstrap.allocate(product(count, size));  // used once only
  return requested(call, allocator->calloc(count, size), product(count, size));
}

void free(void* block) noexcept {
  if (block == nullptr || bootstrap.owns(block)) return;
  const Call call;
  const Allocator* const allocator = next();
  if (allocator == nullptr) return;
  if (call.is_recorded()) {
    const Report report;
    if (report) report->released(block);
  }
  allocator->free(block);
}

void* realloc(void* block, std::size_t size) noexcept { return resize(block, size); }

void* reallocarray(void* block, std::size_t count, std::size_t size) noexcept {
  const std::size_t bytes = product(count, size);
  if (bytes != std::numeric_limits<std::size_t>::max()) return resize(block, bytes);
  const Call call;
  errno = ENOMEM;
  return requested(call, nullptr, bytes);
}

void* memalign(std::size_t alignment, std::size_t size) noexcept {
  const Call call;
  const Allocator* const allocator = next();
  if (allocator == nullptr) return nullptr;
  return requested(call, allocator->memalign(alignment, size), size, alignment);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  const Call call;
  const Allocator* const allocator = next();
  if (allocator == nullptr) return nullptr;
  return requested(call, allocator->aligned_alloc(alignment, size), size, alignment);
}

int posix_memalign(void** block, std::size_t alignment, std::size_t size) noexcept {
  const Call call;
  const Allocator* const allocator = next();
  if (allocator == nullptr) return ENOMEM;
  const int result = allocator->posix_memalign(block, alignment, size);
  if (result == EINVAL) return result;
  if (result == 0) {
    requested(call, *block, size, alignment);
  } else if (call.is_recorded()) {
    const Report report;
    if (report) report->failed(size, alignment);
  }
  return result;
}

void* valloc(std::size_t size) noexcept {
  const Call call;
  const Allocator* const allocator = next();
  if (allocator == nullptr) return nullptr;
  return requested(call, allocator->valloc(size), size, page_size());
}

void* pvalloc(std::size_t size) noexcept {
  const Call call;
  const Allocator* const allocator = next();
  if (allocator == nullptr) return nullptr;
  return requested(call, allocator->pvalloc(size), size, page_size());
}

// They skip the destructors, this library's included.

void _exit(int status) {
  end();
  for (;;) ::syscall(SYS_exit_group, status);
}

void _Exit(int status) noexcept { ::_exit(status); }

#pragma GCC visibility pop
}
