// SPDX-License-Identifier: MIT
#include "board/machine.hpp"

#include <algorithm>
#include <cstring>

#include "board/semihosting.hpp"
#include "drone/cortex_m/registers.hpp"

namespace drone::board {

namespace {

constexpr std::uint32_t kThumb = 1U << 24;
constexpr std::uint32_t kExceptionNumber = 0x1FF;
constexpr std::uint32_t kSystemBase = 0xE0000000;
constexpr std::uint32_t kSystemEnd = 0xE0100000;
constexpr std::uint32_t kBkptOpcode = 0xBE00;
constexpr std::uint32_t kSemihosting = 0xAB;

unsigned access_size(std::uint32_t address, std::size_t left) {
  if (address % 4 == 0 && left >= 4) return 4;
  if (address % 2 == 0 && left >= 2) return 2;
  return 1;
}

}  // namespace

Machine::Machine(const MachineConfiguration& configuration, std::ostream& console)
    : cpu_(configuration.core, configuration.regions, *this),
      registers_({.core = configuration.core,
                  .clock_hz = configuration.clock_hz,
                  .vector_table = configuration.regions.front().origin},
                 [this] { return cpu_.xpsr() & kExceptionNumber; }),
      clears_monitor_(configuration.clears_monitor),
      console_(console) {}

void Machine::load(const ElfImage& image) {
  for (const MemoryRegion& region : cpu_.regions()) {
    const bool is_flash = &region == &cpu_.regions().front();
    cpu_.write_memory(region.origin, std::vector<std::byte>(
                                         region.size, is_flash ? std::byte{0xFF} : std::byte{0}));
  }
  for (const ElfSegment& segment : image.segments) {
    cpu_.write_memory(segment.address, segment.bytes);
  }
  reset();
}

void Machine::reset() {
  registers_.reset();
  settle();
  asleep_ = waits_for_event_ = event_ = false;
  fault_.reset();
  passed_breakpoint_.reset();
  reported_bkpt_.reset();
  for (unsigned number = 0; number != 13; ++number) cpu_.set_reg(number, 0);
  if (cpu_.has_float()) {
    for (unsigned number = 0; number != 32; ++number) cpu_.set_float_reg(number, 0);
    cpu_.set_fpscr(0);
  }
  std::uint32_t vectors[2] = {};
  cpu_.read_memory(registers_.vector_table(), std::as_writable_bytes(std::span(vectors)));
  SpecialRegisters special;
  special.msp = vectors[0];
  special.xpsr = (vectors[1] & 1) != 0 ? kThumb : 0;
  cpu_.set_special(special);
  cpu_.set_reg(Register::kLr, UINT32_MAX);
  cpu_.set_reg(Register::kPc, vectors[1]);
  cpu_.clear_exclusive();
}

bool Machine::sleeps_forever() const {
  return asleep_ && registers_.systick().next_exception() == kNever;
}

PriorityMasks Machine::masks() const {
  const SpecialRegisters special = cpu_.special();
  return {special.primask, special.basepri, special.faultmask};
}

// Takes up what writes to system registers and passing time have changed.
void Machine::settle() {
  if (registers_.take_changed()) cpu_.set_traps(registers_.traps());
  if (registers_.systick().advance(now())) {
    registers_.exceptions().set_pending(kSysTickException, true);
  }
}

std::optional<unsigned> Machine::takeable() {
  if (interrupts_held_) return std::nullopt;
  const Exceptions& exceptions = registers_.exceptions();
  cpu_.watch_masks(false);
  const auto highest = exceptions.highest_pending();
  // What is active decides first: it spares reading the masks.
  if (!highest || exceptions.group_priority(*highest) >= exceptions.execution_priority({})) {
    return std::nullopt;
  }
  const auto found = exceptions.takeable(masks());
  if (!found) cpu_.watch_masks(true);
  return found;
}

bool Machine::attend(std::uint32_t pc) {
  settle();
  if (passed_breakpoint_ == pc) {
    passed_breakpoint_.reset();
  } else if (!breakpoints_.empty() && breakpoints_.contains(pc)) {
    return true;
  }
  if (now() >= limit_ || registers_.reset_requested() || takeable()) return true;
  if (observer_) observer_(pc);
  cpu_.set_attention(breakpoints_.empty() && !observer_
                         ? std::min(limit_, registers_.systick().next_exception())
                         : 0);
  return false;
}

std::uint32_t Machine::read_system(std::uint32_t address, unsigned size) {
  return registers_.read(address, size, now());
}

void Machine::write_system(std::uint32_t address, unsigned size, std::uint32_t value) {
  registers_.write(address, size, value, now(), false);
  if (registers_.changed()) cpu_.set_attention(0);
}

// WFI ends for an exception that would be taken if PRIMASK did not hold it off (B1.5.19), WFE for
// one that is taken, or for an event.
bool Machine::wakes() {
  const Exceptions& exceptions = registers_.exceptions();
  PriorityMasks held = masks();
  if (!waits_for_event_) {
    held.primask = 0;
    return exceptions.takeable(held).has_value();
  }
  return exceptions.takeable(held).has_value() ||
         (registers_.send_event_on_pend() && exceptions.any_pending());
}

RunEnd Machine::run(std::uint64_t limit) {
  limit_ = limit;
  while (true) {
    if (registers_.take_reset_request()) reset();
    settle();
    if (asleep_) {
      if (wakes()) {
        asleep_ = false;
        continue;
      }
      const std::uint64_t wake = registers_.systick().next_exception();
      cpu_.skip_to(std::min(wake, limit));
      if (wake > limit) return RunEnd::kLimit;
      continue;
    }
    if (const auto number = takeable()) {
      if (const auto end = enter(*number, cpu_.reg(Register::kPc))) return *end;
      continue;
    }
    if (now() >= limit) return RunEnd::kLimit;
    cpu_.set_attention(0);
    const Stop stop = cpu_.run();
    if (cpu_.take_event()) event_ = true;
    if (const auto end = handle(stop)) return *end;
  }
}

RunEnd Machine::step() {
  asleep_ = false;
  interrupts_held_ = true;
  const RunEnd end = run(now() + 1);
  interrupts_held_ = false;
  return end;
}

std::optional<RunEnd> Machine::handle(const Stop& stop) {
  switch (stop.kind) {
    case StopKind::kAttention:
      if (now() < limit_ && breakpoints_.contains(cpu_.reg(Register::kPc)) &&
          passed_breakpoint_ != cpu_.reg(Register::kPc)) {
        return RunEnd::kBreakpoint;
      }
      return std::nullopt;
    case StopKind::kWaitForInterrupt:
      asleep_ = !interrupts_held_;
      waits_for_event_ = false;
      return std::nullopt;
    case StopKind::kWaitForEvent:
      asleep_ = !event_ && !interrupts_held_;
      waits_for_event_ = true;
      event_ = false;
      return std::nullopt;
    case StopKind::kSupervisorCall: {
      const Exceptions& exceptions = registers_.exceptions();
      if (exceptions.group_priority(kSvCall) < exceptions.execution_priority(masks())) {
        return enter(kSvCall, cpu_.reg(Register::kPc));
      }
      Fault fault;
      fault.kind = "hard fault";
      fault.what = "SVC where its priority is too low to be taken";
      fault.hint = "SVCall's priority must be above that of the handler or mask that it is used in";
      fault.pc = stop.instruction;
      return report(fault, 0, kHfsrForced);
    }
    case StopKind::kBreakpoint:
      return handle_breakpoint(stop);
    case StopKind::kExceptionReturn:
      return leave(stop.address, stop.instruction);
    default:
      return handle_fault(stop);
  }
}

std::optional<RunEnd> Machine::handle_breakpoint(const Stop& stop) {
  const std::uint32_t pc = stop.instruction;
  std::uint16_t opcode = 0;
  cpu_.read_memory(pc, std::as_writable_bytes(std::span(&opcode, 1)));
  cpu_.set_reg(Register::kPc, pc);
  if (opcode == (kBkptOpcode | kSemihosting)) {
    if (const auto status = semihost(cpu_, console_)) {
      exit_status_ = *status;
      return RunEnd::kExit;
    }
    cpu_.set_reg(Register::kPc, pc + 2);
    return std::nullopt;
  }
  if (debugger_attached_) {
    reported_bkpt_ = pc;
    return RunEnd::kBreakpoint;
  }
  Fault fault;
  fault.kind = "hard fault";
  fault.what =
      "breakpoint instruction BKPT " + std::to_string(opcode & 0xFF) + " with no debugger attached";
  fault.pc = pc;
  return report(fault, 0, kHfsrDebugEvt);
}

std::vector<std::byte> Machine::take_trace() {
  registers_.itm().advance(now());
  return registers_.tpiu().take_output();
}

void Machine::drain_trace() {
  registers_.itm().advance(now());
  registers_.itm().drain();
}

void Machine::set_debugger_attached(bool attached) {
  debugger_attached_ = attached;
  registers_.set_debugger_present(attached);
}

void Machine::prepare_resume() {
  const std::uint32_t pc = cpu_.reg(Register::kPc);
  if (reported_bkpt_ == pc) cpu_.set_reg(Register::kPc, pc + 2);
  reported_bkpt_.reset();
  passed_breakpoint_ = pc;
}

bool Machine::read(std::uint32_t address, std::span<std::byte> bytes) {
  if (address < kSystemBase || address >= kSystemEnd) return cpu_.read_memory(address, bytes);
  if (bytes.size() > kSystemEnd - address) return false;
  registers_.set_core_status((halted_ ? cortex_m::kDhcsrHalted : 0) |
                             (asleep_ ? cortex_m::kDhcsrSleeping : 0));
  // Registers are read by accesses as wide as address and length allow.
  while (!bytes.empty()) {
    const unsigned size = access_size(address, bytes.size());
    const std::uint32_t value = registers_.read(address, size, now());
    std::memcpy(bytes.data(), &value, size);
    bytes = bytes.subspan(size);
    address += size;
  }
  return true;
}

bool Machine::write(std::uint32_t address, std::span<const std::byte> bytes) {
  if (address < kSystemBase || address >= kSystemEnd) return cpu_.write_memory(address, bytes);
  if (bytes.size() > kSystemEnd - address) return false;
  while (!bytes.empty()) {
    const unsigned size = access_size(address, bytes.size());
    std::uint32_t value = 0;
    std::memcpy(&value, bytes.data(), size);
    registers_.write(address, size, value, now(), true);
    bytes = bytes.subspan(size);
    address += size;
  }
  return true;
}

}  // namespace drone::board
