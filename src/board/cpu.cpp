// SPDX-License-Identifier: MIT
#include "board/cpu.hpp"

#include <unicorn/unicorn.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "board/instructions.hpp"
#include "support/error.hpp"

namespace drone::board {
namespace {

constexpr std::uint32_t kSystemBase = 0xE0000000;
constexpr std::uint32_t kSystemSize = 0x00100000;
constexpr std::uint32_t kPage = 1024;  // Unicorn's page for this profile
constexpr std::size_t kHostPage = 4096;

// From these addresses on, the default memory map forbids execution, up to the next gigabyte mark
// (ARMv7-M ARM, B3.1).
constexpr bool executable(std::uint32_t address) {
  return address < 0x40000000 || (address >= 0x60000000 && address < 0xA0000000);
}

// A page of our own with `clrex; wfi`: Unicorn offers no other way to the exclusive monitor. It
// is executable only, and the instruction hook leaves it out.
constexpr std::uint32_t kScratch = 0x9FFFFC00;
constexpr std::array<std::uint8_t, 6> kScratchCode = {0xBF, 0xF3, 0x2F, 0x8F, 0x30, 0xBF};

// Unicorn's numbers for interrupt hooks.
enum : std::uint32_t {
  kIntrSvc = 2,
  kIntrPrefetchAbort = 3,
  kIntrDataAbort = 4,
  kIntrBreakpoint = 7,
  kIntrExceptionReturn = 8,
  kIntrNoCoprocessor = 17,
  kIntrInvalidState = 18,
};

constexpr std::uint32_t kThumb = 1U << 24;
constexpr std::uint32_t kItState = 0x0600FC00;
constexpr std::uint32_t kExceptionNumber = 0x1FF;

void check(uc_err error, const char* doing) {
  if (error != UC_ERR_OK) {
    throw Error(ExitStatus::kProbe,
                std::string("the emulation library failed ") + doing + ": " + uc_strerror(error));
  }
}

}  // namespace

void Cpu::PageDelete::operator()(std::byte* pages) const { std::free(pages); }

struct Cpu::Hooks {
  static Cpu& cpu(void* data) { return *static_cast<Cpu*>(data); }

  static void code(uc_engine*, std::uint64_t address, std::uint32_t size, void* data) {
    cpu(data).before_instruction(static_cast<std::uint32_t>(address), size);
  }

  static std::uint64_t read(uc_engine*, std::uint64_t offset, unsigned size, void* data) {
    return cpu(data).client_.read_system(kSystemBase + static_cast<std::uint32_t>(offset), size);
  }

  static void write(uc_engine*, std::uint64_t offset, unsigned size, std::uint64_t value,
                    void* data) {
    cpu(data).client_.write_system(kSystemBase + static_cast<std::uint32_t>(offset), size,
                                   static_cast<std::uint32_t>(value));
  }

  static bool invalid(uc_engine*, uc_mem_type type, std::uint64_t address, int size, std::int64_t,
                      void* data) {
    Cpu& self = cpu(data);
    StopKind kind = StopKind::kReadFault;
    if (type == UC_MEM_WRITE_UNMAPPED || type == UC_MEM_WRITE_PROT) kind = StopKind::kWriteFault;
    if (type == UC_MEM_FETCH_UNMAPPED) kind = StopKind::kFetchFault;
    if (type == UC_MEM_FETCH_PROT) kind = StopKind::kExecuteNever;
    self.stop_ = {kind, self.pc_, static_cast<std::uint32_t>(address), static_cast<unsigned>(size)};
    self.stopped_by_hook_ = true;
    return false;
  }

