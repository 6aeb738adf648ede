// SPDX-License-Identifier: MIT
#include "target.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "board/instructions.hpp"
#include "drone/cortex_m/registers.hpp"
#include "drone/heaptrace/wire_format.hpp"
#include "support/error.hpp"

namespace drone::preemption {

namespace {

constexpr std::uint32_t kFlash = 0;
constexpr std::uint32_t kRam = 0x20000000;
constexpr std::uint32_t kRamSize = 32 * 1024;
constexpr std::uint32_t kReservedVector = 7;
constexpr std::uint32_t kThumb = 1U << 24;
constexpr std::uint32_t kExceptionNumber = 0x1FF;
constexpr std::uint16_t kBkpt = 0xBE00;
/// Far more than any call takes, and a tracer that gives a full FIFO up.
constexpr std::uint64_t kRunaway = 2'000'000;
constexpr std::uint32_t kFastDivider = 1;
constexpr std::uint32_t kFullDivider = 4;
/// One byte takes longer than the tracer waits.
constexpr std::uint32_t kStalledDivider = 0x10000;
/// In this time the FIFO empties, whatever the rate.
constexpr std::uint64_t kFifoCycles = 32 * 10 * std::uint64_t{kStalledDivider};
constexpr unsigned kFillPort = 0;

}  // namespace

Target::Target(const std::filesystem::path& elf, Fifo fifo, bool clears_monitor)
    : image_(load_elf_image(elf)),
      fifo_(fifo),
      machine_({.core = board::CoreKind::kCortexM4,
                .regions = {{"flash", kFlash, 128 * 1024, false}, {"ram", kRam, kRamSize, true}},
                .clock_hz = 25'000'000,
                .clears_monitor = clears_monitor},
               console_) {
  machine_.set_debugger_attached(true);
  boot();
  interface_ = read<Interface>(read<std::uint32_t>(kFlash + 4 * kReservedVector));
  if (interface_.magic != kMagic) {
    throw Error(ExitStatus::kInput, elf.string() + " is not firmware of this test");
  }
}

void Target::boot() {
  machine_.set_observer(nullptr);
  machine_.load(image_);
  const board::RunEnd end = machine_.run(machine_.now() + kRunaway);
  if (end != board::RunEnd::kBreakpoint) {
    throw Error(ExitStatus::kInput, "start-up code: " + describe_end(end));
  }
  if (fifo_ != Fifo::kOff) set_up_trace();
  take_trace();
}

// As a debug probe would.
void Target::set_up_trace() {
  using namespace cortex_m;  // NOLINT(google-build-using-namespace): register names
  write(kDemcr, kDemcrTrcEna);
  write(kItmTcr, 0);
  write(kTpiuAcpr, (fifo_ == Fifo::kFull ? kFullDivider : kFastDivider) - 1);
  write(kTpiuSppr, kTpiuSpprNrz);
  write(kTpiuFfcr, kTpiuFfcrTrigIn);
  write(kItmTcr, kItmTcrItmEna | 1U << kItmTcrTraceBusIdShift);
  write(kItmTer, 1U << heaptrace::kDefaultPort | 1U << kFillPort);
}

void Target::fill_fifo() {
  if (fifo_ == Fifo::kOff || fifo_ == Fifo::kFast) return;
  if (fifo_ == Fifo::kStalled) write(cortex_m::kTpiuAcpr, kStalledDivider - 1);
  for (int i = 0; i != 3; ++i) write(cortex_m::itm_stim(kFillPort), 0x55555555);
}

void Target::resume_fifo() {
  if (fifo_ == Fifo::kStalled) write(cortex_m::kTpiuAcpr, kFastDivider - 1);
}

Target::Memory Target::save() {
  Memory memory(kRamSize);
  read_bytes(kRam, memory);
  return memory;
}

void Target::restore(const Memory& memory) {
  // As the program's own stores, and only where there is a difference: writing as a debugger would
  // makes the emulator look for translated code in all of it.
  Memory now = save();
  for (std::uint32_t offset = 0; offset != kRamSize; offset += 64) {
    if (std::memcmp(&now[offset], &memory[offset], 64) == 0) continue;
    for (std::uint32_t i = offset; i != offset + 64; i += 4) {
      std::uint32_t word = 0;
      std::memcpy(&word, &memory[i], sizeof word);
      machine_.cpu().store_word(kRam + i, word);
    }
  }
  take_trace();
}

std::vector<std::byte> Target::take_trace() {
  machine_.drain_trace();
  machine_.cpu().skip_to(machine_.now() + kFifoCycles);
  return machine_.take_trace();
}

void Target::write(std::uint32_t address, std::uint32_t value) {
  machine_.write(address, std::as_bytes(std::span(&value, 1)));
}

Operation Target::operation(std::uint32_t index) {
  return read<Operation>(interface_.operations +
                         index * static_cast<std::uint32_t>(sizeof(Operation)));
}

std::string Target::text(std::uint32_t address) {
  std::string text;
  while (const char character = read<char>(address++)) text += character;
  return text;
}

std::string Target::sequence_name(std::uint32_t index) {
  return text(read<std::uint32_t>(interface_.sequences + 4 * index));
}

std::string Target::describe_end(board::RunEnd end) {
  switch (end) {
    case board::RunEnd::kLimit:
      return "does not end";
    case board::RunEnd::kFault:
      return fmt::format("{} at 0x{:x}: {}", machine_.fault().kind, machine_.fault().pc,
                         machine_.fault().what);
    case board::RunEnd::kBreakpoint:
      return fmt::format("BKPT at 0x{:x}", machine_.cpu().reg(board::Register::kPc));
    case board::RunEnd::kExit:
      return "ended the program";
  }
  return {};
}

void Target::pend(unsigned interrupt) { write(cortex_m::kNvicIspr, 1U << interrupt); }

/// The addresses of the instructions in the block of the IT instruction at `pc`; none if it is
/// something else (ARMv7-M ARM, A7.7.38: the lowest set bit of the mask says how many).
std::vector<std::uint32_t> Target::block_of(std::uint32_t pc) {
  const auto opcode = read<std::uint16_t>(pc);
  const unsigned mask = opcode & 0xF;
  if ((opcode & 0xFF00) != 0xBF00 || mask == 0) return {};
  std::vector<std::uint32_t> block;
  std::uint32_t address = pc + 2;
  for (int i = 4 - std::countr_zero(mask); i != 0; --i) {
    block.push_back(address);
    address += board::is_wide(read<std::uint16_t>(address)) ? 4 : 2;
  }
  return block;
}

void Target::observe(std::uint32_t pc) {
  if (pc == (interface_.stopped & ~1U)) return;
  if (!block_.empty()) {
    if (std::find(block_.begin(), block_.end(), pc) != block_.end()) return;
    block_.clear();
  }
  const std::uint64_t cycle = machine_.now() - start_;
  const bool in_handler = (machine_.cpu().xpsr() & kExceptionNumber) != 0;
  boundaries_->push_back({cycle, 0, pc, in_handler});
  block_ = block_of(pc);
  for (unsigned i = 0; i != block_.size(); ++i) {
    boundaries_->push_back({cycle, i + 1, block_[i], in_handler});
  }
}

// Executes up to the boundary. False if the call ended before it, or if execution cannot stop there
// (see `problem`).
bool Target::reach(const Boundary& at, Call& call) {
  board::RunEnd end = machine_.run(start_ + at.cycle);
  if (end == board::RunEnd::kBreakpoint) return false;
  if (end != board::RunEnd::kLimit) {
    call.problem = describe_end(end);
    return false;
  }
  // The emulator does not stop inside an IT block, unless at a BKPT: that is unconditional.
  if (machine_.now() != start_ + at.cycle) return false;
  if (at.inside == 0) return true;
  const std::uint32_t pc = block_of(machine_.cpu().reg(board::Register::kPc)).at(at.inside - 1);
  const auto instruction = read<std::uint16_t>(pc);
  const auto patch = [&](std::uint16_t opcode) {
    machine_.write(pc, std::as_bytes(std::span(&opcode, 1)));
  };
  patch(kBkpt);
  end = machine_.run(machine_.now() + kRunaway);
  patch(instruction);
  if (end == board::RunEnd::kBreakpoint && machine_.cpu().reg(board::Register::kPc) == pc) {
    return true;
  }
  call.problem = "does not stop inside an IT block: " + describe_end(end);
  return false;
}

Call Target::call(std::uint32_t function, const std::uint32_t (&arguments)[3],
                  const std::vector<Injection>& injections, bool wants_boundaries) {
  board::Cpu& cpu = machine_.cpu();
  board::SpecialRegisters special;
  special.xpsr = kThumb;
  special.msp = interface_.stack_top;
  cpu.set_special(special);
  for (unsigned i = 0; i != std::size(arguments); ++i) cpu.set_reg(i, arguments[i]);
  cpu.set_reg(board::Register::kLr, interface_.stopped | 1);
  cpu.set_reg(board::Register::kPc, function);
  cpu.clear_exclusive();
  start_ = machine_.now();

  Call call;
  for (const Injection& injection : injections) {
    if (!reach(injection.at, call)) {
      call.taken.push_back(Taken::kNowhere);
      if (!call.problem.empty()) return call;
      break;
    }
    const std::uint32_t pc = cpu.reg(board::Register::kPc);
    pend(injection.interrupt);
    const board::RunEnd end = machine_.run(machine_.now());
    if (end != board::RunEnd::kLimit) {
      call.problem = describe_end(end);
      return call;
    }
    const unsigned exception = cpu.xpsr() & kExceptionNumber;
    const bool entered = exception == board::kFirstInterrupt + injection.interrupt &&
                         cpu.reg(board::Register::kPc) != pc;
    call.taken.push_back(entered ? Taken::kAtOnce : Taken::kMasked);
  }
  if (wants_boundaries) {
    boundaries_ = &call.boundaries;
    block_.clear();
    machine_.set_observer([this](std::uint32_t pc) { observe(pc); });
  }
  // A breakpoint that was stopped at is the end already: it was reported.
  const board::RunEnd end = machine_.run(machine_.now() + kRunaway);
  if (wants_boundaries) machine_.set_observer(nullptr);
  if (end != board::RunEnd::kBreakpoint ||
      cpu.reg(board::Register::kPc) != (interface_.stopped & ~1U)) {
    call.problem = describe_end(end);
    return call;
  }
  if ((cpu.xpsr() & kExceptionNumber) != 0) call.problem = "ends inside an interrupt handler";
  call.result = cpu.reg(0);
  return call;
}

}  // namespace drone::preemption
