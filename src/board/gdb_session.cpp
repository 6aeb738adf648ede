// SPDX-License-Identifier: MIT
#include "board/gdb_session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "board/gdb_registers.hpp"
#include "board/machine.hpp"

namespace drone::board {

namespace {

constexpr std::size_t kPacketBytes = 0x4000;
constexpr std::string_view kOk = "OK";
constexpr std::string_view kError = "E01";

std::optional<std::uint32_t> hex_number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

struct Range {
  std::uint32_t start = 0;
  std::uint32_t length = 0;
};

std::optional<Range> hex_range(std::string_view text) {
  const std::size_t comma = text.find(',');
  if (comma == std::string_view::npos) return std::nullopt;
  const auto start = hex_number(text.substr(0, comma));
  const auto length = hex_number(text.substr(comma + 1));
  if (!start || !length) return std::nullopt;
  return Range{*start, *length};
}

bool starts_with(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

}  // namespace

GdbSession::~GdbSession() { remove_breakpoints(); }

void GdbSession::remove_breakpoints() {
  auto& all = target_.machine().breakpoints();
  for (const std::uint32_t address : breakpoints_) all.erase(all.find(address));
  breakpoints_.clear();
}

void GdbSession::receive(std::span<const std::byte> bytes) {
  parser_.feed(bytes);
  while (const auto message = parser_.next()) {
    switch (message->kind) {
      case GdbPacketParser::Kind::kPacket:
        if (acknowledges_) output_ += '+';
        packet(message->data);
        break;
      case GdbPacketParser::Kind::kBadPacket:
        if (acknowledges_) output_ += '-';
        break;
      case GdbPacketParser::Kind::kInterrupt:
        target_.halt(kSignalInterrupt);
        break;
      default:
        break;  // the stream is reliable: nothing is ever sent again
    }
  }
}

void GdbSession::answer(std::string_view data) { output_ += encode_gdb_packet(data); }

void GdbSession::notify_halted() {
  if (!waiting_) return;
  waiting_ = false;
  answer(stop_reply());
}

void GdbSession::notify_exit(int status) {
  if (!waiting_) return;
  waiting_ = false;
  answer(fmt::format("W{:02x}", static_cast<unsigned>(status) & 0xFF));
}

std::string GdbSession::stop_reply() const {
  return fmt::format("T{:02x}thread:1;", target_.signal());
}

void GdbSession::packet(const std::string& data) {
  Machine& machine = target_.machine();
  const std::string_view rest = std::string_view(data).substr(data.empty() ? 0 : 1);
  switch (data.empty() ? '\0' : data[0]) {
    case '?':
      debugger_ = true;
      target_.debuggers_changed();
      if (!target_.halted()) target_.halt(kSignalInterrupt);
      return answer(stop_reply());
    case 'g':
      return answer(all_registers());
    case 'G':
      return answer(set_all_registers(rest) ? kOk : kError);
    case 'p': {
      const auto number = hex_number(rest);
      const auto value = number ? read_gdb_register(machine.cpu(), *number) : std::nullopt;
      return answer(value ? to_hex(*value) : std::string(kError));
    }
    case 'P': {
      const std::size_t equals = rest.find('=');
      const auto number = hex_number(rest.substr(0, equals));
      const auto value =
          equals == std::string_view::npos ? std::nullopt : from_hex(rest.substr(equals + 1));
      const bool done = number && value && write_gdb_register(machine.cpu(), *number, *value);
      return answer(done ? kOk : kError);
    }
    case 'm':
      return answer(read_memory(rest));
    case 'M':
    case 'X': {
      const std::size_t colon = rest.find(':');
      if (colon == std::string_view::npos) return answer(kError);
      const std::string_view payload = rest.substr(colon + 1);
      const auto bytes = data[0] == 'M' ? from_hex(payload) : std::string(payload);
      return answer(bytes ? write_memory(rest.substr(0, colon), *bytes) : std::string(kError));
    }
    case 'Z':
    case 'z':
      return answer(breakpoint(data));
    case 'c':
    case 'C':
      return resume(false);
    case 's':
    case 'S':
      return resume(true);
    case 'H':
    case 'T':
      return answer(kOk);
    case 'D':
      return detach();
    case 'k':
      return target_.kill();
    case 'q':
    case 'Q':
      return query(data);
    case 'v':
      if (data == "vCont?") return answer("vCont;c;C;s;S");
      if (starts_with(data, "vCont;")) return verbose_resume(std::string_view(data).substr(6));
      if (starts_with(data, "vKill")) {
        answer(kOk);
        return target_.kill();
      }
      return answer("");
    default:
      return answer("");
  }
}

void GdbSession::query(std::string_view data) {
  if (starts_with(data, "qSupported")) {
    return answer(
        fmt::format("PacketSize={:x};QStartNoAckMode+;qXfer:features:read+;vContSupported+;"
                    "swbreak-;hwbreak-",
                    kPacketBytes));
  }
  if (data == "QStartNoAckMode") {
    answer(kOk);
    acknowledges_ = false;
    return;
  }
  constexpr std::string_view kFeatures = "qXfer:features:read:target.xml:";
  if (starts_with(data, kFeatures)) return read_features(data.substr(kFeatures.size()));
  constexpr std::string_view kCommand = "qRcmd,";
  if (starts_with(data, kCommand)) return remote_command(data.substr(kCommand.size()));
  if (data == "qAttached") return answer("1");
  if (data == "qC") return answer("QC1");
  if (data == "qfThreadInfo") return answer("m1");
  if (data == "qsThreadInfo") return answer("l");
  answer("");
}

void GdbSession::read_features(std::string_view range) {
  const auto part = hex_range(range);
  if (!part) return answer(kError);
  const std::string xml = target_description(target_.machine().cpu());
  if (part->start >= xml.size()) return answer("l");
  const std::string_view chunk = std::string_view(xml).substr(
      part->start, std::min<std::size_t>(part->length, kPacketBytes / 2));
  answer((part->start + chunk.size() == xml.size() ? "l" : "m") + std::string(chunk));
}

void GdbSession::remote_command(std::string_view hex) {
  const auto command = from_hex(hex);
  if (!command) return answer(kError);
  // A client that waits for a stop hears of it after the answer.
  const bool waited = std::exchange(waiting_, false);
  const GdbTarget::Answer result = target_.monitor(*command);
  if (!result.done) {
    answer("O" + to_hex(result.text + '\n'));
    answer(kError);
  } else {
    answer(result.text.empty() ? std::string(kOk) : to_hex(result.text + '\n'));
  }
  waiting_ = waited;
  if (target_.halted()) notify_halted();
}

void GdbSession::resume(bool step) {
  waiting_ = true;
  if (step && target_.halted()) {
    target_.step();
  } else {
    target_.resume();
  }
}

// There is one thread: the first action is its.
void GdbSession::verbose_resume(std::string_view actions) {
  const char action = actions.empty() ? '\0' : actions[0];
  if (action == 'c' || action == 'C') return resume(false);
  if (action == 's' || action == 'S') return resume(true);
  answer(kError);
}

void GdbSession::detach() {
  remove_breakpoints();
  debugger_ = false;
  waiting_ = false;
  answer(kOk);
  target_.debuggers_changed();
  target_.resume();
}

std::string GdbSession::all_registers() const {
  const Cpu& cpu = target_.machine().cpu();
  std::string bytes;
  for (const unsigned number : gdb_registers(cpu)) bytes += *read_gdb_register(cpu, number);
  return to_hex(bytes);
}

bool GdbSession::set_all_registers(std::string_view hex) {
  Cpu& cpu = target_.machine().cpu();
  const auto bytes = from_hex(hex);
  if (!bytes) return false;
  std::size_t used = 0;
  for (const unsigned number : gdb_registers(cpu)) {
    const std::size_t size = read_gdb_register(cpu, number)->size();
    if (used + size > bytes->size()) break;
    write_gdb_register(cpu, number, bytes->substr(used, size));
    used += size;
  }
  return used == bytes->size();
}

std::string GdbSession::read_memory(std::string_view range) const {
  const auto part = hex_range(range);
  if (!part) return std::string(kError);
  std::string bytes(std::min<std::size_t>(part->length, kPacketBytes / 2), '\0');
  if (!target_.machine().read(part->start, std::as_writable_bytes(std::span(bytes)))) {
    return std::string(kError);
  }
  return to_hex(bytes);
}

std::string GdbSession::write_memory(std::string_view range, std::string_view bytes) {
  const auto part = hex_range(range);
  if (!part || part->length != bytes.size()) return std::string(kError);
  const bool done =
      bytes.empty() || target_.machine().write(part->start, std::as_bytes(std::span(bytes)));
  return std::string(done ? kOk : kError);
}

std::string GdbSession::breakpoint(std::string_view data) {
  // Type, address, kind. Both types stop before the instruction; memory is not changed.
  if (data.size() < 3 || data[2] != ',' || (data[1] != '0' && data[1] != '1')) return {};
  const auto place = hex_range(data.substr(3, data.find(';', 3) - 3));
  if (!place) return std::string(kError);
  const std::uint32_t address = place->start & ~1U;
  auto& all = target_.machine().breakpoints();
  if (data[0] == 'Z') {
    if (breakpoints_.insert(address).second) all.insert(address);
  } else if (const auto mine = breakpoints_.find(address); mine != breakpoints_.end()) {
    breakpoints_.erase(mine);
    all.erase(all.find(address));
  }
  return std::string(kOk);
}

}  // namespace drone::board
