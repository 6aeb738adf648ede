// SPDX-License-Identifier: MIT

// The registers of the interrupt controller and of the system control block, as words. Which bits
// of a word an access covers is in `byte_mask`: it matters where a written 0 means something.

#include "board/system_registers.hpp"
#include "drone/cortex_m/registers.hpp"

namespace drone::board {

using namespace cortex_m;  // NOLINT(google-build-using-namespace): register names

namespace {

constexpr std::uint32_t kCpuidM3 = 0x412FC231;  // r2p1
constexpr std::uint32_t kCpuidM4 = 0x410FC241;  // r0p1
constexpr std::uint32_t kAircrVectKeyStat = 0xFA050000;
constexpr std::uint32_t kIcsrIsrPending = 1U << 22;
constexpr std::uint32_t kIcsrRetToBase = 1U << 11;
constexpr std::uint32_t kDfsr = 0xE000ED30;
constexpr std::uint32_t kFpcar = 0xE000EF38;
constexpr std::uint32_t kFpdscr = 0xE000EF3C;
constexpr std::uint32_t kMvfr0 = 0xE000EF40;
constexpr std::uint32_t kMvfr1 = 0xE000EF44;
constexpr std::uint32_t kVtorBits = 0xFFFFFF80;
constexpr std::uint32_t kCcrBits = 0x31B;
constexpr std::uint32_t kScrBits = 0x16;
constexpr std::uint32_t kCpacrBits = 0x00F00000;

struct HandlerBit {
  unsigned bit;
  unsigned exception;
};
constexpr HandlerBit kActiveBits[] = {{0, kMemManage},        {1, kBusFault},     {3, kUsageFault},
                                      {7, kSvCall},           {8, kDebugMonitor}, {10, kPendSv},
                                      {11, kSysTickException}};
constexpr HandlerBit kPendingBits[] = {
    {12, kUsageFault}, {13, kMemManage}, {14, kBusFault}, {15, kSvCall}};
constexpr HandlerBit kEnableBits[] = {{16, kMemManage}, {17, kBusFault}, {18, kUsageFault}};

}  // namespace

std::uint32_t SystemRegisters::read_priorities(unsigned first) const {
  std::uint32_t value = 0;
  for (unsigned i = 0; i != 4; ++i) {
    if (first + i < kExceptionCount)
      value |= std::uint32_t{exceptions_.priority_byte(first + i)} << 8 * i;
  }
  return value;
}

void SystemRegisters::write_priorities(unsigned first, std::uint32_t value,
                                       std::uint32_t byte_mask) {
  for (unsigned i = 0; i != 4; ++i) {
    if (first + i < kExceptionCount && (byte_mask >> 8 * i & 0xFF) != 0)
      exceptions_.set_priority_byte(first + i, static_cast<std::uint8_t>(value >> 8 * i));
  }
}

std::uint32_t SystemRegisters::read_nvic(std::uint32_t address) const {
  if (address >= kNvicIpr && address < kNvicIpr + kInterruptCount) {
    return read_priorities(kFirstInterrupt + (address - kNvicIpr));
  }
  const std::uint32_t bank = address & ~0x7FU;
  const unsigned first = kFirstInterrupt + 8 * (address & 0x7F);
  std::uint32_t value = 0;
  for (unsigned i = 0; i != 32 && first + i < kExceptionCount; ++i) {
    bool set = false;
    if (bank == kNvicIser || bank == kNvicIcer) set = exceptions_.enabled(first + i);
    if (bank == kNvicIspr || bank == kNvicIcpr) set = exceptions_.pending(first + i);
    if (bank == kNvicIabr) set = exceptions_.active(first + i);
    if (set) value |= 1U << i;
  }
  return value;
}

void SystemRegisters::write_nvic(std::uint32_t address, std::uint32_t value,
                                 std::uint32_t byte_mask) {
  if (address >= kNvicIpr && address < kNvicIpr + kInterruptCount) {
    return write_priorities(kFirstInterrupt + (address - kNvicIpr), value, byte_mask);
  }
  if (address == kNvicStir) {
    const unsigned number = kFirstInterrupt + (value & 0x1FF);
    if (number < kExceptionCount) exceptions_.set_pending(number, true);
    return;
  }
  const std::uint32_t bank = address & ~0x7FU;
  const unsigned first = kFirstInterrupt + 8 * (address & 0x7F);
  for (unsigned i = 0; i != 32 && first + i < kExceptionCount; ++i) {
    if ((value >> i & 1) == 0) continue;
    if (bank == kNvicIser) exceptions_.set_enabled(first + i, true);
    if (bank == kNvicIcer) exceptions_.set_enabled(first + i, false);
    if (bank == kNvicIspr) exceptions_.set_pending(first + i, true);
    if (bank == kNvicIcpr) exceptions_.set_pending(first + i, false);
  }
}

std::uint32_t SystemRegisters::interrupt_control_state() const {
  std::uint32_t value = exception_number_();
  if (exceptions_.active_count() <= 1) value |= kIcsrRetToBase;
  if (const auto highest = exceptions_.highest_pending()) {
    value |= *highest << 12;
    if (*highest >= kFirstInterrupt) value |= kIcsrIsrPending;
  }
  if (exceptions_.pending(kSysTickException)) value |= kScbIcsrPendStSet;
  if (exceptions_.pending(kPendSv)) value |= kScbIcsrPendSvSet;
  if (exceptions_.pending(kNmi)) value |= kScbIcsrNmiPendSet;
  return value;
}

std::uint32_t SystemRegisters::handler_control_state() const {
  std::uint32_t value = 0;
  for (const auto& [bit, number] : kActiveBits) {
    if (exceptions_.active(number)) value |= 1U << bit;
  }
  for (const auto& [bit, number] : kPendingBits) {
    if (exceptions_.pending(number)) value |= 1U << bit;
  }
  for (const auto& [bit, number] : kEnableBits) {
    if (exceptions_.enabled(number)) value |= 1U << bit;
  }
  return value;
}

std::uint32_t SystemRegisters::read_scb(std::uint32_t address) const {
  const bool has_float = configuration_.core == CoreKind::kCortexM4;
  switch (address) {
    case kScbIctr:
      return kInterruptCount / 32;
    case kScbActlr:
      return actlr_;
    case kScbCpuid:
      return has_float ? kCpuidM4 : kCpuidM3;
    case kScbIcsr:
      return interrupt_control_state();
    case kScbVtor:
      return vtor_;
    case kScbAircr:
      return kAircrVectKeyStat | exceptions_.priority_group() << 8;
    case kScbScr:
      return scr_;
    case kScbCcr:
      return ccr_;
    case kScbShpr1:
    case kScbShpr1 + 4:
    case kScbShpr1 + 8:
      return read_priorities(4 + (address - kScbShpr1));
    case kScbShcsr:
      return handler_control_state();
    case kScbCfsr:
      return cfsr_;
    case kScbHfsr:
      return hfsr_;
    case kDfsr:
      return dfsr_;
    case kScbMmfar:
      return mmfar_;
    case kScbBfar:
      return bfar_;
    case kScbCpacr:
      return cpacr_;
    case kFpccr:
      return fpccr_;
    case kFpcar:
      return fpcar_;
    case kFpdscr:
      return fpdscr_;
    case kMvfr0:
      return has_float ? 0x10110021 : 0;
    case kMvfr1:
      return has_float ? 0x11000011 : 0;
    default:
      return 0;
  }
}

void SystemRegisters::write_scb(std::uint32_t address, std::uint32_t value,
                                std::uint32_t byte_mask) {
  const auto store = [&](std::uint32_t& target, std::uint32_t bits) {
    target = ((target & ~byte_mask) | value) & bits;
  };
  const bool has_float = configuration_.core == CoreKind::kCortexM4;
  switch (address) {
    case kScbActlr:
      store(actlr_, UINT32_MAX);
      break;
    case kScbIcsr:
      if ((value & kScbIcsrPendStSet) != 0) exceptions_.set_pending(kSysTickException, true);
      if ((value & kScbIcsrPendStClr) != 0) exceptions_.set_pending(kSysTickException, false);
      if ((value & kScbIcsrPendSvSet) != 0) exceptions_.set_pending(kPendSv, true);
      if ((value & kScbIcsrPendSvClr) != 0) exceptions_.set_pending(kPendSv, false);
      if ((value & kScbIcsrNmiPendSet) != 0) exceptions_.set_pending(kNmi, true);
      break;
    case kScbVtor:
      store(vtor_, kVtorBits);
      break;
    case kScbAircr:
      if ((value & 0xFFFF0000) != kScbAircrVectKey) break;
      exceptions_.set_priority_group(value >> 8 & 7);
      if ((value & kScbAircrSysResetReq) != 0) reset_requested_ = true;
      break;
    case kScbScr:
      store(scr_, kScrBits);
      break;
    case kScbCcr:
      store(ccr_, kCcrBits);
      break;
    case kScbShpr1:
    case kScbShpr1 + 4:
    case kScbShpr1 + 8:
      write_priorities(4 + (address - kScbShpr1), value, byte_mask);
      break;
    case kScbShcsr:
      for (const auto& [bit, number] : kPendingBits) {
        if ((byte_mask >> bit & 1) != 0) exceptions_.set_pending(number, (value >> bit & 1) != 0);
      }
      for (const auto& [bit, number] : kEnableBits) {
        if ((byte_mask >> bit & 1) != 0) exceptions_.set_enabled(number, (value >> bit & 1) != 0);
      }
      break;
    case kScbCfsr:
      cfsr_ &= ~value;
      break;
    case kScbHfsr:
      hfsr_ &= ~value;
      break;
    case kDfsr:
      dfsr_ &= ~value;
      break;
    case kScbMmfar:
      store(mmfar_, UINT32_MAX);
      break;
    case kScbBfar:
      store(bfar_, UINT32_MAX);
      break;
    case kScbCpacr:
      if (has_float) store(cpacr_, kCpacrBits);
      break;
    case kFpccr:
      if (has_float) store(fpccr_, 0xC0000000);
      break;
    case kFpcar:
      store(fpcar_, ~7U);
      break;
    case kFpdscr:
      store(fpdscr_, 0x07C00000);
      break;
    default:
      break;
  }
}

}  // namespace drone::board
