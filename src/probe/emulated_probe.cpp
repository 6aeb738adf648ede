// SPDX-License-Identifier: MIT
#include "probe/emulated_probe.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <system_error>

#include "probe/trace_setup.hpp"
#include "support/error.hpp"

namespace drone::probe {
namespace {

// drone-board's exit statuses.
constexpr int kProgramEnded = 0;
constexpr int kProgramFailed = 1;
constexpr int kProgramFaulted = 4;

constexpr int kPipeBytes = 1 << 20;  ///< room for the board to run ahead at full speed

class EmulatedStream final : public SwoStream {
 public:
  EmulatedStream(const ProbeSettings& settings, const BoardFolder& folder, const TraceSetup& setup)
      : can_wait_(settings.max_speed) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) {
      throw Error(ExitStatus::kProbe,
                  "cannot make a pipe: " + std::generic_category().message(errno));
    }
    output_.reset(ends[0]);
    Descriptor input(ends[1]);
    ::fcntl(output_.get(), F_SETPIPE_SZ, kPipeBytes);  // smaller works too
    session_.emplace(settings, folder, "capture", input.get());
    input.reset();  // the board's end is the last one: the stream ends with it
    set_up_trace(session_->remote(), setup);
    session_->remote().resume();
    session_->disconnect();
  }

  int descriptor() const override { return output_.get(); }

  // In real time it is like any board. At full speed it has no time to keep.
  bool can_wait() const override { return can_wait_; }

  void stop() override {
    if (stopped_ || ended_) return;
    stopped_ = true;
    session_->power_off();
  }

  std::size_t read(std::span<std::byte> buffer) override {
    while (!ended_) {
      const ssize_t n = ::read(output_.get(), buffer.data(), buffer.size());
      if (n > 0) return static_cast<std::size_t>(n);
      if (n < 0 && errno == EINTR) continue;
      ended_ = true;
      judge(session_->finish());
    }
    return 0;
  }

  std::string end_note() const override { return note_; }

  std::optional<TraceState> trace_state() override {
    if (stopped_) return std::nullopt;
    try {
      const auto remote = session_->look();
      if (remote) return read_trace_state(*remote);
    } catch (const Error&) {
      // It has ended, or is busy: there is nothing to say.
    }
    return std::nullopt;
  }

 private:
  void judge(const ProcessEnd& end) {
    if (stopped_) return;
    if (end.signal == 0 && end.code == kProgramEnded) {
      note_ = "the program on the emulated board has ended";
      return;
    }
    if (end.signal == 0 && end.code == kProgramFailed) {
      throw Error(ExitStatus::kCheckFailed,
                  "the program on the emulated board has ended with a failure");
    }
    if (end.signal == 0 && end.code == kProgramFaulted) {
      throw Error(ExitStatus::kProbe,
                  "the program on the emulated board has crashed, as said above",
                  "run it under a debugger: drone gdb");
    }
    throw Error(ExitStatus::kProbe, "the emulated board itself has failed (" + describe(end) + ")",
                "start it again: it begins from reset");
  }

  const bool can_wait_;
  Descriptor output_;
  std::optional<BoardSession> session_;
  std::atomic<bool> stopped_ = false;  ///< for trace_state()
  bool ended_ = false;
  std::string note_;
};

/// While a debugger runs, the terminal's signals are its business.
class TerminalSignalsIgnored {
 public:
  TerminalSignalsIgnored() {
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    ::sigaction(SIGINT, &ignore, &interrupt_);
    ::sigaction(SIGQUIT, &ignore, &quit_);
  }
  TerminalSignalsIgnored(const TerminalSignalsIgnored&) = delete;
  TerminalSignalsIgnored& operator=(const TerminalSignalsIgnored&) = delete;
  ~TerminalSignalsIgnored() {
    ::sigaction(SIGINT, &interrupt_, nullptr);
    ::sigaction(SIGQUIT, &quit_, nullptr);
  }

 private:
  struct sigaction interrupt_ {};
  struct sigaction quit_ {};
};

std::filesystem::path find_debugger() {
  for (const char* name : {"arm-none-eabi-gdb", "gdb-multiarch"}) {
    if (auto path = find_program(name)) return *std::move(path);
  }
  throw Error(ExitStatus::kProbe, "no GDB for Arm is installed",
              "install the package gdb-multiarch, or a toolchain with arm-none-eabi-gdb");
}

}  // namespace

FlashResult EmulatedProbe::flash(const std::filesystem::path& elf) {
  const ElfImage image = load_elf_image(elf);
  check_elf_fits(image, settings_.memory, elf);
  folder_.create();
  write_file(folder_.flash(), read_file(elf));

  FlashResult result;
  for (const ElfSegment& segment : image.segments) result.bytes += segment.bytes.size();
  if (const auto remote = folder_.connect()) {
    remote->monitor("load " + std::filesystem::absolute(folder_.flash()).string());
    result.running = true;
  }
  return result;
}

std::optional<std::filesystem::path> EmulatedProbe::flashed() const {
  if (!std::filesystem::exists(folder_.flash())) return std::nullopt;
  return folder_.flash();
}

ResetResult EmulatedProbe::reset() {
  if (const auto remote = folder_.connect()) {
    remote->monitor("reset");
    return ResetResult::kRestarted;
  }
  check_flash(settings_, folder_);
  return ResetResult::kNotRunning;
}

std::unique_ptr<SwoStream> EmulatedProbe::trace(const TraceSetup& setup) {
  swo_divisor(setup.trace_clock_hz, setup.swo_baud);  // before anything starts
  return std::make_unique<EmulatedStream>(settings_, folder_, setup);
}

int EmulatedProbe::debug(const std::optional<std::filesystem::path>& elf, bool reset) {
  const std::filesystem::path gdb = find_debugger();
  std::optional<BoardSession> session;
  if (const auto remote = folder_.connect()) {
    if (reset) remote->monitor("reset halt");
  } else {
    session.emplace(settings_, folder_, "debugger", -1);
    session->disconnect();
  }

  // GDB splits its commands at spaces and takes no socket path longer than a socket's address:
  // this one is short and plain, whatever the project's.
  const Descriptor folder(::open(folder_.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const std::string socket = "/proc/" + std::to_string(::getpid()) + "/fd/" +
                             std::to_string(folder.get()) + "/" + BoardFolder::kSocket;
  SubprocessOptions options;
  options.own_group = false;
  options.input = STDIN_FILENO;
  options.output = STDOUT_FILENO;
  const TerminalSignalsIgnored ignored;
  Subprocess debugger({gdb.string(), "-q", "-ex", "target remote " + socket,
                       std::filesystem::absolute(elf.value_or(folder_.flash())).string()},
                      options);
  const ProcessEnd end = debugger.wait();
  if (end.signal != 0) {
    throw Error(ExitStatus::kProbe, gdb.filename().string() + " ended by " + describe(end));
  }
  return end.code;
}

}  // namespace drone::probe