  static void interrupt(uc_engine* uc, std::uint32_t number, void* data) {
    Cpu& self = cpu(data);
    const std::uint32_t pc = self.reg(Register::kPc);
    Stop stop{StopKind::kUndefined, self.pc_, pc, 0};
    switch (number) {
      case kIntrSvc:
        stop.kind = StopKind::kSupervisorCall;
        break;
      case kIntrPrefetchAbort:
        stop.kind = StopKind::kExecuteNever;
        break;
      case kIntrDataAbort:
        stop.kind = StopKind::kUnaligned;
        break;
      case kIntrBreakpoint:
        stop.kind = StopKind::kBreakpoint;
        break;
      case kIntrExceptionReturn:
        stop.kind = StopKind::kExceptionReturn;
        stop.address = pc | 1;
        break;
      case kIntrNoCoprocessor:
        stop.kind = StopKind::kNoCoprocessor;
        break;
      case kIntrInvalidState:
        stop.kind = StopKind::kInvalidState;
        break;
      default:
        break;
    }
    self.stop_ = stop;
    self.stopped_by_hook_ = true;
    uc_emu_stop(uc);
  }
};

Cpu::Cpu(CoreKind kind, std::vector<MemoryRegion> regions, CpuClient& client)
    : kind_(kind), regions_(std::move(regions)), client_(client) {
  const auto new_pages = [](std::size_t size) {
    const std::size_t rounded = (size + kHostPage - 1) / kHostPage * kHostPage;
    auto* pages = static_cast<std::byte*>(std::aligned_alloc(kHostPage, rounded));
    if (pages == nullptr) throw std::bad_alloc();
    std::memset(pages, 0, rounded);
    return Pages(pages);
  };
  const auto mode = static_cast<uc_mode>(UC_MODE_THUMB | UC_MODE_MCLASS);
  check(uc_open(UC_ARCH_ARM, mode, &uc_), "to start");
  try {
    check(uc_ctl_set_cpu_model(
              uc_, kind == CoreKind::kCortexM3 ? UC_CPU_ARM_CORTEX_M3 : UC_CPU_ARM_CORTEX_M4),
          "to choose the core");
    check(uc_ctl_exits_enable(uc_), "to start");
    for (const MemoryRegion& region : regions_) {
      if (region.size == 0 || region.origin % kPage != 0 || region.size % kPage != 0) {
        throw Error(ExitStatus::kUsage,
                    "memory '" + region.name + "' must start at and take a multiple of 1024 bytes");
      }
      if (region.size - 1 > UINT32_MAX - region.origin) {
        throw Error(ExitStatus::kUsage, "memory '" + region.name + "' ends beyond 4 GiB");
      }
      pages_.push_back(new_pages(region.size));
      std::uint32_t protection = UC_PROT_READ;
      if (region.writable) protection |= UC_PROT_WRITE;
      if (executable(region.origin)) protection |= UC_PROT_EXEC;
      if (uc_mem_map_ptr(uc_, region.origin, region.size, protection, pages_.back().get()) !=
          UC_ERR_OK) {
        throw Error(ExitStatus::kUsage, "memory '" + region.name + "' overlaps another one");
      }
    }
    scratch_ = new_pages(kPage);
    std::memcpy(scratch_.get(), kScratchCode.data(), kScratchCode.size());
    if (uc_mem_map_ptr(uc_, kScratch, kPage, UC_PROT_EXEC, scratch_.get()) != UC_ERR_OK) {
      throw Error(ExitStatus::kUsage, "no memory can be at 0x9ffffc00: the board needs that page");
    }
    if (uc_mmio_map(uc_, kSystemBase, kSystemSize, Hooks::read, this, Hooks::write, this) !=
        UC_ERR_OK) {
      throw Error(ExitStatus::kUsage,
                  "no memory can be at 0xe0000000 to 0xe00fffff, where the core's registers are");
    }
    uc_hook hook = 0;
    const auto add = [&](int type, auto* callback, std::uint64_t first, std::uint64_t last) {
      check(uc_hook_add(uc_, &hook, type, reinterpret_cast<void*>(callback), this, first, last),
            "to start");
    };
    add(UC_HOOK_CODE, &Hooks::code, 0, kScratch - 1);
    add(UC_HOOK_INTR, &Hooks::interrupt, 1, 0);
    add(UC_HOOK_MEM_INVALID, &Hooks::invalid, 1, 0);
  } catch (...) {
    uc_close(uc_);
    throw;
  }
  set_traps({});
}

Cpu::~Cpu() { uc_close(uc_); }

// The hot path: once for every instruction that is executed. Those that an IT block skips take a
// cycle each as well, but Unicorn jumps over them.
void Cpu::before_instruction(std::uint32_t address, std::uint32_t size) {
  if (it_left_ != 0) count_skipped(address);
  if (stopping_) {
    // Inside an IT block a stop is put off, so the instruction that it was meant for was executed.
    ++cycles_;
    pc_ = address;
    return;
  }
  pc_ = address;
  if (cycles_ >= attention_ && client_.attend(address)) {
    stop_with(StopKind::kAttention, address);
    return;
  }
  const std::byte* code =
      address - code_origin_ < code_size_ ? code_ + (address - code_origin_) : find_code(address);
  std::uint16_t halfword = 0;
  std::memcpy(&halfword, code, sizeof(halfword));
  if ((kInstructionClasses[halfword >> 8] & inspected_) != 0) {
    inspect(address, halfword, size);
    if (stopping_) return;
  }
  ++cycles_;
}

void Cpu::begin_it_block(std::uint32_t address, std::uint32_t it_state) {
  it_left_ = conditional_instructions(it_state);
  it_next_ = address;
}

void Cpu::count_skipped(std::uint32_t address) {
  for (bool is_executed = false; it_left_ != 0 && !is_executed; --it_left_) {
    is_executed = it_next_ == address;
    if (!is_executed) ++cycles_;
    std::uint16_t halfword = 0;
    std::memcpy(&halfword, find_code(it_next_), sizeof(halfword));
    it_next_ += is_wide(halfword) ? 4 : 2;
  }
}

const std::byte* Cpu::find_code(std::uint32_t address) {
  for (std::size_t i = 0; i != regions_.size(); ++i) {
    if (address - regions_[i].origin < regions_[i].size) {
      code_origin_ = regions_[i].origin;
      code_size_ = regions_[i].size - 1;  // a halfword at the address must be inside
      code_ = pages_[i].get();
      return code_ + (address - code_origin_);
    }
  }
  static constexpr std::array<std::byte, 2> kNothing{};
  return kNothing.data();
}

void Cpu::inspect(std::uint32_t address, std::uint32_t halfword, std::uint32_t size) {
  std::uint32_t second = 0;
  if (size == 4) {
    std::array<std::byte, 2> bytes{};
    read_memory(address + 2, bytes);
    second = std::to_integer<std::uint32_t>(bytes[0]) | std::to_integer<std::uint32_t>(bytes[1])
                                                            << 8;
  }
  const Instruction instruction{halfword, second, size == 4};
  if (const std::uint32_t it_state = it_state_of(instruction); it_state != 0) {
    begin_it_block(address + size, it_state);
  }
  if (is_send_event(instruction)) event_ = true;
  if (masks_watched_ && changes_masks(instruction)) attention_ = 0;
  if (traps_.float_disabled && uses_float(instruction)) {
    return stop_with(StopKind::kNoCoprocessor, address);
  }
  const auto value = [this](unsigned number) { return reg(number); };
  if (traps_.divide_by_zero && divides_by_zero(instruction, value)) {
    return stop_with(StopKind::kDivideByZero, address);
  }
  if (const auto target = unaligned_access(instruction, traps_.unaligned, value)) {
    stop_with(StopKind::kUnaligned, *target);
  }
}

void Cpu::stop_with(StopKind kind, std::uint32_t address) {
  stop_ = {kind, pc_, address, 0};
  stopping_ = true;
  uc_emu_stop(uc_);
}

Stop Cpu::run() {
  while (true) {
    const std::uint32_t pc = reg(Register::kPc);
    const std::uint32_t flags = xpsr();
    if ((flags & kThumb) == 0) return {StopKind::kInvalidState, pc_, pc, 0};
    // Where an exception or a debugger interrupted a block, the rest of it is ahead.
    begin_it_block(pc, it_state_of(flags));
    stopping_ = false;
    stopped_by_hook_ = false;
    const uc_err error = uc_emu_start(uc_, pc | 1, 0, 0, 0);
    if (stopping_) {
      const bool begun = stopped_by_hook_ || reg(Register::kPc) != pc_;
      if (begun) ++cycles_;
    }
    if (stopping_ || stopped_by_hook_) return stop_;

    Stop stop{StopKind::kUndefined, pc_, pc_, 0};
    std::array<std::byte, 4> code{};
    if (!read_memory(pc_, code)) read_memory(pc_, std::span(code).first(2));
    const auto halfword = [&](std::size_t i) {
      return std::to_integer<std::uint32_t>(code[i]) | std::to_integer<std::uint32_t>(code[i + 1])
                                                           << 8;
    };
    const Hint hint = hint_of({halfword(0), halfword(2), is_wide(halfword(0))});
    if (error == UC_ERR_OK && hint == Hint::kWaitForInterrupt) {
      stop.kind = StopKind::kWaitForInterrupt;
    } else if ((xpsr() & kThumb) == 0) {
      stop.kind = StopKind::kInvalidState;
      stop.address = reg(Register::kPc);
    } else if (error == UC_ERR_INSN_INVALID && hint == Hint::kWaitForEvent) {
      stop.kind = StopKind::kWaitForEvent;
    } else if (error == UC_ERR_INSN_INVALID && hint == Hint::kYield) {
      continue;
    } else if (error != UC_ERR_INSN_INVALID) {
      check(error == UC_ERR_OK ? UC_ERR_EXCEPTION : error, "while it executed instructions");
    }
    return stop;
  }
}

void Cpu::skip_to(std::uint64_t cycle) { cycles_ = std::max(cycles_, cycle); }

void Cpu::watch_masks(bool on) {
  if (masks_watched_ == on) return;
  masks_watched_ = on;
  set_traps(traps_);
}

void Cpu::set_traps(const TrapSettings& traps) {
  traps_ = traps;
  inspected_ = kClassHint | kClassMultiple;
  if (masks_watched_) inspected_ |= kClassMask;
  if (traps.divide_by_zero) inspected_ |= kClassDivide;
  if (traps.float_disabled) inspected_ |= kClassFloat;
  if (traps.unaligned) inspected_ |= kClassSingle;
}

bool Cpu::take_event() { return std::exchange(event_, false); }

std::uint32_t Cpu::raw_reg(int id) const {
  std::uint32_t value = 0;
  uc_reg_read(uc_, id, &value);
  return value;
}

void Cpu::set_raw_reg(int id, std::uint32_t value) { uc_reg_write(uc_, id, &value); }

std::uint32_t Cpu::reg(unsigned number) const {
  if (number < 13) return raw_reg(UC_ARM_REG_R0 + static_cast<int>(number));
  return raw_reg(number == 13 ? UC_ARM_REG_SP : number == 14 ? UC_ARM_REG_LR : UC_ARM_REG_PC);
}

void Cpu::set_reg(unsigned number, std::uint32_t value) {
  if (number < 13) return set_raw_reg(UC_ARM_REG_R0 + static_cast<int>(number), value);
  if (number == 13) return set_raw_reg(UC_ARM_REG_SP, value & ~3U);
  if (number == 14) return set_raw_reg(UC_ARM_REG_LR, value);
  // Bit 0 of what Unicorn takes is the T flag.
  const std::uint32_t thumb = (xpsr() & kThumb) != 0 ? 1 : 0;
  set_raw_reg(UC_ARM_REG_PC, (value & ~1U) | thumb);
}

std::uint32_t Cpu::xpsr() const { return raw_reg(UC_ARM_REG_XPSR); }

SpecialRegisters Cpu::special() const {
  SpecialRegisters values;
  values.xpsr = xpsr();
  values.control = raw_reg(UC_ARM_REG_CONTROL) & 7;
  const bool unprivileged = (values.control & 1) != 0 && (values.xpsr & kExceptionNumber) == 0;
  auto& self = const_cast<Cpu&>(*this);
  if (unprivileged) self.set_raw_reg(UC_ARM_REG_XPSR_NZCVQG, values.xpsr | 1);
  values.msp = raw_reg(UC_ARM_REG_MSP);
  values.psp = raw_reg(UC_ARM_REG_PSP);
  values.primask = raw_reg(UC_ARM_REG_PRIMASK);
  values.basepri = raw_reg(UC_ARM_REG_BASEPRI) & 0xF0;
  values.faultmask = raw_reg(UC_ARM_REG_FAULTMASK);
  if (unprivileged) self.set_raw_reg(UC_ARM_REG_XPSR_NZCVQG, values.xpsr);
  return values;
}

void Cpu::set_special(const SpecialRegisters& values) {
  // To handler mode, where all is allowed; from there to privileged thread mode, where the stack
  // can be chosen; then to the mode that is wanted, where CONTROL gets its last bits.
  set_raw_reg(UC_ARM_REG_XPSR_NZCVQG, kThumb | 1);
  set_raw_reg(UC_ARM_REG_CONTROL, 0);
  set_raw_reg(UC_ARM_REG_XPSR_NZCVQG, kThumb);
  set_raw_reg(UC_ARM_REG_CONTROL, values.control & 2);
  set_raw_reg(UC_ARM_REG_MSP, values.msp & ~3U);
  set_raw_reg(UC_ARM_REG_PSP, values.psp & ~3U);
  set_raw_reg(UC_ARM_REG_PRIMASK, values.primask);
  set_raw_reg(UC_ARM_REG_BASEPRI, values.basepri);
  set_raw_reg(UC_ARM_REG_FAULTMASK, values.faultmask);
  set_raw_reg(UC_ARM_REG_XPSR_NZCVQG, values.xpsr);
  set_raw_reg(UC_ARM_REG_CONTROL, values.control & 7);
  // This one also makes Unicorn forget what it derived from mode and privilege.
  set_raw_reg(UC_ARM_REG_APSR_NZCV, values.xpsr & 0xF0000000);
}

std::uint32_t Cpu::float_reg(unsigned number) const {
  return raw_reg(UC_ARM_REG_S0 + static_cast<int>(number));
}
void Cpu::set_float_reg(unsigned number, std::uint32_t value) {
  set_raw_reg(UC_ARM_REG_S0 + static_cast<int>(number), value);
}
std::uint32_t Cpu::fpscr() const { return raw_reg(UC_ARM_REG_FPSCR); }
void Cpu::set_fpscr(std::uint32_t value) { set_raw_reg(UC_ARM_REG_FPSCR, value); }

void Cpu::clear_exclusive() {
  const std::uint32_t flags = xpsr();
  const std::uint32_t pc = reg(Register::kPc);
  if ((flags & kItState) != 0) set_raw_reg(UC_ARM_REG_XPSR_NZCVQG, flags & ~kItState);
  check(uc_emu_start(uc_, kScratch | 1, 0, 0, 0), "to clear the exclusive monitor");
  set_raw_reg(UC_ARM_REG_PC, pc | 1);
  set_raw_reg(UC_ARM_REG_XPSR_NZCVQG, flags);
}

std::byte* Cpu::host_pointer(std::uint32_t address, std::size_t size) const {
  for (std::size_t i = 0; i != regions_.size(); ++i) {
    const std::uint32_t offset = address - regions_[i].origin;
    if (offset < regions_[i].size && size <= regions_[i].size - offset) {
      return pages_[i].get() + offset;
    }
  }
  return nullptr;
}

bool Cpu::read_memory(std::uint32_t address, std::span<std::byte> bytes) const {
  const std::byte* from = host_pointer(address, bytes.size());
  if (from == nullptr) return false;
  std::memcpy(bytes.data(), from, bytes.size());
  return true;
}

bool Cpu::write_memory(std::uint32_t address, std::span<const std::byte> bytes) {
  std::byte* to = host_pointer(address, bytes.size());
  if (to == nullptr) return false;
  if (bytes.empty()) return true;
  std::memcpy(to, bytes.data(), bytes.size());
  uc_ctl_remove_cache(uc_, std::uint64_t{address}, std::uint64_t{address} + bytes.size());
  return true;
}

bool Cpu::store_word(std::uint32_t address, std::uint32_t value) {
  for (std::size_t i = 0; i != regions_.size(); ++i) {
    const std::uint32_t offset = address - regions_[i].origin;
    if (regions_[i].writable && offset < regions_[i].size && regions_[i].size - offset >= 4) {
      std::memcpy(pages_[i].get() + offset, &value, sizeof(value));
      return true;
    }
  }
  return false;
}

}  // namespace drone::board
