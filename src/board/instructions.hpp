// SPDX-License-Identifier: MIT
#pragma once

// What the board must know of a Thumb instruction before it executes: hints, writes to the
// interrupt masks, and operations that fault on hardware but not in the emulation library
// (ARMv7-M Architecture Reference Manual, A5 and A7; A3.2.1 for alignment).

#include <array>
#include <bit>
#include <concepts>
#include <cstdint>
#include <optional>

namespace drone::board {

struct Instruction {
  std::uint32_t first = 0;   ///< halfword
  std::uint32_t second = 0;  ///< halfword, if `wide`
  bool wide = false;
};

constexpr bool is_wide(std::uint32_t first) { return (first >> 11) >= 0x1D; }

// Classes that an instruction may belong to, by the upper byte of its first halfword: a filter
// that costs one table access for each instruction executed.
inline constexpr std::uint8_t kClassHint = 1;    ///< may be SEV or IT
inline constexpr std::uint8_t kClassMask = 2;    ///< may be CPS or MSR
inline constexpr std::uint8_t kClassDivide = 4;  ///< may be UDIV or SDIV
inline constexpr std::uint8_t kClassFloat = 8;   ///< may use a coprocessor
inline constexpr std::uint8_t kClassMultiple =
    16;                                           ///< may load or store words that must be aligned
inline constexpr std::uint8_t kClassSingle = 32;  ///< may load or store one word or halfword

inline constexpr auto kInstructionClasses = [] {
  std::array<std::uint8_t, 256> classes{};
  for (unsigned i = 0; i != 256; ++i) {
    unsigned is = 0;
    if (i == 0xBF || i == 0xF3) is |= kClassHint;
    if (i == 0xB6 || i == 0xF3) is |= kClassMask;
    if (i == 0xFB) is |= kClassDivide;
    if ((i & 0xEC) == 0xEC) is |= kClassFloat;
    if ((i >= 0xC0 && i < 0xD0) || i == 0xE8 || i == 0xE9 || i == 0xEC || i == 0xED)
      is |= kClassMultiple;
    if ((i >= 0x50 && i < 0x90) || i == 0xF8 || i == 0xF9) is |= kClassSingle;
    classes[i] = static_cast<std::uint8_t>(is);
  }
  return classes;
}();

enum class Hint : std::uint8_t { kNone, kYield, kWaitForEvent, kWaitForInterrupt, kSendEvent };

constexpr Hint hint_of(const Instruction& i) {
  std::uint32_t number = 0;
  if (!i.wide && (i.first & 0xFF0F) == 0xBF00) number = i.first >> 4 & 0xF;
  if (i.wide && i.first == 0xF3AF && (i.second & 0xFFF0) == 0x8000) number = i.second & 0xF;
  return number <= 4 ? static_cast<Hint>(number) : Hint::kNone;
}

constexpr bool is_send_event(const Instruction& i) { return hint_of(i) == Hint::kSendEvent; }

/// What IT makes of the IT state (ARMv7-M ARM, A7.3.3): the first condition, and a mask whose
/// lowest set bit says how many instructions are conditional. 0 for other instructions.
constexpr std::uint32_t it_state_of(const Instruction& i) {
  return !i.wide && (i.first & 0xFF00) == 0xBF00 && (i.first & 0xF) != 0 ? i.first & 0xFF : 0;
}

/// The IT state that XPSR holds: 0 outside of IT blocks.
constexpr std::uint32_t it_state_of(std::uint32_t xpsr) {
  return (xpsr >> 8 & 0xFC) | (xpsr >> 25 & 3);
}

/// How many instructions from the next one on are conditional.
constexpr unsigned conditional_instructions(std::uint32_t it_state) {
  const std::uint32_t mask = it_state & 0xF;
  return mask == 0 ? 0 : 4 - static_cast<unsigned>(std::countr_zero(mask));
}

/// CPS, or MSR to a special register.
constexpr bool changes_masks(const Instruction& i) {
  if (!i.wide) return (i.first & 0xFFE8) == 0xB660;
  return (i.first & 0xFFE0) == 0xF380 && (i.second & 0xD000) == 0x8000;
}

/// Coprocessor 10 or 11: the floating-point unit.
constexpr bool uses_float(const Instruction& i) {
  return i.wide && (i.first & 0xEC00) == 0xEC00 && (i.second & 0x0E00) == 0x0A00;
}

template <class F>
concept RegisterValue = requires(F value) {
  { value(0U) } -> std::convertible_to<std::uint32_t>;
};

template <RegisterValue F>
constexpr bool divides_by_zero(const Instruction& i, F value) {
  return i.wide && (i.first & 0xFFD0) == 0xFB90 && (i.second & 0x00F0) == 0x00F0 &&
         value(i.second & 0xF) == 0;
}

/// A base register and an alignment that the address needs; the address itself.
struct Access {
  std::uint32_t address = 0;
  std::uint32_t alignment = 1;
};

/// Loads and stores of several words, and exclusive ones: unaligned, they fault in any case.
/// The stack pointer and the pc are always aligned.
template <RegisterValue F>
constexpr Access multiple_access(const Instruction& i, F value) {
  if (!i.wide) {
    if ((i.first & 0xF000) == 0xC000) return {value(i.first >> 8 & 7), 4};
    return {};
  }
  const std::uint32_t base = i.first & 0xF;
  if (base == 13 || base == 15) return {};
  if ((i.first & 0xFE00) == 0xE800) {
    // With bit 6: two words, exclusive, or a table branch. Offsets are multiples of 4.
    const bool unusual = (i.first & 0xFFE0) == 0xE8C0;
    const std::uint32_t operation = i.second >> 4 & 0xF;
    if (unusual && operation == 5) return {value(base), 2};  // LDREXH, STREXH
    if (unusual) return {};
    return {value(base), 4};
  }
  // VLDR, VSTR, VLDM, VSTM; with P = U = W = 0 register transfers.
  if ((i.first & 0xFE00) == 0xEC00 && uses_float(i) && (i.first & 0x01A0) != 0) {
    return {value(base), 4};
  }
  return {};
}

/// Loads and stores of one halfword or word: unaligned, they fault if CCR.UNALIGN_TRP is set.
template <RegisterValue F>
constexpr Access single_access(const Instruction& i, F value) {
  if (!i.wide) {
    const std::uint32_t base = i.first >> 3 & 7;
    const std::uint32_t immediate = i.first >> 6 & 0x1F;
    switch (i.first >> 12) {
      case 5: {
        constexpr std::array<std::uint32_t, 8> kAlignment = {4, 2, 1, 1, 4, 2, 1, 2};
        return {value(base) + value(i.first >> 6 & 7), kAlignment[i.first >> 9 & 7]};
      }
      case 6:
        return {value(base) + 4 * immediate, 4};
      case 8:
        return {value(base) + 2 * immediate, 2};
      default:
        return {};
    }
  }
  if ((i.first & 0xFE00) != 0xF800) return {};
  const std::uint32_t base = i.first & 0xF;
  const std::uint32_t alignment = 1U << (i.first >> 5 & 3);
  if (base == 15 || alignment > 4) return {};
  const std::uint32_t start = value(base);
  if ((i.first & 0x80) != 0) return {start + (i.second & 0xFFF), alignment};
  if ((i.second & 0x800) == 0) {
    return {start + (value(i.second & 0xF) << (i.second >> 4 & 3)), alignment};
  }
  const bool indexed = (i.second & 0x400) != 0;
  const bool up = (i.second & 0x200) != 0;
  const std::uint32_t offset = i.second & 0xFF;
  return {indexed ? (up ? start + offset : start - offset) : start, alignment};
}

/// The address of an access that faults because of its alignment.
template <RegisterValue F>
constexpr std::optional<std::uint32_t> unaligned_access(const Instruction& i, bool single_faults,
                                                        F value) {
  const Access multiple = multiple_access(i, value);
  if (multiple.address % multiple.alignment != 0) return multiple.address;
  if (!single_faults) return std::nullopt;
  const Access single = single_access(i, value);
  if (single.address % single.alignment != 0) return single.address;
  return std::nullopt;
}

}  // namespace drone::board
