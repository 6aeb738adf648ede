// SPDX-License-Identifier: MIT
#include "board/options.hpp"

#include <charconv>
#include <optional>

#include "support/error.hpp"

namespace drone::board {

namespace {

[[noreturn]] void refuse(const std::string& message) {
  throw Error(ExitStatus::kUsage, message, "drone-board --help shows the options");
}

std::optional<std::uint64_t> parse_number(std::string_view text, bool with_unit) {
  std::uint64_t factor = 1;
  if (with_unit && !text.empty() && (text.back() == 'K' || text.back() == 'M')) {
    factor = text.back() == 'K' ? 1024 : 1024 * 1024;
    text.remove_suffix(1);
  }
  int base = 10;
  if (text.substr(0, 2) == "0x" || text.substr(0, 2) == "0X") {
    base = 16;
    text.remove_prefix(2);
  }
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (value > UINT64_MAX / factor) return std::nullopt;
  return value * factor;
}

MemoryRegion parse_memory(const std::string& text) {
  const std::size_t first = text.find(':');
  const std::size_t second = first == std::string::npos ? first : text.find(':', first + 1);
  if (second == std::string::npos || first == 0) {
    refuse("'" + text + "' is no memory: NAME:ORIGIN:SIZE is expected");
  }
  const auto origin = parse_number(std::string_view(text).substr(first + 1, second - first - 1),
                                   /*with_unit=*/false);
  const auto size = parse_number(std::string_view(text).substr(second + 1), /*with_unit=*/true);
  if (!origin || *origin > UINT32_MAX) refuse("'" + text + "': the origin is no 32-bit number");
  if (!size || *size == 0 || *size > UINT32_MAX) refuse("'" + text + "': the size is no number");
  return {.name = text.substr(0, first),
          .origin = static_cast<std::uint32_t>(*origin),
          .size = static_cast<std::uint32_t>(*size),
          .writable = true};
}

void check_complete(const Options& options) {
  if (options.regions.empty()) refuse("no memory: --memory flash:ORIGIN:SIZE is missing");
  if (options.regions.front().name != "flash") refuse("the first --memory must be named flash");
  if (options.clock_hz == 0) refuse("--clock is missing");
  if (options.elf.empty()) refuse("the firmware's ELF file is missing");
}

}  // namespace

Options parse_options(std::span<const char* const> arguments) {
  Options options;
  bool only_operands = false;
  for (std::size_t i = 0; i != arguments.size(); ++i) {
    std::string name = arguments[i];
    if (only_operands || name.size() < 2 || name[0] != '-') {
      if (!options.elf.empty()) refuse("one ELF file is expected, not also '" + name + "'");
      options.elf = name;
      continue;
    }
    std::optional<std::string> attached;
    if (const std::size_t equals = name.find('='); equals != std::string::npos) {
      attached = name.substr(equals + 1);
      name.resize(equals);
    }
    const auto value = [&]() -> std::string {
      if (attached) return *attached;
      if (i + 1 == arguments.size()) refuse(name + " needs a value");
      return arguments[++i];
    };
    if (name == "--") {
      only_operands = true;
    } else if (name == "--help" || name == "-h") {
      options.help = true;
      return options;
    } else if (name == "--halt") {
      options.start_halted = true;
    } else if (name == "--core") {
      const std::string core = value();
      if (core != "cortex-m3" && core != "cortex-m4") {
        refuse("'" + core + "' is no core that can be emulated: cortex-m3, cortex-m4");
      }
      options.core = core == "cortex-m3" ? CoreKind::kCortexM3 : CoreKind::kCortexM4;
    } else if (name == "--memory") {
      options.regions.push_back(parse_memory(value()));
      if (options.regions.size() == 1) options.regions.front().writable = false;
    } else if (name == "--clock") {
      const std::string text = value();
      const auto hz = parse_number(text, /*with_unit=*/false);
      if (!hz || *hz < 1000 || *hz > UINT32_MAX) {
        refuse("'" + text + "' is no clock: 1000 to 4294967295 Hz");
      }
      options.clock_hz = static_cast<std::uint32_t>(*hz);
    } else if (name == "--speed") {
      const std::string speed = value();
      if (speed != "real" && speed != "max") refuse("'" + speed + "' is no speed: real, max");
      options.real_time = speed == "real";
    } else if (name == "--gdb") {
      options.gdb = value();
      if (options.gdb.empty()) refuse("--gdb needs a path");
    } else {
      refuse("unknown option '" + name + "'");
    }
  }
  check_complete(options);
  return options;
}

}  // namespace drone::board
