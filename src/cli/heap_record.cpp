// SPDX-License-Identifier: MIT
#include "cli/heap_record.hpp"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>
#include <ostream>
#include <system_error>
#include <utility>

#include "drone/heaptrace/wire_format.hpp"
#include "itm/packet.hpp"
#include "preload/recording_status.hpp"
#include "support/counted.hpp"
#include "support/descriptor.hpp"
#include "support/error.hpp"
#include "support/host_program.hpp"
#include "support/subprocess.hpp"

namespace drone::cli {
namespace {

using preload::RecordingState;
using preload::RecordingStatus;

/// The memory in which the tracer leaves its numbers, and the path by which it finds it.
class SharedStatus {
 public:
  SharedStatus() : fd_(::memfd_create("drone-heap-record", MFD_CLOEXEC)) {
    if (fd_ && ::ftruncate(fd_.get(), sizeof(RecordingStatus)) == 0) {
      mapped_ = ::mmap(nullptr, sizeof(RecordingStatus), PROT_READ | PROT_WRITE, MAP_SHARED,
                       fd_.get(), 0);
    }
    if (mapped_ == MAP_FAILED) {
      throw Error(ExitStatus::kInput, "cannot share memory with the program: " +
                                          std::generic_category().message(errno));
    }
  }
  SharedStatus(const SharedStatus&) = delete;
  SharedStatus& operator=(const SharedStatus&) = delete;
  ~SharedStatus() { ::munmap(mapped_, sizeof(RecordingStatus)); }

  /// To be read when the program has ended.
  const RecordingStatus& operator*() const { return *static_cast<const RecordingStatus*>(mapped_); }
  const RecordingStatus* operator->() const { return &**this; }

  std::string path() const {
    return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(fd_.get());
  }

 private:
  Descriptor fd_;
  void* mapped_ = MAP_FAILED;
};

/// Signals that are meant for the program are blocked here while it lives, and waited for. Those of
/// the terminal reach the program without help, as it is in the same group.
class SignalRelay {
 public:
  SignalRelay() {
    ::sigemptyset(&signals_);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD}) {
      ::sigaddset(&signals_, signal);
    }
    ::sigprocmask(SIG_BLOCK, &signals_, &before_);
  }
  SignalRelay(const SignalRelay&) = delete;
  SignalRelay& operator=(const SignalRelay&) = delete;
  ~SignalRelay() {
    // What is left was meant for the program too.
    const timespec at_once{};
    while (::sigtimedwait(&signals_, nullptr, &at_once) > 0) {
    }
    ::sigprocmask(SIG_SETMASK, &before_, nullptr);
  }

  ProcessEnd wait_for(Subprocess& program) {
    for (;;) {
      if (const std::optional<ProcessEnd> end = program.poll()) return *end;
      siginfo_t info{};
      const int signal = ::sigwaitinfo(&signals_, &info);
      if (signal > 0 && signal != SIGCHLD && info.si_code <= 0) program.kill(signal);
    }
  }

 private:
  sigset_t signals_{};
  sigset_t before_{};
};

/// The file as it was before, until it is known whether something was recorded: moved aside, so
/// that the tracer's own can be followed under its name. Restored at the end unless replaced.
class FileBefore {
 public:
  /// Only a regular file is moved. What came where there was nothing is removed.
  explicit FileBefore(std::filesystem::path file) : file_(std::move(file)) {
    std::error_code failure;
    const std::filesystem::file_type type = std::filesystem::symlink_status(file_, failure).type();
    was_there_ = type != std::filesystem::file_type::not_found;
    if (type != std::filesystem::file_type::regular) return;
    const std::filesystem::path aside =
        file_.string() + '.' + std::to_string(::getpid()) + ".before";
    std::filesystem::rename(file_, aside, failure);
    if (!failure) aside_ = aside;  // else the tracer cannot replace it either, and says so
  }
  FileBefore(const FileBefore&) = delete;
  FileBefore& operator=(const FileBefore&) = delete;
  ~FileBefore() {
    std::error_code failure;
    if (was_recorded_) {
      if (!aside_.empty()) std::filesystem::remove(aside_, failure);
    } else if (!aside_.empty()) {
      std::filesystem::rename(aside_, file_, failure);
    } else if (!was_there_) {
      std::filesystem::remove(file_, failure);
    }
  }

  /// There is a recording in its place.
  void replace() { was_recorded_ = true; }

 private:
  std::filesystem::path file_;
  std::filesystem::path aside_;  ///< empty if nothing was moved
  bool was_there_ = false;
  bool was_recorded_ = false;
};

