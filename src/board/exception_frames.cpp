// SPDX-License-Identifier: MIT

// Exception entry and return (ARMv7-M ARM, B1.5.6 to B1.5.8). Entry pushes eight words, or 26 if
// the floating-point unit holds a context, onto the stack in use; LR becomes EXC_RETURN, which
// says what return must undo:
//
//   bit 4  0: the frame holds floating-point registers   bit 3  1: back to thread mode
//   bit 2  1: the frame is on the process stack          bits 1:0  01
//
// Tail-chaining falls out of it: return restores everything, and the next pending exception is
// entered before an instruction executes.

#include <array>

#include "board/machine.hpp"

namespace drone::board {

namespace {

constexpr std::uint32_t kThumb = 1U << 24;
constexpr std::uint32_t kExceptionNumber = 0x1FF;
constexpr std::uint32_t kItState = 0x0600FC00;
constexpr std::uint32_t kStackWasAligned = 1U << 9;  // in the stacked xPSR
constexpr std::uint32_t kControlProcessStack = 1U << 1;
constexpr std::uint32_t kControlFloatActive = 1U << 2;

constexpr std::uint32_t kReturnNoFloat = 1U << 4;
constexpr std::uint32_t kReturnThread = 1U << 3;
constexpr std::uint32_t kReturnProcessStack = 1U << 2;

constexpr unsigned kBasicWords = 8;
constexpr unsigned kFloatRegisters = 16;
constexpr unsigned kExtendedWords = kBasicWords + kFloatRegisters + 2;  // FPSCR and a reserved one

}  // namespace

std::optional<RunEnd> Machine::enter(unsigned number, std::uint32_t return_address) {
  SpecialRegisters special = cpu_.special();
  const bool from_thread = (special.xpsr & kExceptionNumber) == 0;
  const bool process_stack = from_thread && (special.control & kControlProcessStack) != 0;
  const bool with_float =
      (special.control & kControlFloatActive) != 0 && registers_.float_context_automatic();
  std::uint32_t& stack = process_stack ? special.psp : special.msp;
  const bool align = registers_.align_stack() || with_float;
  const bool aligned_by_4 = align && (stack & 4) != 0;
  std::uint32_t frame = stack - 4 * (with_float ? kExtendedWords : kBasicWords);
  if (align) frame &= ~4U;

  std::array<std::uint32_t, kExtendedWords> words{};
  for (unsigned i = 0; i != 4; ++i) words[i] = cpu_.reg(i);
  words[4] = cpu_.reg(12);
  words[5] = cpu_.reg(Register::kLr);
  words[6] = return_address & ~1U;
  words[7] = (special.xpsr & ~kStackWasAligned) | (aligned_by_4 ? kStackWasAligned : 0);
  if (with_float) {
    for (unsigned i = 0; i != kFloatRegisters; ++i) words[kBasicWords + i] = cpu_.float_reg(i);
    words[kBasicWords + kFloatRegisters] = cpu_.fpscr();
  }
  const unsigned count = with_float ? kExtendedWords : kBasicWords;
  for (unsigned i = 0; i != count; ++i) {
    if (cpu_.store_word(frame + 4 * i, words[i])) continue;
    Fault fault;
    fault.kind = "bus fault";
    fault.what = "the registers could not be stacked for " + exception_name(number) + " at " +
                 describe_address(frame + 4 * i, true);
    fault.hint = access_hint(frame + 4 * i, true);
    fault.pc = return_address & ~1U;
    registers_.set_bus_fault_address(frame + 4 * i);
    return report(fault, kStkErr, kHfsrForced);
  }

  std::uint32_t vector = 0;
  const std::uint32_t entry = registers_.vector_table() + 4 * number;
  if (!cpu_.read_memory(entry, std::as_writable_bytes(std::span(&vector, 1)))) {
    Fault fault;
    fault.kind = "hard fault";
    fault.what = "the vector of " + exception_name(number) +
                 " cannot be read: " + describe_address(entry, false);
    fault.pc = return_address & ~1U;
    return report(fault, 0, kHfsrVectTbl);
  }

  stack = frame;
  std::uint32_t exc_return = 0xFFFFFFE1;
  if (!with_float) exc_return |= kReturnNoFloat;
  if (from_thread) exc_return |= kReturnThread;
  if (process_stack) exc_return |= kReturnProcessStack;
  special.xpsr = (special.xpsr & ~(kExceptionNumber | kItState | kThumb)) | number;
  if ((vector & 1) != 0) special.xpsr |= kThumb;
  special.control &= ~(kControlProcessStack | kControlFloatActive);
  cpu_.set_special(special);
  cpu_.set_reg(Register::kLr, exc_return);
  cpu_.set_reg(Register::kPc, vector);
  if (clears_monitor_) cpu_.clear_exclusive();
  event_ = true;
  registers_.exceptions().set_pending(number, false);
  registers_.exceptions().set_active(number, true);
  return std::nullopt;
}

std::optional<RunEnd> Machine::invalid_return(const std::string& why, std::uint32_t instruction) {
  Fault fault;
  fault.kind = "usage fault";
  fault.what = "invalid exception return: " + why;
  fault.hint = "look for a damaged stack, or a handler that changed LR";
  fault.pc = instruction;
  return raise(kUsageFault, kInvPc, fault);
}

std::optional<RunEnd> Machine::leave(std::uint32_t exc_return, std::uint32_t instruction) {
  SpecialRegisters special = cpu_.special();
  const unsigned number = special.xpsr & kExceptionNumber;
  Exceptions& exceptions = registers_.exceptions();
  const bool to_thread = (exc_return & kReturnThread) != 0;
  const bool process_stack = (exc_return & kReturnProcessStack) != 0;
  const bool with_float = (exc_return & kReturnNoFloat) == 0;
  // Whatever it leads to, the exception is over.
  const bool was_active = exceptions.active(number);
  const bool nested = exceptions.active_count() > 1;
  exceptions.set_active(number, false);
  if (number != kNmi) special.faultmask = 0;
  if (clears_monitor_) cpu_.clear_exclusive();
  event_ = true;

  if ((exc_return | 0x1F) != UINT32_MAX || (exc_return & 3) != 1 || (process_stack && !to_thread) ||
      (with_float && !cpu_.has_float())) {
    return invalid_return("LR was no EXC_RETURN value of this core", instruction);
  }
  if (!was_active) {
    return invalid_return(exception_name(number) + " is not active", instruction);
  }
  if (to_thread && nested && !registers_.nonbase_thread_allowed()) {
    return invalid_return("to thread mode while another exception is active", instruction);
  }
  if (!to_thread && !nested) {
    return invalid_return("to handler mode while no other exception is active", instruction);
  }

  std::uint32_t& stack = process_stack ? special.psp : special.msp;
  std::array<std::uint32_t, kExtendedWords> words{};
  const unsigned count = with_float ? kExtendedWords : kBasicWords;
  if (!cpu_.read_memory(stack, std::as_writable_bytes(std::span(words).first(count)))) {
    Fault fault;
    fault.kind = "bus fault";
    fault.what = "the registers could not be unstacked on return from " + exception_name(number) +
                 " at " + describe_address(stack, false);
    fault.pc = instruction;
    return report(fault, kUnstkErr, kHfsrForced);
  }
  const std::uint32_t xpsr = words[7];
  if (((xpsr & kExceptionNumber) == 0) != to_thread) {
    return invalid_return("the stacked xPSR is of the other mode", instruction);
  }

  for (unsigned i = 0; i != 4; ++i) cpu_.set_reg(i, words[i]);
  cpu_.set_reg(12, words[4]);
  if (with_float) {
    for (unsigned i = 0; i != kFloatRegisters; ++i) {
      cpu_.set_float_reg(i, words[kBasicWords + i]);
    }
    cpu_.set_fpscr(words[kBasicWords + kFloatRegisters]);
  }
  stack += 4 * count;
  if ((xpsr & kStackWasAligned) != 0 && (registers_.align_stack() || with_float)) stack |= 4;
  special.xpsr = xpsr & ~kStackWasAligned;
  special.control &= ~(kControlProcessStack | kControlFloatActive);
  if (process_stack) special.control |= kControlProcessStack;
  if (with_float) special.control |= kControlFloatActive;
  cpu_.set_special(special);
  cpu_.set_reg(Register::kLr, words[5]);
  cpu_.set_reg(Register::kPc, words[6]);
  if (to_thread && registers_.sleep_on_exit() && !interrupts_held_) {
    asleep_ = true;
    waits_for_event_ = false;
  }
  return std::nullopt;
}

}  // namespace drone::board
