// SPDX-License-Identifier: MIT
#pragma once

// The private peripheral bus: every register of the core at 0xE0000000 to 0xE00FFFFF, for the
// program and for a debugger. Registers that are not modelled read 0 and ignore writes.

#include <cstdint>
#include <functional>
#include <utility>

#include "board/cpu.hpp"
#include "board/dwt.hpp"
#include "board/exceptions.hpp"
#include "board/itm.hpp"
#include "board/systick.hpp"
#include "board/tpiu.hpp"

namespace drone::board {

// CFSR: MemManage, BusFault and UsageFault status (B3.2.15).
enum FaultStatus : std::uint32_t {
  kIaccViol = 1U << 0,
  kMmarValid = 1U << 7,
  kIBusErr = 1U << 8,
  kPrecisErr = 1U << 9,
  kUnstkErr = 1U << 11,
  kStkErr = 1U << 12,
  kBfarValid = 1U << 15,
  kUndefInstr = 1U << 16,
  kInvState = 1U << 17,
  kInvPc = 1U << 18,
  kNoCp = 1U << 19,
  kUnaligned = 1U << 24,
  kDivByZero = 1U << 25,
};
// HFSR.
inline constexpr std::uint32_t kHfsrVectTbl = 1U << 1;
inline constexpr std::uint32_t kHfsrForced = 1U << 30;
inline constexpr std::uint32_t kHfsrDebugEvt = 1U << 31;

class SystemRegisters {
 public:
  struct Configuration {
    CoreKind core = CoreKind::kCortexM4;
    std::uint32_t clock_hz = 0;
    std::uint32_t vector_table = 0;  ///< VTOR after a reset
  };

  /// `exception_number` is the processor's IPSR.
  SystemRegisters(const Configuration& configuration, std::function<unsigned()> exception_number);

  /// A system reset: everything but trace and debug registers.
  void reset();

  std::uint32_t read(std::uint32_t address, unsigned size, std::uint64_t now);
  void write(std::uint32_t address, unsigned size, std::uint32_t value, std::uint64_t now,
             bool by_debugger);

  /// Whether a write since the last call may have changed what the processor does next: a pending
  /// exception, a priority, a timer, a trap, a reset request.
  bool take_changed() { return std::exchange(changed_, false); }
  bool changed() const { return changed_; }
  bool reset_requested() const { return reset_requested_; }
  bool take_reset_request() { return std::exchange(reset_requested_, false); }

  Exceptions& exceptions() { return exceptions_; }
  const Exceptions& exceptions() const { return exceptions_; }
  SysTick& systick() { return systick_; }
  const SysTick& systick() const { return systick_; }
  Itm& itm() { return itm_; }
  Tpiu& tpiu() { return tpiu_; }
  const Tpiu& tpiu() const { return tpiu_; }

  std::uint32_t vector_table() const { return vtor_; }
  bool align_stack() const;
  bool sleep_on_exit() const;
  bool send_event_on_pend() const;
  bool float_context_automatic() const;
  bool nonbase_thread_allowed() const;
  TrapSettings traps() const;

  void set_fault_status(std::uint32_t cfsr, std::uint32_t hfsr);
  void set_bus_fault_address(std::uint32_t address) { bfar_ = address; }
  void set_memory_fault_address(std::uint32_t address) { mmfar_ = address; }
  void set_debugger_present(bool present) { debugger_present_ = present; }
  /// What DHCSR says of the core besides: kDhcsrHalted, kDhcsrSleeping.
  void set_core_status(std::uint32_t status) { core_status_ = status; }

 private:
  std::uint32_t read_word(std::uint32_t address, std::uint64_t now);
  void write_word(std::uint32_t address, std::uint32_t value, std::uint64_t now,
                  std::uint32_t byte_mask);
  std::uint32_t read_nvic(std::uint32_t address) const;
  void write_nvic(std::uint32_t address, std::uint32_t value, std::uint32_t byte_mask);
  std::uint32_t read_scb(std::uint32_t address) const;
  void write_scb(std::uint32_t address, std::uint32_t value, std::uint32_t byte_mask);
  std::uint32_t interrupt_control_state() const;
  std::uint32_t handler_control_state() const;
  void write_priorities(unsigned first, std::uint32_t value, std::uint32_t byte_mask);
  std::uint32_t read_priorities(unsigned first) const;

  Configuration configuration_;
  std::function<unsigned()> exception_number_;
  Exceptions exceptions_;
  SysTick systick_;
  Dwt dwt_;
  Tpiu tpiu_;
  Itm itm_;

  std::uint32_t demcr_ = 0;
  bool debugger_present_ = false;
  std::uint32_t core_status_ = 0;

  std::uint32_t vtor_ = 0;
  std::uint32_t scr_ = 0;
  std::uint32_t ccr_ = 0;
  std::uint32_t actlr_ = 0;
  std::uint32_t cpacr_ = 0;
  std::uint32_t fpccr_ = 0;
  std::uint32_t fpcar_ = 0;
  std::uint32_t fpdscr_ = 0;
  std::uint32_t cfsr_ = 0;
  std::uint32_t hfsr_ = 0;
  std::uint32_t dfsr_ = 0;
  std::uint32_t mmfar_ = 0;
  std::uint32_t bfar_ = 0;
  bool changed_ = false;
  bool reset_requested_ = false;
};

}  // namespace drone::board
