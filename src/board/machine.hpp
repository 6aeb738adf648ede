// SPDX-License-Identifier: MIT
#pragma once

// The emulated microcontroller: core, memory and system registers put together, with what happens
// between instructions: exceptions are entered and left, sleep ends, faults are raised. It knows
// nothing of real time, files or sockets.

#include <cstdint>
#include <functional>
#include <optional>
#include <ostream>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "board/cpu.hpp"
#include "board/system_registers.hpp"
#include "support/elf_image.hpp"

namespace drone::board {

struct MachineConfiguration {
  CoreKind core = CoreKind::kCortexM4;
  std::vector<MemoryRegion> regions;  ///< the first is the flash, with the vector table
  std::uint32_t clock_hz = 0;
  /// Exception entry and return clear the exclusive monitor, as the architecture has it. Off: a
  /// wrong board, on which tests of interrupt safety must fail.
  bool clears_monitor = true;
};

/// A fault for which the program has no handler of its own: what a HardFault stands for.
struct Fault {
  std::string kind;      ///< "bus fault"
  std::string what;      ///< what was tried, and where
  std::string hint;      ///< may be empty
  std::uint32_t pc = 0;  ///< what a stack frame would show: the instruction that faulted
  std::optional<std::uint32_t> branched_from;  ///< if pc is where no instruction can be
  std::uint32_t lr = 0;
  std::uint32_t sp = 0;
  unsigned exception = 0;  ///< active when it happened; 0: none
  std::uint32_t cfsr = 0;
  std::uint32_t hfsr = 0;
  int gdb_signal = 0;
};

enum class RunEnd : std::uint8_t {
  kLimit,       ///< the cycle asked for is reached
  kBreakpoint,  ///< a debugger's breakpoint, or a BKPT instruction while one is attached
  kFault,       ///< see Machine::fault(); running on repeats it
  kExit,        ///< semihosting; see Machine::exit_status()
};

class Machine final : private CpuClient {
 public:
  static constexpr std::uint64_t kNever = UINT64_MAX;

  /// `console` takes what the program writes through semihosting.
  /// Throws Error (kUsage) for memory that cannot be.
  Machine(const MachineConfiguration& configuration, std::ostream& console);

  /// Erases flash (and RAM, to zeros), writes the program and resets.
  void load(const ElfImage& image);
  /// A system reset: trace and debug registers, RAM and time go on.
  void reset();

  /// Executes until `limit` (a cycle) or something else. A sleeping program's time jumps.
  RunEnd run(std::uint64_t limit);
  /// Executes one instruction (or IT block), with interrupts held off.
  RunEnd step();
  std::uint64_t now() const { return cpu_.cycles(); }
  /// The program sleeps, and no timer will wake it.
  bool sleeps_forever() const;
  bool asleep() const { return asleep_; }

  /// Valid after kFault and kExit.
  const Fault& fault() const { return *fault_; }
  int exit_status() const { return exit_status_; }

  /// What the SWO pin sent since the last call.
  std::vector<std::byte> take_trace();
  std::size_t trace_size() const { return registers_.tpiu().output_size(); }
  /// Sends what is left in the trace FIFO.
  void drain_trace();

  /// Calls `observer` before each instruction that is executed, with its address: for tests that
  /// measure what ran. Null ends it; then it costs nothing.
  void set_observer(std::function<void(std::uint32_t)> observer) {
    observer_ = std::move(observer);
  }

  // What a debugger does.
  Cpu& cpu() { return cpu_; }
  void set_debugger_attached(bool attached);
  /// Whether a debugger holds the processor, for DHCSR.
  void set_halted(bool halted) { halted_ = halted; }
  /// The next run starts even if there is a breakpoint, or a BKPT that was reported.
  void prepare_resume();
  std::multiset<std::uint32_t>& breakpoints() { return breakpoints_; }
  bool read(std::uint32_t address, std::span<std::byte> bytes);
  bool write(std::uint32_t address, std::span<const std::byte> bytes);

 private:
  // CpuClient
  bool attend(std::uint32_t pc) override;
  std::uint32_t read_system(std::uint32_t address, unsigned size) override;
  void write_system(std::uint32_t address, unsigned size, std::uint32_t value) override;

  // machine.cpp
  void settle();
  bool wakes();
  PriorityMasks masks() const;
  std::optional<unsigned> takeable();
  std::optional<RunEnd> handle(const Stop& stop);
  std::optional<RunEnd> handle_breakpoint(const Stop& stop);

  // exception_frames.cpp: none, or why it cannot be
  std::optional<RunEnd> enter(unsigned number, std::uint32_t return_address);
  std::optional<RunEnd> leave(std::uint32_t exc_return, std::uint32_t instruction);
  std::optional<RunEnd> invalid_return(const std::string& why, std::uint32_t instruction);

  // faults.cpp
  std::optional<RunEnd> handle_fault(const Stop& stop);
  std::optional<RunEnd> raise(unsigned number, std::uint32_t cfsr, Fault fault);
  RunEnd report(Fault fault, std::uint32_t cfsr, std::uint32_t hfsr);
  std::string describe_address(std::uint32_t address, bool write) const;
  std::string access_hint(std::uint32_t address, bool write) const;

  Cpu cpu_;
  SystemRegisters registers_;
  bool clears_monitor_;
  std::ostream& console_;
  std::function<void(std::uint32_t)> observer_;

  std::uint64_t limit_ = 0;
  bool halted_ = false;
  bool asleep_ = false;
  bool waits_for_event_ = false;
  bool event_ = false;  // the event register
  bool interrupts_held_ = false;
  bool debugger_attached_ = false;
  std::multiset<std::uint32_t> breakpoints_;
  std::optional<std::uint32_t> passed_breakpoint_;
  std::optional<std::uint32_t> reported_bkpt_;
  std::optional<Fault> fault_;
  int exit_status_ = 0;
};

}  // namespace drone::board
