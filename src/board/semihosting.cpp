// SPDX-License-Identifier: MIT
#include "board/semihosting.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "board/cpu.hpp"

namespace drone::board {

namespace {

enum : std::uint32_t {
  kOpen = 0x01,
  kClose = 0x02,
  kWriteCharacter = 0x03,
  kWriteString = 0x04,
  kWrite = 0x05,
  kRead = 0x06,
  kIsTty = 0x09,
  kErrno = 0x13,
  kExit = 0x18,
  kExitExtended = 0x20,
};
constexpr std::uint32_t kApplicationExit = 0x20026;
constexpr std::uint32_t kFailed = UINT32_MAX;

// ":tt" opened for reading, writing and appending; only the last two are written to.
constexpr std::uint32_t kStdout = 1;
constexpr std::uint32_t kStderr = 2;
constexpr std::uint32_t kStdin = 3;
constexpr std::uint32_t kModeWrite = 4;
constexpr std::uint32_t kModeAppend = 8;

std::uint32_t word(const Cpu& cpu, std::uint32_t address) {
  std::uint32_t value = 0;
  cpu.read_memory(address, std::as_writable_bytes(std::span(&value, 1)));
  return value;
}

std::optional<char> character(const Cpu& cpu, std::uint32_t address) {
  char value = 0;
  if (!cpu.read_memory(address, std::as_writable_bytes(std::span(&value, 1)))) return std::nullopt;
  return value;
}

}  // namespace

std::optional<int> semihost(Cpu& cpu, std::ostream& console) {
  const std::uint32_t parameter = cpu.reg(1);
  const auto field = [&](unsigned i) { return word(cpu, parameter + 4 * i); };
  std::uint32_t result = 0;
  switch (cpu.reg(0)) {
    case kOpen: {
      std::string name;
      for (std::uint32_t i = 0; i != field(2) && i != 4; ++i) {
        name += character(cpu, field(0) + i).value_or('?');
      }
      if (name != ":tt" || field(2) != 3) {
        result = kFailed;
      } else {
        result = field(1) >= kModeAppend ? kStderr : field(1) >= kModeWrite ? kStdout : kStdin;
      }
      break;
    }
    case kClose:
    case kErrno:
      break;
    case kIsTty:
      result = 1;
      break;
    case kWriteCharacter:
      if (const auto c = character(cpu, parameter)) console << *c;
      console.flush();
      break;
    case kWriteString:
      for (std::uint32_t at = parameter;; ++at) {
        const auto c = character(cpu, at);
        if (!c || *c == '\0') break;
        console << *c;
      }
      console.flush();
      break;
    case kWrite: {
      // The result is how many bytes were not written.
      result = field(2);
      if (field(0) != kStdout && field(0) != kStderr) break;
      for (std::uint32_t at = field(1); result != 0; ++at, --result) {
        const auto c = character(cpu, at);
        if (!c) break;
        console << *c;
      }
      console.flush();
      break;
    }
    case kRead:
      result = field(2);  // nothing to be read
      break;
    case kExit:
      return parameter == kApplicationExit ? 0 : 1;
    case kExitExtended: {
      const std::uint32_t status = field(1);
      if (field(0) == kApplicationExit && status == 0) return 0;
      console << "the program exited with status " << static_cast<std::int32_t>(status) << '\n';
      console.flush();
      return 1;
    }
    default:
      result = kFailed;
      break;
  }
  cpu.set_reg(0, result);
  return std::nullopt;
}

}  // namespace drone::board
