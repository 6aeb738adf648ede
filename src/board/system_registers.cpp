// SPDX-License-Identifier: MIT
#include "board/system_registers.hpp"

#include "drone/cortex_m/registers.hpp"

namespace drone::board {

using namespace cortex_m;  // NOLINT(google-build-using-namespace): register names

namespace {

constexpr std::uint32_t kBlock = 0x1000;
constexpr std::uint32_t kBlockMask = ~(kBlock - 1);
constexpr std::uint32_t kDemcrWritable = kDemcrTrcEna | 0x000F07F1;
constexpr std::uint32_t kDhcsrDebugEnabled = 1U << 0;
constexpr std::uint32_t kDhcsrRegisterReady = 1U << 16;
constexpr std::uint32_t kCcrNonBaseThread = 1U << 0;
constexpr std::uint32_t kScrSleepOnExit = 1U << 1;
constexpr std::uint32_t kScrSendEventOnPend = 1U << 4;
constexpr std::uint32_t kFpccrAutomatic = 1U << 31;
constexpr std::uint32_t kFpccrLazy = 1U << 30;

}  // namespace

SystemRegisters::SystemRegisters(const Configuration& configuration,
                                 std::function<unsigned()> exception_number)
    : configuration_(configuration),
      exception_number_(std::move(exception_number)),
      systick_(configuration.clock_hz),
      itm_(dwt_, tpiu_) {
  reset();
}

void SystemRegisters::reset() {
  exceptions_.reset();
  systick_.reset();
  vtor_ = configuration_.vector_table;
  scr_ = 0;
  ccr_ = kScbCcrStkAlign;
  actlr_ = cpacr_ = 0;
  fpccr_ = configuration_.core == CoreKind::kCortexM4 ? kFpccrAutomatic | kFpccrLazy : 0;
  fpcar_ = fpdscr_ = 0;
  cfsr_ = hfsr_ = dfsr_ = mmfar_ = bfar_ = 0;
  changed_ = true;
  reset_requested_ = false;
}

std::uint32_t SystemRegisters::read(std::uint32_t address, unsigned size, std::uint64_t now) {
  const unsigned shift = 8 * (address & 3);
  const std::uint32_t word = read_word(address & ~3U, now) >> shift;
  return size >= 4 ? word : word & ((1U << 8 * size) - 1);
}

void SystemRegisters::write(std::uint32_t address, unsigned size, std::uint32_t value,
                            std::uint64_t now, bool by_debugger) {
  if ((address & kBlockMask) == kItmBase) {
    // The width of the access decides what a stimulus port sends.
    itm_.write(address & ~3U, size, value, now, by_debugger);
    return;
  }
  const unsigned shift = 8 * (address & 3);
  const std::uint32_t mask = size >= 4 ? UINT32_MAX : ((1U << 8 * size) - 1) << shift;
  write_word(address & ~3U, value << shift & mask, now, mask);
}

std::uint32_t SystemRegisters::read_word(std::uint32_t address, std::uint64_t now) {
  const bool powered = (demcr_ & kDemcrTrcEna) != 0;
  switch (address & kBlockMask) {
    case kItmBase:
      return itm_.read(address, now);
    case kDwtBase:
      return powered ? dwt_.read(address, now) : 0;
    case kTpiuBase:
      return powered ? tpiu_.read(address) : 0;
    default:
      break;
  }
  if (address == kDemcr) return demcr_;
  if (address == kDhcsr) {
    return kDhcsrRegisterReady | core_status_ | (debugger_present_ ? kDhcsrDebugEnabled : 0);
  }
  if (address >= kSysTickCsr && address <= kSysTickCalib) return systick_.read(address, now);
  if (address >= kNvicIser && address < kScbCpuid) return read_nvic(address);
  return read_scb(address);
}

void SystemRegisters::write_word(std::uint32_t address, std::uint32_t value, std::uint64_t now,
                                 std::uint32_t byte_mask) {
  const bool powered = (demcr_ & kDemcrTrcEna) != 0;
  switch (address & kBlockMask) {
    case kDwtBase:
      itm_.advance(now);
      if (powered) dwt_.write(address, value, now);
      return;
    case kTpiuBase:
      itm_.advance(now);
      if (powered) tpiu_.write(address, value);
      return;
    default:
      break;
  }
  changed_ = true;
  if (address == kDemcr) {
    demcr_ = ((demcr_ & ~byte_mask) | value) & kDemcrWritable;
    itm_.set_powered((demcr_ & kDemcrTrcEna) != 0, now);
    dwt_.set_powered((demcr_ & kDemcrTrcEna) != 0, now);
  } else if (address >= kSysTickCsr && address <= kSysTickCalib) {
    systick_.write(address, value, now);
  } else if ((address >= kNvicIser && address < kScbCpuid) || address == kNvicStir) {
    write_nvic(address, value, byte_mask);
  } else {
    write_scb(address, value, byte_mask);
  }
}

bool SystemRegisters::align_stack() const { return (ccr_ & kScbCcrStkAlign) != 0; }
bool SystemRegisters::sleep_on_exit() const { return (scr_ & kScrSleepOnExit) != 0; }
bool SystemRegisters::send_event_on_pend() const { return (scr_ & kScrSendEventOnPend) != 0; }
bool SystemRegisters::float_context_automatic() const { return (fpccr_ & kFpccrAutomatic) != 0; }
bool SystemRegisters::nonbase_thread_allowed() const { return (ccr_ & kCcrNonBaseThread) != 0; }

TrapSettings SystemRegisters::traps() const {
  return {.divide_by_zero = (ccr_ & kScbCcrDiv0Trp) != 0,
          .unaligned = (ccr_ & kScbCcrUnalignTrp) != 0,
          .float_disabled = configuration_.core == CoreKind::kCortexM3 || (cpacr_ >> 20 & 3) == 0};
}

void SystemRegisters::set_fault_status(std::uint32_t cfsr, std::uint32_t hfsr) {
  cfsr_ |= cfsr;
  hfsr_ |= hfsr;
}

}  // namespace drone::board
