// SPDX-License-Identifier: MIT
#pragma once

// The firmware under test on the emulated board: its functions are called from the host, and
// interrupts are made pending exactly before a chosen instruction.

#include <cstdint>
#include <filesystem>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "board/machine.hpp"
#include "interface.hpp"

namespace drone::preemption {

/// A point between two instructions of a call: after `cycle` executed ones; if the next one is IT,
/// `inside` counts the instructions of its block that the point is behind, from 1 on (an interrupt
/// is taken before each of them, whether its condition holds or not).
struct Boundary {
  std::uint64_t cycle = 0;
  unsigned inside = 0;
  std::uint32_t pc = 0;     ///< of the instruction that is next
  bool in_handler = false;  ///< an interrupt's
};

struct Injection {
  Boundary at;
  unsigned interrupt = 0;
};

enum class Taken : std::uint8_t {
  kAtOnce,   ///< before the instruction
  kMasked,   ///< later: interrupts were masked there
  kNowhere,  ///< the point was not reached
};

struct Call {
  std::string problem;  ///< empty: it returned
  std::uint32_t result = 0;
  std::vector<Taken> taken;          ///< for each injection
  std::vector<Boundary> boundaries;  ///< behind the last injection, as far as they were asked for
};

/// How the trace FIFO stands when an operation begins, and how fast it empties.
enum class Fifo : std::uint8_t {
  kOff,      ///< nobody listens
  kFast,     ///< empty; one byte takes 10 cycles
  kFull,     ///< full; one byte takes 40
  kStalled,  ///< full, and nothing leaves it: events are dropped, until `resume_fifo`
};

class Target {
 public:
  /// Throws Error.
  Target(const std::filesystem::path& elf, Fifo fifo, bool clears_monitor = true);

  /// A reset, and start-up code. Throws Error if it does not come to its end.
  void boot();

  using Memory = std::vector<std::byte>;
  Memory save();
  /// RAM is as it was, no call is under way, the trace FIFO is empty. Not after a call with a
  /// problem: then boot() first.
  void restore(const Memory& memory);

  /// Calls a function and makes interrupts pending at the given points of it, in order.
  Call call(std::uint32_t function, const std::uint32_t (&arguments)[3] = {0, 0, 0},
            const std::vector<Injection>& injections = {}, bool wants_boundaries = false);
  /// Fills the trace FIFO, and stalls it, if that is how an operation is to find it.
  void fill_fifo();
  void resume_fifo();
  bool interrupts_masked() { return machine_.cpu().special().primask != 0; }

  const Interface& interface() const { return interface_; }
  Operation operation(std::uint32_t index);
  std::string text(std::uint32_t address);
  std::string sequence_name(std::uint32_t index);
  std::vector<std::byte> take_trace();

  template <class T>
  T read(std::uint32_t address) {
    T value;
    machine_.cpu().read_memory(address, std::as_writable_bytes(std::span(&value, 1)));
    return value;
  }
  void write(std::uint32_t address, std::uint32_t value);
  void read_bytes(std::uint32_t address, std::span<std::byte> bytes) {
    machine_.cpu().read_memory(address, bytes);
  }
  std::uint32_t job(std::size_t offset) const {
    return interface_.job + static_cast<std::uint32_t>(offset);
  }

 private:
  void set_up_trace();
  void pend(unsigned interrupt);
  bool reach(const Boundary& at, Call& call);
  void observe(std::uint32_t pc);
  std::vector<std::uint32_t> block_of(std::uint32_t pc);
  std::string describe_end(board::RunEnd end);

  std::ostringstream console_;
  ElfImage image_;
  Fifo fifo_;
  board::Machine machine_;
  Interface interface_{};
  std::uint64_t start_ = 0;
  std::vector<Boundary>* boundaries_ = nullptr;
  std::vector<std::uint32_t> block_;  ///< instructions of the IT block that is being observed
};

}  // namespace drone::preemption
