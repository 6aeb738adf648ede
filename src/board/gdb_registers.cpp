// SPDX-License-Identifier: MIT
#include "board/gdb_registers.hpp"

#include <fmt/format.h>

#include <array>
#include <cstring>

#include "board/cpu.hpp"

namespace drone::board {

namespace {

constexpr unsigned kXpsr = 25;
constexpr unsigned kSpecial = 26;  // msp, psp, primask, basepri, faultmask, control
constexpr unsigned kSpecialEnd = 32;
constexpr unsigned kDouble = 32;  // d0 to d15
constexpr unsigned kDoubleEnd = 48;
constexpr unsigned kFpscr = 48;

std::uint32_t* special_field(SpecialRegisters& special, unsigned number) {
  switch (number) {
    case kXpsr:
      return &special.xpsr;
    case kSpecial:
      return &special.msp;
    case kSpecial + 1:
      return &special.psp;
    case kSpecial + 2:
      return &special.primask;
    case kSpecial + 3:
      return &special.basepri;
    case kSpecial + 4:
      return &special.faultmask;
    case kSpecial + 5:
      return &special.control;
    default:
      return nullptr;
  }
}

std::string bytes_of(std::uint32_t value) {
  std::string bytes(sizeof(value), '\0');
  std::memcpy(bytes.data(), &value, sizeof(value));
  return bytes;
}

}  // namespace

std::string target_description(const Cpu& cpu) {
  std::string xml =
      "<?xml version=\"1.0\"?>\n<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n"
      "<target version=\"1.0\">\n<architecture>arm</architecture>\n"
      "<feature name=\"org.gnu.gdb.arm.m-profile\">\n";
  for (unsigned i = 0; i != 13; ++i) {
    xml += fmt::format("<reg name=\"r{0}\" bitsize=\"32\" regnum=\"{0}\"/>\n", i);
  }
  xml +=
      "<reg name=\"sp\" bitsize=\"32\" regnum=\"13\" type=\"data_ptr\"/>\n"
      "<reg name=\"lr\" bitsize=\"32\" regnum=\"14\"/>\n"
      "<reg name=\"pc\" bitsize=\"32\" regnum=\"15\" type=\"code_ptr\"/>\n"
      "<reg name=\"xpsr\" bitsize=\"32\" regnum=\"25\"/>\n</feature>\n"
      "<feature name=\"org.gnu.gdb.arm.m-system\">\n";
  constexpr std::array kNames = {"msp", "psp", "primask", "basepri", "faultmask", "control"};
  for (unsigned i = 0; i != kNames.size(); ++i) {
    xml += fmt::format("<reg name=\"{}\" bitsize=\"32\" regnum=\"{}\"{}/>\n", kNames[i],
                       kSpecial + i, i < 2 ? " type=\"data_ptr\"" : "");
  }
  xml += "</feature>\n";
  if (cpu.has_float()) {
    xml += "<feature name=\"org.gnu.gdb.arm.vfp\">\n";
    for (unsigned i = 0; i != kDoubleEnd - kDouble; ++i) {
      xml += fmt::format("<reg name=\"d{}\" bitsize=\"64\" type=\"ieee_double\" regnum=\"{}\"/>\n",
                         i, kDouble + i);
    }
    xml += "<reg name=\"fpscr\" bitsize=\"32\" group=\"float\" regnum=\"48\"/>\n</feature>\n";
  }
  return xml + "</target>\n";
}

std::vector<unsigned> gdb_registers(const Cpu& cpu) {
  std::vector<unsigned> numbers;
  for (unsigned i = 0; i != 16; ++i) numbers.push_back(i);
  for (unsigned i = kXpsr; i != kSpecialEnd; ++i) numbers.push_back(i);
  if (cpu.has_float()) {
    for (unsigned i = kDouble; i <= kFpscr; ++i) numbers.push_back(i);
  }
  return numbers;
}

std::optional<std::string> read_gdb_register(const Cpu& cpu, unsigned number) {
  if (number < 16) return bytes_of(cpu.reg(number));
  if (number >= kXpsr && number < kSpecialEnd) {
    SpecialRegisters special = cpu.special();
    return bytes_of(*special_field(special, number));
  }
  if (!cpu.has_float()) return std::nullopt;
  if (number >= kDouble && number < kDoubleEnd) {
    const unsigned single = 2 * (number - kDouble);
    return bytes_of(cpu.float_reg(single)) + bytes_of(cpu.float_reg(single + 1));
  }
  if (number == kFpscr) return bytes_of(cpu.fpscr());
  return std::nullopt;
}

bool write_gdb_register(Cpu& cpu, unsigned number, const std::string& bytes) {
  const bool is_double = number >= kDouble && number < kDoubleEnd;
  if (bytes.size() != (is_double ? 8 : 4)) return false;
  std::array<std::uint32_t, 2> words{};
  std::memcpy(words.data(), bytes.data(), bytes.size());
  if (number < 16) {
    cpu.set_reg(number, words[0]);
    return true;
  }
  if (number >= kXpsr && number < kSpecialEnd) {
    SpecialRegisters special = cpu.special();
    *special_field(special, number) = words[0];
    const std::uint32_t pc = cpu.reg(Register::kPc);
    cpu.set_special(special);
    cpu.set_reg(Register::kPc, pc);
    return true;
  }
  if (!cpu.has_float()) return false;
  if (is_double) {
    const unsigned single = 2 * (number - kDouble);
    cpu.set_float_reg(single, words[0]);
    cpu.set_float_reg(single + 1, words[1]);
    return true;
  }
  if (number != kFpscr) return false;
  cpu.set_fpscr(words[0]);
  return true;
}

}  // namespace drone::board