std::filesystem::path find(const std::string& program, const Environment& environment) {
  std::error_code failure;
  if (program.find('/') == std::string::npos) {
    if (const auto found = find_program(program)) return *found;
    const bool is_here = std::filesystem::exists(environment.directory / program, failure);
    throw Error(ExitStatus::kInput, "there is no program '" + program + "'",
                is_here ? "if you mean the file here: ./" + program
                        : "give its path, or a name that your shell would find in PATH");
  }
  std::filesystem::path path = environment.directory / program;
  if (!std::filesystem::exists(path, failure)) {
    throw Error(ExitStatus::kInput, "there is no program '" + program + "'");
  }
  if (!std::filesystem::is_regular_file(path, failure) || ::access(path.c_str(), X_OK) != 0) {
    throw Error(ExitStatus::kInput, "'" + program + "' is not executable");
  }
  return path;
}

/// The tracer for a program; it lies beside this one.
std::filesystem::path find_tracer(const HostProgram& program, const std::string& shown) {
  const std::string who = program.file.filename() == std::filesystem::path(shown).filename()
                              ? "'" + shown + "'"
                              : "'" + program.file.string() + "', which runs '" + shown + "',";
  if (program.kind == HostProgramKind::kStatic) {
    throw Error(ExitStatus::kInput,
                who + " is linked statically: nothing can be put before its malloc",
                "link it dynamically (without -static)");
  }
  if (program.kind == HostProgramKind::kForeign) {
    throw Error(ExitStatus::kInput, who + " is a program for another processor",
                "a firmware records itself, with the heaptrace feature: `drone itm --heaptrace "
                "heaptrace`");
  }
  const bool is_32 = program.kind == HostProgramKind::kDynamic32;
  std::error_code failure;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", failure);
  std::filesystem::path library = self.parent_path().parent_path() / "lib" / "drone" /
                                  (is_32 ? "libdrone-heaptrace-32.so" : "libdrone-heaptrace.so");
  if (!std::filesystem::exists(library, failure)) {
    throw Error(ExitStatus::kInput,
                is_32 ? who + " is a 32-bit program, and there is no tracer for these: '" +
                            library.string() + "' is missing"
                      : "the tracer '" + library.string() + "' is missing",
                is_32 ? "build drone where `g++ -m32` works (Debian: lib32stdc++-12-dev, "
                        "libc6-dev-i386)"
                      : "it is built and installed together with drone");
  }
  if (library.string().find_first_of(" :") != std::string::npos) {
    throw Error(ExitStatus::kInput,
                "the dynamic loader takes no path with a space or a colon for the tracer: '" +
                    library.string() + "'",
                "install drone somewhere else");
  }
  return library;
}

/// Cuts the file after its last event and closes it, where the program was ended before it could.
void close_trace(const std::filesystem::path& file, const RecordingStatus& status) {
  if (status.is_closed != 0) return;
  std::error_code failure;
  std::filesystem::resize_file(file, status.bytes, failure);
  if (failure) return;  // an END in the middle would be worse than none
  std::vector<std::byte> end;
  itm::append_instrumentation(end, heaptrace::kDefaultPort,
                              heaptrace::encode({heaptrace::Op::kEnd}).value, 4);
  std::ofstream out(file, std::ios::binary | std::ios::app);
  out.write(reinterpret_cast<const char*>(end.data()), static_cast<std::streamsize>(end.size()));
}

std::string in_kilobytes(std::uint64_t bytes) {
  return std::to_string((bytes + 1023) / 1024) + "K";
}

void tell(const RecordOptions& options, const HostProgram& program, const RecordingStatus& status,
          const ProcessEnd& end, Environment& environment) {
  std::ostream& err = environment.err;
  const std::string& name = options.command.front();
  if (end.signal != 0) err << "'" << name << "' was ended by " << describe(end) << '\n';
  err << "recorded " << counted(status.events, "event") << " of '" << name << "' into "
      << options.file.string() << ": at most " << counted(status.peak_bytes, "byte") << " in use\n";
  if (status.left_out != 0) {
    err << "left out: " << counted(status.left_out, "request") << " of more than "
        << counted(*options.max_request, "byte") << '\n';
  }
  if (status.dropped != 0) {
    err << "warning: " << counted(status.dropped, "event") << (status.dropped == 1 ? " is" : " are")
        << " missing: more blocks were alive than a trace can name\n";
  }
  if (status.saturated != 0) {
    err << "warning: " << counted(status.saturated, "request")
        << (status.saturated == 1 ? " was" : " were") << " of 16 MB or more, which a trace cannot "
        << "say: recorded as of " << heaptrace::kMostRecordedSize
        << " bytes (--max-request leaves such out)\n";
  }
  if (program.kind == HostProgramKind::kDynamic64) {
    err << "note: a 64-bit program; its pointers, and what holds them, are twice as large as on a "
           "Cortex-M\n";
  }
  const std::string file =
      options.file == RecordOptions().file ? "" : " -f " + options.file.string();
  if (file.find("%p") != std::string::npos) return;
  err << "next: drone heap" << file << " -s " << in_kilobytes(status.peak_bytes)
      << ", drone heap generate" << file << '\n';
}

