// SPDX-License-Identifier: MIT
#pragma once

// The processor core: instructions, general registers and plain memory, on the Unicorn library.
// Everything else of a Cortex-M (exceptions, timers, trace) is built around it. Time is counted
// here: one instruction is one cycle.
//
// Unicorn's habits that this file hides:
// - Every executed instruction passes a hook; those that an IT block skips do not, and are counted
//   from the block's instructions. The hook keeps the exact cycle and pc for register accesses and
//   faults, and lets execution stop before any instruction (an IT block is never interrupted).
// - WFI ends the emulation silently, WFE looks like an undefined instruction.
// - Some faults of the architecture do not exist there (division by zero, alignment, a disabled
//   floating-point unit); they are recognised from the instruction about to be executed.
// - Writes to special registers obey the privilege of the emulated code, not of the caller.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

struct uc_struct;

namespace drone::board {

enum class CoreKind : std::uint8_t { kCortexM3, kCortexM4 };

struct MemoryRegion {
  std::string name;
  std::uint32_t origin = 0;
  std::uint32_t size = 0;
  bool writable = true;  ///< by the program; a debugger may always write
};

/// What surrounds the core. Called while instructions execute.
class CpuClient {
 public:
  virtual ~CpuClient() = default;
  /// The cycle of Cpu::set_attention() is reached and the instruction at `pc` is next: true stops
  /// before it.
  virtual bool attend(std::uint32_t pc) = 0;
  /// Accesses to the private peripheral bus, 0xE0000000 to 0xE00FFFFF; `size` 1, 2 or 4.
  virtual std::uint32_t read_system(std::uint32_t address, unsigned size) = 0;
  virtual void write_system(std::uint32_t address, unsigned size, std::uint32_t value) = 0;
};

enum class StopKind : std::uint8_t {
  kAttention,         ///< attend() asked for it
  kWaitForInterrupt,  ///< WFI was executed; pc is behind it
  kWaitForEvent,      ///< WFE was executed; pc is behind it
  kSupervisorCall,    ///< SVC; pc is behind it
  kBreakpoint,        ///< BKPT; pc is on it
  kExceptionReturn,   ///< `address` is the EXC_RETURN value; pc is meaningless
  kReadFault,         ///< nothing readable at `address`; from here on `instruction` faulted
  kWriteFault,        ///< nothing there, or read-only
  kFetchFault,        ///< nothing executable at `address`
  kExecuteNever,      ///< `address` may not be executed
  kUndefined,
  kInvalidState,  ///< an instruction at an even address (`address`): `instruction` branched there
  kDivideByZero,
  kUnaligned,  ///< `address` is not a multiple of what the instruction needs
  kNoCoprocessor,
};

struct Stop {
  StopKind kind{};
  std::uint32_t instruction = 0;  ///< address of the last instruction begun
  std::uint32_t address = 0;
  unsigned size = 0;
};

/// Faults that a control register switches on.
struct TrapSettings {
  bool divide_by_zero = false;
  bool unaligned = false;       ///< single accesses; multiple ones always fault
  bool float_disabled = false;  ///< no access to coprocessors 10 and 11
};

enum class Register : std::uint8_t { kSp = 13, kLr = 14, kPc = 15 };

/// The registers that only privileged code sees whole.
struct SpecialRegisters {
  std::uint32_t xpsr = 0;  ///< flags, IT state, T and the exception number
  std::uint32_t control = 0;
  std::uint32_t msp = 0;
  std::uint32_t psp = 0;
  std::uint32_t primask = 0;
  std::uint32_t basepri = 0;
  std::uint32_t faultmask = 0;
};

class Cpu {
 public:
  /// Throws Error (kUsage) if a region cannot be mapped: not in multiples of 1024 bytes, or two
  /// overlap.
  Cpu(CoreKind kind, std::vector<MemoryRegion> regions, CpuClient& client);
  ~Cpu();
  Cpu(const Cpu&) = delete;
  Cpu& operator=(const Cpu&) = delete;

  /// Executes from pc on until something stops it.
  Stop run();

