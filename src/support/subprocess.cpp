// SPDX-License-Identifier: MIT
#include "support/subprocess.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string_view>
#include <system_error>

#include "support/error.hpp"

namespace drone {
namespace {

std::string reason(int error) { return std::generic_category().message(error); }

ProcessEnd decode_status(int status) {
  if (WIFSIGNALED(status)) return {0, WTERMSIG(status)};
  return {WEXITSTATUS(status), 0};
}

/// This process's environment with `changes` in it; the strings stay where they are.
std::vector<char*> environment_with(const std::vector<std::string>& changes) {
  std::vector<char*> all;
  for (char** variable = ::environ; variable != nullptr && *variable != nullptr; ++variable) {
    const std::string_view given = *variable;
    const std::string_view name = given.substr(0, given.find('=') + 1);
    if (std::none_of(changes.begin(), changes.end(),
                     [&](const std::string& change) { return change.starts_with(name); })) {
      all.push_back(*variable);
    }
  }
  for (const std::string& change : changes) all.push_back(const_cast<char*>(change.c_str()));
  all.push_back(nullptr);
  return all;
}

bool is_executable(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path, ignored) && ::access(path.c_str(), X_OK) == 0;
}

/// What the child does between fork and exec: nothing but async-signal-safe calls. Returns only on
/// failure, with errno set.
void become(char* const* argv, char* const* environment, const SubprocessOptions& options, int null,
            pid_t parent) {
  if (options.own_group) ::setpgid(0, 0);
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return;
  if (::getppid() != parent) ::_exit(127);  // it died before the line above
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  for (int signal = 1; signal != SIGSYS + 1; ++signal) {
    // A process that shares the terminal's foreground group takes part in its signals as this
    // program has arranged it: whoever ignores Ctrl-Z does so for its children too.
    if (signal == SIGTSTP && !options.own_group) continue;
    ::sigaction(signal, &action, nullptr);
  }
  if (options.own_group) {
    action.sa_handler = SIG_IGN;  // `stty tostop` must not stop what runs in the background
    ::sigaction(SIGTTOU, &action, nullptr);
  }
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  // What this program inherited itself may lack the flag. Old kernels do not know the call.
  ::close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
  if (::dup2(options.input >= 0 ? options.input : null, STDIN_FILENO) < 0) return;
  if (::dup2(options.output >= 0 ? options.output : null, STDOUT_FILENO) < 0) return;
  if (!options.directory.empty() && ::chdir(options.directory.c_str()) != 0) return;
  ::execve(argv[0], argv, environment);
}

}  // namespace

std::string describe(const ProcessEnd& end) {
  if (end.signal != 0) return "signal " + std::to_string(end.signal);
  return "exit status " + std::to_string(end.code);
}

Subprocess::Subprocess(const std::vector<std::string>& arguments,
                       const SubprocessOptions& options) {
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  std::vector<char*> environment = environment_with(options.environment);

  const auto fail = [&](int error) {
    throw Error(ExitStatus::kProbe, "cannot start '" + arguments.front() + "': " + reason(error));
  };
  const Descriptor null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) fail(errno);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail(errno);
  const Descriptor report(ends[0]);
  Descriptor reporter(ends[1]);  // exec closes it; a byte on it is why exec failed

  const pid_t parent = ::getpid();
  id_ = ::fork();
  if (id_ < 0) fail(errno);
  if (id_ == 0) {
    become(argv.data(), environment.data(), options, null.get(), parent);
    const int error = errno;
    (void)!::write(reporter.get(), &error, sizeof(error));
    ::_exit(127);
  }
  if (options.own_group) ::setpgid(id_, id_);  // whichever of the two comes first
  reporter.reset();
  int error = 0;
  ssize_t n = 0;
  do {
    n = ::read(report.get(), &error, sizeof(error));
  } while (n < 0 && errno == EINTR);
  if (n != 0) {
    wait();
    fail(error);
  }
}

Subprocess::~Subprocess() {
  if (id_ < 0 || end_) return;
  kill(SIGKILL);
  wait();
}

std::optional<ProcessEnd> Subprocess::poll() {
  if (end_) return end_;
  int status = 0;
  if (::waitpid(id_, &status, WNOHANG) == id_) end_ = decode_status(status);
  return end_;
}

std::optional<ProcessEnd> Subprocess::wait_for(std::chrono::milliseconds timeout) {
  if (poll()) return end_;
  const Descriptor handle(static_cast<int>(::syscall(SYS_pidfd_open, id_, 0)));
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (!poll()) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) break;
    // Without pidfd (Linux before 5.3) this is a sleep of 10 ms.
    pollfd ended{handle.get(), POLLIN, 0};
    ::poll(&ended, 1, static_cast<int>(handle ? left.count() : std::min<long>(left.count(), 10)));
  }
  return end_;
}

ProcessEnd Subprocess::wait() {
  while (!end_) {
    int status = 0;
    const pid_t id = ::waitpid(id_, &status, 0);
    if (id == id_) end_ = decode_status(status);
    if (id < 0 && errno != EINTR) end_ = ProcessEnd{127, 0};
  }
  return *end_;
}

void Subprocess::kill(int signal) {
  if (!poll()) ::kill(id_, signal);
}

std::optional<std::filesystem::path> find_companion(const std::string& name) {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error && is_executable(self.parent_path() / name)) return self.parent_path() / name;
  return find_program(name);
}

std::optional<std::filesystem::path> find_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin";
  while (true) {
    const std::size_t colon = rest.find(':');
    const std::string_view folder = rest.substr(0, colon);
    if (!folder.empty() && is_executable(std::filesystem::path(folder) / name)) {
      return std::filesystem::path(folder) / name;
    }
    if (colon == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(colon + 1);
  }
}

}  // namespace drone