/// A shell would run a text that names no interpreter itself, and so record another program than
/// the one that is meant.
std::unique_ptr<Subprocess> start(const std::vector<std::string>& command,
                                  const SubprocessOptions& how, const std::string& name,
                                  const HostProgram& program) {
  try {
    return std::make_unique<Subprocess>(command, how);
  } catch (const Error& error) {
    if (program.kind != HostProgramKind::kUnknown) {
      throw Error(ExitStatus::kInput, error.message(), error.hint());
    }
    throw Error(ExitStatus::kInput,
                "'" + name + "' is neither a program nor a script that names its interpreter",
                "a script begins with a line such as #!/bin/sh; without one: drone heap record -- "
                "sh " +
                    name);
  }
}

}  // namespace

ExitStatus run_heap_record(const RecordOptions& options, Environment& environment) {
  const std::string& name = options.command.front();
  const std::filesystem::path path = find(name, environment);
  const HostProgram program = inspect_host_program(path);
  const std::filesystem::path tracer = find_tracer(program, name);
  const std::filesystem::path file = environment.directory / options.file;
  std::error_code failure;
  if (std::filesystem::is_directory(file, failure)) {
    throw Error(ExitStatus::kUsage, "'" + options.file.string() + "' is a folder",
                "name a file: -o heaptrace");
  }
  const auto folder = file.parent_path();
  if (folder.string().find("%p") == std::string::npos &&
      !std::filesystem::is_directory(folder, failure)) {
    throw Error(ExitStatus::kInput, "there is no folder '" + folder.string() + "' to record into");
  }

  const SharedStatus status;
  const char* const others = std::getenv("LD_PRELOAD");
  SubprocessOptions how;
  how.directory = environment.directory;
  how.input = STDIN_FILENO;
  how.output = STDOUT_FILENO;
  how.own_group = false;
  const auto set = [&how](const std::string& variable, const std::string& value) {
    how.environment.push_back(variable + '=' + value);
  };
  set("LD_PRELOAD", tracer.string() + (others != nullptr ? ':' + std::string(others) : ""));
  set(preload::kFileVariable, file.string());
  set(preload::kPidVariable, std::string(preload::kPidDigits, '0'));
  set(preload::kStatusVariable, status.path());
  if (options.max_request) {
    set(preload::kMaxRequestVariable, std::to_string(*options.max_request));
  }
  if (options.resizes) set(preload::kResizesVariable, "1");

  std::vector<std::string> command = options.command;
  command.front() = path.string();
  environment.out.flush();
  const bool is_one = file.string().find("%p") == std::string::npos;
  ProcessEnd end;
  {
    SignalRelay relay;  // first, so that no signal comes between what is done to the files
    std::optional<FileBefore> before;
    if (is_one) before.emplace(file);
    const std::unique_ptr<Subprocess> process = start(command, how, name, program);
    end = relay.wait_for(*process);
    if (before && status->events != 0) before->replace();
  }

  const int code = end.signal != 0 ? 128 + end.signal : end.code;
  const auto fail = [&](const std::string& message, const std::string& hint) {
    throw Error(code != 0 ? static_cast<ExitStatus>(code) : ExitStatus::kInput, message, hint);
  };
  if (status->state == RecordingState::kNotStarted) {
    fail("nothing was recorded: '" + name + "' ended with " + describe(end) +
             ", and its dynamic loader did not start the tracer",
         "programs with rights of their own (setuid) cannot be recorded");
  }
  // Without an event the file is the one from before.
  if (is_one && status->events != 0 && std::filesystem::is_regular_file(file, failure)) {
    close_trace(file, *status);
  }
  if (status->state == RecordingState::kFailed) {
    fail(std::string("the recording broke off: ") + status->error,
         status->events != 0 ? "what came before is in " + options.file.string() : "");
  }
  if (status->events == 0 && status->left_out != 0) {
    const std::string limit = std::to_string(*options.max_request);
    const std::string least = std::to_string(status->least_left_out);
    fail("nothing was recorded: --max-request " + limit +
             (status->left_out == 1
                  ? " left out the only request of '" + name + "', of " + least + " bytes"
                  : " left out all " + std::to_string(status->left_out) + " requests of '" + name +
                        "', the smallest of " + least + " bytes"),
         "leave out --max-request, or raise it to " + least + " at least");
  }
  if (status->events == 0) {
    fail("'" + name + "' asked nothing of malloc",
         "a program with an allocator of its own, linked into it, cannot be recorded");
  }
  tell(options, program, *status, end, environment);
  return static_cast<ExitStatus>(code);
}

}  // namespace drone::cli