  std::uint64_t cycles() const { return cycles_; }
  /// Lets time pass without instructions.
  void skip_to(std::uint64_t cycle);
  /// The first cycle at which attend() is called; then it is called for every instruction until
  /// this is set anew. 0: at once.
  void set_attention(std::uint64_t cycle) { attention_ = cycle; }
  /// Calls attend() behind every instruction that may have changed PRIMASK, BASEPRI or FAULTMASK.
  void watch_masks(bool on);
  void set_traps(const TrapSettings& traps);
  /// Whether SEV was executed since the last call.
  bool take_event();

  std::uint32_t reg(unsigned number) const;  ///< 0 to 15
  std::uint32_t reg(Register name) const { return reg(static_cast<unsigned>(name)); }
  void set_reg(unsigned number, std::uint32_t value);
  void set_reg(Register name, std::uint32_t value) { set_reg(static_cast<unsigned>(name), value); }
  std::uint32_t xpsr() const;
  SpecialRegisters special() const;
  /// Sets mode, stacks and masks whatever the present privilege. The stack pointer in use becomes
  /// register 13.
  void set_special(const SpecialRegisters& values);
  bool has_float() const { return kind_ == CoreKind::kCortexM4; }
  std::uint32_t float_reg(unsigned number) const;  ///< S0 to S31
  void set_float_reg(unsigned number, std::uint32_t value);
  std::uint32_t fpscr() const;
  void set_fpscr(std::uint32_t value);
  /// What the architecture does to the local monitor on exception entry and return.
  void clear_exclusive();

  /// Plain memory, as a debugger sees it: read-only regions can be written, and code that was
  /// changed is executed anew. False if any byte lies outside the regions.
  bool read_memory(std::uint32_t address, std::span<std::byte> bytes) const;
  bool write_memory(std::uint32_t address, std::span<const std::byte> bytes);
  /// As the program's own stores: false also for read-only memory.
  bool store_word(std::uint32_t address, std::uint32_t value);
  const std::vector<MemoryRegion>& regions() const { return regions_; }

 private:
  struct Hooks;  // Unicorn's callbacks
  friend struct Hooks;
  struct PageDelete {
    void operator()(std::byte* pages) const;
  };
  using Pages = std::unique_ptr<std::byte, PageDelete>;

  std::byte* host_pointer(std::uint32_t address, std::size_t size) const;
  const std::byte* find_code(std::uint32_t address);
  void before_instruction(std::uint32_t address, std::uint32_t size);
  void begin_it_block(std::uint32_t address, std::uint32_t it_state);
  void count_skipped(std::uint32_t address);
  void inspect(std::uint32_t address, std::uint32_t halfword, std::uint32_t size);
  void inspect_unaligned(std::uint32_t address, std::uint32_t first, std::uint32_t second,
                         bool wide);
  void stop_with(StopKind kind, std::uint32_t address);
  std::uint32_t raw_reg(int id) const;
  void set_raw_reg(int id, std::uint32_t value);
  Stop classify(int error);

  CoreKind kind_;
  std::vector<MemoryRegion> regions_;
  std::vector<Pages> pages_;  // of each region
  Pages scratch_;
  CpuClient& client_;
  uc_struct* uc_ = nullptr;

  std::uint64_t cycles_ = 0;
  std::uint64_t attention_ = 0;
  std::uint32_t pc_ = 0;   // of the instruction last begun
  bool stopping_ = false;  // a stop was asked for before the instruction at pc_
  bool stopped_by_hook_ = false;
  Stop stop_{};
  bool event_ = false;

  // The region that code runs from, for looking at instructions.
  std::uint32_t code_origin_ = 0;
  std::uint32_t code_size_ = 0;
  const std::byte* code_ = nullptr;
  std::uint8_t inspected_ = 0;
  // Of the IT block being executed: instructions not yet passed, and the first of them.
  unsigned it_left_ = 0;
  std::uint32_t it_next_ = 0;
  TrapSettings traps_;
  bool masks_watched_ = false;
};

}  // namespace drone::board
