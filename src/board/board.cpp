// SPDX-License-Identifier: MIT
#include "board/board.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "board/symbols.hpp"
#include "support/elf_image.hpp"
#include "support/error.hpp"

namespace drone::board {

using namespace std::chrono_literals;

namespace {

// Emulated time between two looks at the world. In real time it is what the board may be ahead of
// the wall clock; at full speed, some milliseconds of work.
constexpr std::uint64_t kSlicesPerSecond = 500;
constexpr std::uint64_t kFullSpeedSlice = 1 << 20;
// A machine that falls behind by more than this (a busy host) does not try to catch up.
constexpr auto kLargestLag = 200ms;
// Of a pipe, poll() promises room for this much.
constexpr std::size_t kWriteChunk = 4096;
// More trace than this waits for the reader, and the machine with it.
constexpr std::size_t kUnwrittenLimit = 1 << 20;
constexpr auto kFinishTimeout = 5s;
// For how long a program that sleeps for ever at full speed waits for a first debugger.
constexpr auto kClientTimeout = 1s;

std::vector<AddressRange> ranges_of(const std::vector<MemoryRegion>& regions) {
  std::vector<AddressRange> ranges;
  ranges.reserve(regions.size());
  for (const MemoryRegion& region : regions) {
    ranges.push_back({region.name, region.origin, region.size});
  }
  return ranges;
}

}  // namespace

Board::Board(const Options& options, int trace, int signals, std::ostream& log)
    : options_(options),
      machine_({.core = options.core, .regions = options.regions, .clock_hz = options.clock_hz},
               log),
      trace_(trace),
      signals_(signals),
      log_(log) {
  load(options.elf);
  if (!options.gdb.empty()) server_.emplace(options.gdb, static_cast<GdbTarget&>(*this));
  halted_ = hold_ = options.start_halted;
  machine_.set_halted(halted_);
}

void Board::load(const std::filesystem::path& elf) {
  const ElfImage image = load_elf_image(elf);
  check_elf_fits(image, ranges_of(options_.regions), elf);
  machine_.load(image);
  elf_ = elf;
  fault_reported_ = false;
}

int Board::run() {
  started_ = Clock::now();
  restart_pace();
  while (!exit_status_) {
    if (halted_) {
      collect_trace();
      wait(std::nullopt);
    } else if (unwritten_.size() > kUnwrittenLimit) {
      wait(std::nullopt);
      restart_pace();
    } else {
      run_slice();
    }
  }
  finish();
  return *exit_status_;
}

void Board::run_slice() {
  if (!options_.real_time && machine_.sleeps_forever()) return sleep_without_end();
  const std::uint64_t slice = options_.real_time
                                  ? std::max<std::uint64_t>(options_.clock_hz / kSlicesPerSecond, 1)
                                  : kFullSpeedSlice;
  const RunEnd end = machine_.run(machine_.now() + slice);
  collect_trace();
  if (end != RunEnd::kLimit) {
    ended(end);
  } else if (options_.real_time) {
    pace();
  } else {
    wait(Clock::duration::zero());
  }
}

void Board::ended(RunEnd end) {
  switch (end) {
    case RunEnd::kLimit:
      break;
    case RunEnd::kBreakpoint:
      halt(kSignalTrap);
      break;
    case RunEnd::kExit:
      exit_status_ = machine_.exit_status();
      break;
    case RunEnd::kFault:
      report_fault();
      // A debugger may look at it; continuing is the end.
      if (server_ && server_->has_debugger() && !fault_reported_) {
        fault_reported_ = true;
        halt(machine_.fault().gdb_signal);
      } else {
        exit_status_ = static_cast<int>(ExitStatus::kProbe);
      }
      break;
  }
}

void Board::sleep_without_end() {
  const bool could_come = server_ && Clock::now() - started_ < kClientTimeout;
  if (server_ && server_->has_clients()) {
    wait(std::nullopt);
  } else if (could_come) {
    wait(kClientTimeout / 20);
  } else {
    log_ << "the program sleeps and nothing will wake it\n";
    exit_status_ = 0;
  }
}

void Board::restart_pace() {
  pace_start_ = Clock::now();
  pace_cycle_ = machine_.now();
}

void Board::pace() {
  const double seconds =
      static_cast<double>(machine_.now() - pace_cycle_) / static_cast<double>(options_.clock_hz);
  const auto due = pace_start_ + std::chrono::duration_cast<Clock::duration>(
                                     std::chrono::duration<double>(seconds));
  const auto now = Clock::now();
  if (now - due > kLargestLag) restart_pace();
  wait(std::max(due - now, Clock::duration::zero()));
}

// Waits for anything to do, at most for `timeout`, and does it.
void Board::wait(std::optional<Clock::duration> timeout) {
  const auto deadline = Clock::now() + timeout.value_or(Clock::duration::zero());
  while (true) {
    std::vector<pollfd> descriptors;
    const int trace_events = unwritten_.empty() ? 0 : POLLOUT;
    // A negative descriptor is passed over.
    descriptors.push_back({trace_closed_ ? -1 : trace_, static_cast<short>(trace_events), 0});
    descriptors.push_back({signals_, POLLIN, 0});
    if (server_) server_->append_descriptors(descriptors);
    const auto left = std::max(deadline - Clock::now(), Clock::duration::zero());
    const auto nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(left).count();
    const timespec time{.tv_sec = static_cast<time_t>(nanoseconds / 1000000000),
                        .tv_nsec = static_cast<long>(nanoseconds % 1000000000)};
    const int ready =
        ::ppoll(descriptors.data(), descriptors.size(), timeout ? &time : nullptr, nullptr);
    if (ready < 0 && errno != EINTR) {
      throw Error(ExitStatus::kProbe, "waiting for input failed");
    }
    if (ready <= 0) return;
    if ((descriptors[0].revents & (POLLERR | POLLNVAL)) != 0) kill();
    if ((descriptors[0].revents & POLLOUT) != 0) write_trace();
    if (descriptors[1].revents != 0) kill();
    if (server_) {
      server_->serve();
      if (server_->take_lost_debugger() && halted_ && !hold_ && !server_->has_debugger()) resume();
    }
    // Trace that was written is no reason to stop waiting for the time to come.
    if (exit_status_ || !timeout || halted_ || Clock::now() >= deadline) return;
  }
}

void Board::collect_trace() {
  const std::vector<std::byte> bytes = machine_.take_trace();
  if (!trace_closed_) unwritten_.insert(unwritten_.end(), bytes.begin(), bytes.end());
}

// As much as can be written without waiting.
void Board::write_trace() {
  std::size_t done = 0;
  while (done != unwritten_.size()) {
    pollfd descriptor{trace_, POLLOUT, 0};
    if (::poll(&descriptor, 1, 0) <= 0 || (descriptor.revents & POLLOUT) == 0) break;
    const std::size_t size = std::min(unwritten_.size() - done, kWriteChunk);
    const ssize_t written = ::write(trace_, unwritten_.data() + done, size);
    if (written >= 0) {
      done += static_cast<std::size_t>(written);
    } else if (errno != EINTR && errno != EAGAIN) {
      // Nobody listens any more: that ends the board.
      trace_closed_ = true;
      done = unwritten_.size();
      exit_status_ = exit_status_.value_or(0);
    }
  }
  unwritten_.erase(unwritten_.begin(), unwritten_.begin() + static_cast<std::ptrdiff_t>(done));
}

void Board::finish() {
  machine_.drain_trace();
  collect_trace();
  const auto deadline = Clock::now() + kFinishTimeout;
  while (!unwritten_.empty() && Clock::now() < deadline) {
    pollfd descriptor{trace_, POLLOUT, 0};
    if (::poll(&descriptor, 1, 100) > 0) write_trace();
  }
  if (server_) server_->notify_exit(*exit_status_);
}

void Board::halt(int signal) {
  if (!halted_) signal_ = signal;
  halted_ = true;
  machine_.set_halted(true);
  if (server_) server_->notify_halted();
}

void Board::resume() {
  if (!halted_) return;
  halted_ = hold_ = false;
  machine_.set_halted(false);
  machine_.prepare_resume();
  restart_pace();
}

void Board::step() {
  machine_.prepare_resume();
  halted_ = hold_ = false;
  machine_.set_halted(false);
  const RunEnd end = machine_.step();
  collect_trace();
  if (end == RunEnd::kLimit) {
    halt(kSignalTrap);
  } else {
    ended(end);
  }
}

GdbTarget::Answer Board::monitor(std::string_view command) {
  constexpr std::string_view kLoad = "load ";
  if (command == "reset" || command == "reset halt") {
    machine_.reset();
    fault_reported_ = false;
    if (command == "reset halt") {
      halt(kSignalTrap);
      hold_ = true;
    }
    return {};
  }
  if (command == "halt") {
    halt(kSignalInterrupt);
    hold_ = true;
    return {};
  }
  if (command.substr(0, kLoad.size()) == kLoad) {
    try {
      load(std::string(command.substr(kLoad.size())));
    } catch (const Error& error) {
      return {.done = false, .text = "error: " + error.message()};
    }
    return {};
  }
  return {.done = false,
          .text = fmt::format("error: unknown command '{}': reset, reset halt, halt, load ELF",
                              command)};
}

void Board::debuggers_changed() {
  machine_.set_debugger_attached(server_ && server_->has_debugger());
}

void Board::report_fault() {
  const Fault& fault = machine_.fault();
  if (fault_reported_) return;
  const Symbols symbols(elf_);
  const auto place = [&](std::uint32_t address) {
    const std::string name = symbols.describe(address & ~1U);
    return fmt::format("0x{:08x}{}{}", address, name.empty() ? "" : " in ", name);
  };
  log_ << fmt::format("error: the program faulted: {}: {}\n", fault.kind, fault.what);
  if (fault.branched_from) {
    log_ << fmt::format("  pc 0x{:08x}, reached from {}\n", fault.pc, place(*fault.branched_from));
  } else {
    log_ << fmt::format("  pc {}\n", place(fault.pc));
  }
  if ((fault.lr | 0x1F) == UINT32_MAX) {
    log_ << fmt::format("  lr 0x{:08x} (a return from an exception)\n", fault.lr);
  } else {
    log_ << fmt::format("  lr {}\n", place(fault.lr));
  }
  log_ << fmt::format("  sp 0x{:08x}, in {}, CFSR 0x{:08x}, HFSR 0x{:08x}\n", fault.sp,
                      exception_name(fault.exception), fault.cfsr, fault.hfsr);
  if (!fault.hint.empty()) log_ << "hint: " << fault.hint << '\n';
  log_.flush();
}

}  // namespace drone::board
