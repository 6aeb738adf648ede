// SPDX-License-Identifier: MIT

// Faults (ARMv7-M ARM, B1.5.14). One for which the program enabled a handler (SHCSR) that may
// preempt what runs is taken as an exception. Any other would escalate to HardFault, whose handler
// is an endless loop in nearly every program: it is reported instead.

#include <fmt/format.h>

#include "board/machine.hpp"

namespace drone::board {

namespace {

// GDB's numbers.
constexpr int kSignalIllegal = 4;
constexpr int kSignalTrap = 5;
constexpr int kSignalArithmetic = 8;
constexpr int kSignalBus = 10;
constexpr int kSignalSegment = 11;

constexpr std::uint32_t kThumb = 1U << 24;
constexpr std::uint32_t kNullPage = 0x400;
constexpr std::uint32_t kPeripherals = 0x40000000;
constexpr std::uint32_t kPeripheralsEnd = 0x60000000;
constexpr std::uint32_t kPeripheralRegion = 0x100000;  ///< as much as a bus has
constexpr std::uint32_t kStackOverrun = 0x10000;

}  // namespace

std::string Machine::describe_address(std::uint32_t address, bool write) const {
  const auto text = [&](const std::string& why) {
    return fmt::format("0x{:08x}, {}", address, why);
  };
  for (const MemoryRegion& region : cpu_.regions()) {
    if (address - region.origin >= region.size) continue;
    const bool refused = write && !region.writable;
    return text("in " + region.name + (refused ? ", which a program cannot write" : ""));
  }
  if (address >= kPeripherals && address < kPeripheralsEnd) {
    return text("a peripheral's address: the board has no peripherals there");
  }
  if (address < kNullPage) return text("where there is no memory (a null pointer)");
  return text("where there is no memory");
}

std::string Machine::access_hint(std::uint32_t address, bool write) const {
  if (address >= kPeripherals && address < kPeripheralsEnd) {
    return fmt::format(
        "code that sets up clocks or pins must be left out on the emulated board; or Drone.toml "
        "makes those addresses plain memory: [memory.periph] origin = 0x{:08x}, size = \"1M\"",
        address & ~(kPeripheralRegion - 1));
  }
  const std::uint32_t sp = cpu_.reg(Register::kSp);
  for (const MemoryRegion& region : cpu_.regions()) {
    if (region.writable && address < region.origin && region.origin - address <= kStackOverrun &&
        sp < region.origin + kNullPage && sp >= region.origin - kStackOverrun) {
      return fmt::format("the stack has overflowed: sp is 0x{:08x}, {} begins at 0x{:08x}", sp,
                         region.name, region.origin);
    }
    if (write && !region.writable && address - region.origin < region.size && address < kNullPage) {
      return "perhaps a null pointer: this board's flash begins at address 0";
    }
  }
  return {};
}

std::optional<RunEnd> Machine::handle_fault(const Stop& stop) {
  // An even address is wrong whether there is memory or not.
  StopKind kind = stop.kind;
  if (kind == StopKind::kFetchFault && (cpu_.xpsr() & kThumb) == 0) kind = StopKind::kInvalidState;
  Fault fault;
  fault.pc = stop.instruction;
  unsigned number = kUsageFault;
  std::uint32_t cfsr = 0;
  switch (kind) {
    case StopKind::kReadFault:
    case StopKind::kWriteFault: {
      const bool write = stop.kind == StopKind::kWriteFault;
      number = kBusFault;
      cfsr = kPrecisErr | kBfarValid;
      registers_.set_bus_fault_address(stop.address);
      fault.kind = "bus fault";
      fault.what = fmt::format("{} of {} byte{} at {}", write ? "write" : "read", stop.size,
                               stop.size == 1 ? "" : "s", describe_address(stop.address, write));
      fault.hint = access_hint(stop.address, write);
      fault.gdb_signal = kSignalSegment;
      break;
    }
    case StopKind::kFetchFault:
      number = kBusFault;
      cfsr = kIBusErr;
      fault.kind = "bus fault";
      fault.what = "instruction fetch at " + describe_address(stop.address, false);
      fault.pc = stop.address;
      fault.branched_from = stop.instruction;
      fault.gdb_signal = kSignalSegment;
      break;
    case StopKind::kExecuteNever:
      number = kMemManage;
      cfsr = kIaccViol;
      fault.kind = "memory management fault";
      fault.what =
          fmt::format("instruction fetch at 0x{:08x}, where nothing may be executed", stop.address);
      fault.pc = stop.address;
      fault.branched_from = stop.instruction;
      fault.gdb_signal = kSignalSegment;
      break;
    case StopKind::kInvalidState:
      cfsr = kInvState;
      fault.kind = "usage fault";
      fault.what = fmt::format(
          "branch to the even address 0x{:08x}: Cortex-M executes Thumb code only (bit 0 set)",
          stop.address);
      fault.hint =
          stop.address < kNullPage ? "a call through a null function pointer does this" : "";
      fault.pc = stop.address;
      fault.branched_from = stop.instruction;
      fault.gdb_signal = kSignalIllegal;
      break;
    case StopKind::kDivideByZero:
      cfsr = kDivByZero;
      fault.kind = "usage fault";
      fault.what = "division by zero";
      fault.gdb_signal = kSignalArithmetic;
      break;
    case StopKind::kUnaligned:
      cfsr = kUnaligned;
      fault.kind = "usage fault";
      fault.what = fmt::format("unaligned access at 0x{:08x}", stop.address);
      fault.gdb_signal = kSignalBus;
      break;
    case StopKind::kNoCoprocessor:
      cfsr = kNoCp;
      fault.kind = "usage fault";
      fault.what = cpu_.has_float()
                       ? "floating-point instruction while the unit is disabled (CPACR)"
                       : "floating-point instruction: this core has no such unit";
      fault.hint = cpu_.has_float() ? "the start-up code must set bits 23:20 of CPACR" : "";
      fault.gdb_signal = kSignalIllegal;
      break;
    default: {
      cfsr = kUndefInstr;
      fault.kind = "usage fault";
      std::uint16_t opcode = 0;
      cpu_.read_memory(stop.instruction, std::as_writable_bytes(std::span(&opcode, 1)));
      fault.what = fmt::format("undefined instruction 0x{:04x}", opcode);
      fault.gdb_signal = kSignalIllegal;
      break;
    }
  }
  return raise(number, cfsr, fault);
}

std::optional<RunEnd> Machine::raise(unsigned number, std::uint32_t cfsr, Fault fault) {
  const Exceptions& exceptions = registers_.exceptions();
  const bool preempts = exceptions.group_priority(number) < exceptions.execution_priority(masks());
  if (exceptions.enabled(number) && preempts) {
    registers_.set_fault_status(cfsr, 0);
    return enter(number, fault.pc);
  }
  if (exceptions.enabled(number)) {
    fault.what += " (the program handles such faults, but not at the priority of this one)";
  }
  return report(fault, cfsr, kHfsrForced);
}

RunEnd Machine::report(Fault fault, std::uint32_t cfsr, std::uint32_t hfsr) {
  registers_.set_fault_status(cfsr, hfsr);
  if (registers_.exceptions().execution_priority(masks()) < 0) {
    fault.kind = "lockup after a " + fault.kind;
  }
  fault.cfsr = cfsr;
  fault.hfsr = hfsr;
  fault.lr = cpu_.reg(Register::kLr);
  fault.sp = cpu_.reg(Register::kSp);
  fault.exception = cpu_.xpsr() & 0x1FF;
  if (fault.gdb_signal == 0) fault.gdb_signal = kSignalTrap;
  cpu_.set_reg(Register::kPc, fault.pc);
  fault_ = std::move(fault);
  return RunEnd::kFault;
}

}  // namespace drone::board
